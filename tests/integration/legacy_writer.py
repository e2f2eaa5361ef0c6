"""A process that goes on writing to a database of mcp-memory-service: `legacy_writer.py FILE COUNT`.

It prints the number of each memory once that is committed, and checkpoints often, as a busy server does.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

from tests.legacy_files import add, unit


def main(path: str, count: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA wal_autocheckpoint = 20")
        for number in range(count):
            connection.execute("BEGIN IMMEDIATE")
            add(connection, f"written {number}", unit(number), tags=f"t{number}")
            connection.execute("COMMIT")
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
