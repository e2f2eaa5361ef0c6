"""A client of HTTP: searches over one connection for so many seconds each time it is told to, and says how many.

`python -m bench.harness.http_searcher ADDRESS TOKEN QUESTIONS`; a line on standard input begins a round of so many
seconds, and is answered with a line of the times of all searches, in seconds.
"""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import orjson

from bench.harness.questions import Questions


def _round(connection: http.client.HTTPConnection, token: str, texts: Iterator[str], seconds: float) -> list[float]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    taken: list[float] = []
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until or not taken:
        connection.request("POST", "/api/search", orjson.dumps({"query": next(texts), "n_results": 10}), headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(body)
        taken.append(time.monotonic() - began)
    return taken


def main() -> None:
    """Search as it is told."""
    address, token, questions = sys.argv[1:]
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port))
    texts = cycle(Questions.load(Path(questions)).texts)
    for line in sys.stdin:
        taken = _round(connection, token, texts, float(line))
        sys.stdout.buffer.write(orjson.dumps(taken) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
