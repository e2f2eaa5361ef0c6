"""Ways to a gateway, and what is heard on them, for the tests of the relay."""

from __future__ import annotations

import os
from pathlib import Path

from memmux.relay import route as routes
from memmux.relay.frames import SETTLED, Frame
from memmux.relay.line_log import LineLog
from memmux.relay.route import Route
from memmux.relay.way import ClusterWay


def way_of(short_tmp: Path, mode: str = routes.SHARED, *flags: str) -> ClusterWay:
    """A way whose route is known; flags: more of the settings."""
    file = routes.path(["mcp"], os.environ, "/here")
    assert routes.make_folder(file)
    Path(file).write_bytes(Route(str(short_tmp / "mcp"), ("--tools=full", *flags), mode).pack())
    Path(file).chmod(0o600)
    return ClusterWay(["mcp"], "/here")


def heard(*said: Frame) -> LineLog:
    """The log of a relay that has heard these frames."""
    log = LineLog()
    log.connected(b"")
    for frame in said:
        log.receive(frame.pack())
    return log


def die(way: ClusterWay, times: int, now: float = 0.0, after: float = 1.0) -> None:
    """Have so many gateways die so many seconds after they got the same line."""
    for number in range(times):
        connected = way.step(now + 2 * after * number, search=True)
        assert connected is not None
        connected.close()
        log = heard(Frame(SETTLED))
        way.heard(now + 2 * after * number)
        log.read(b"the line that they die of\n", 0)
        way.lost(now + 2 * after * number + after, log)
