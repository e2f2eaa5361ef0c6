"""A router for tests: what a key gives a client elsewhere, a client of this one gets by the name that it says.

Everything else is as in any cluster: sockets, dispatcher, workers and database. GRANTS is a JSON object of grants by
client name; a name that is not in it is a local client's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import orjson

from memmux.errors import MemmuxError
from memmux.wire import protocol
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.protocol import Kind
from router import __main__ as program
from router.dispatch.actions import Action
from router.dispatch.dispatcher import Dispatcher

GRANTS = {name: Grant.from_json(fields) for name, fields in orjson.loads(os.environ["GRANTS"]).items()}


class Granting(Dispatcher):
    """Takes the name that a client says for its key."""

    said: dict[bytes, Grant]

    def on_client(self, routing_id: bytes, frames: Sequence[bytes], now: float, grant: Grant = LOCAL) -> list[Action]:
        """Take a message from a client, with the grant of the name that it said."""
        known = self.__dict__.setdefault("said", {})
        try:
            header = protocol.decode(frames).header
        except MemmuxError:
            header = None
        if header is not None and header.kind is Kind.HELLO:
            known[routing_id] = GRANTS.get(str(header.detail.get("name")), LOCAL)
        return super().on_client(routing_id, frames, now, known.get(routing_id, grant))


program.Dispatcher = Granting  # type: ignore[misc]  # a class is a name like any other
sys.exit(program.main(sys.argv[1:]))
