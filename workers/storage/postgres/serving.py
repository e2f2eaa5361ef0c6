"""Serving: which model the vectors are of by which a database is searched, for who embeds its queries."""

from __future__ import annotations

import math
import time
from functools import partial

import psycopg

from memmux.errors import MemmuxError
from workers.embedding.interface import Named
from workers.runtime.jobs import silent
from workers.storage.postgres import engine
from workers.storage.postgres.connection import PostgresConnection
from workers.storage.postgres.engine import Role
from workers.storage.postgres.errors import errors
from workers.storage.records import vectors

ASK_S = 2.0  # for an answer
AGAIN_S = 10.0  # before servers that did not answer are asked again: it may take seconds to find that out


class Serving:
    """Asks the server that readers of `url` ask, on a connection that it keeps."""

    def __init__(self, url: str) -> None:
        self._connection = PostgresConnection(partial(engine.connect, url, Role.READ))
        self._model: Named | None = None
        self._ask_at = -math.inf

    def model(self) -> Named | None:
        """Return the current model, as it was when a server last said it; None where there is none, or no database."""
        if (now := time.monotonic()) >= self._ask_at:
            self._connection.use(silent, now + ASK_S)
            try:
                with errors():
                    self._model = self._served()
            except MemmuxError:  # the reader and the writer say what is wrong
                self._ask_at = time.monotonic() + AGAIN_S
        return self._model

    def _served(self) -> Named | None:
        try:
            return vectors.served(self._connection)
        except psycopg.errors.UndefinedTable:
            return None  # the writer is about to make it

    def close(self) -> None:
        """Leave the database."""
        self._connection.drop()
