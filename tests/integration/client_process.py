"""A client in a process of its own: stores NUMBER memories and prints what it got as JSON."""

from __future__ import annotations

import json
import sys

from memmux import Client


def main(name: str, stores: int) -> None:
    with Client(name=name) as client:
        acknowledged = [client.store(f"{name} remembers fact {number}").id for number in range(stores)]
        found = [client.get(memory_id).content for memory_id in acknowledged]
        status = client.status()
        sys.stdout.write(json.dumps({"name": name, "ids": acknowledged, "contents": found, "router": status.pid}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
