"""Recoveries: the longest time without service after each kind of fault, and its promised bound."""

from __future__ import annotations

from dataclasses import dataclass

from bench.faults.schedule import SERVERS, Fault, Part

WORKER_S, ROUTER_S, GATEWAY_S = 2.0, 5.0, 5.0  # promised recoveries from a single kill
PROMOTED_S = 3.0  # the same, from a promotion on
SESSION_S = 5.0  # for which a session may outlive its client


@dataclass(slots=True)
class Recoveries:
    """The longest time without service after a kill of one worker, of the router, and so on; in seconds.

    server_s: after the promotion in the place of a primary that was killed, or the start of a replica that was.
    several_s: after two faults at once, or one while a worker is still stalled by an earlier one. session_s: of the
    session of a client after the end of its process or relay.
    """

    worker_s: float = 0.0
    router_s: float = 0.0
    gateway_s: float = 0.0
    server_s: float = 0.0
    stall_s: float = 0.0
    several_s: float = 0.0
    session_s: float = 0.0

    def note(self, fault: Fault, seconds: float, *, beside: bool) -> None:
        """Note how long the recovery from a fault took; beside: whether an earlier one was not over."""
        blow = fault.blows[0]
        if beside or not fault.single:
            self.several_s = max(self.several_s, seconds)
        elif blow.stall:
            self.stall_s = max(self.stall_s, seconds)
        elif blow.part is Part.ROUTER:
            self.router_s = max(self.router_s, seconds)
        elif blow.part is Part.GATEWAY:
            self.gateway_s = max(self.gateway_s, seconds)
        elif blow.part in SERVERS:
            self.server_s = max(self.server_s, seconds)
        elif blow.part.works:
            self.worker_s = max(self.worker_s, seconds)

    @property
    def in_time(self) -> bool:
        """Whether each is within what is promised of it."""
        return (
            self.worker_s <= WORKER_S
            and self.router_s <= ROUTER_S
            and self.gateway_s <= GATEWAY_S
            and self.server_s <= PROMOTED_S
            and self.session_s <= SESSION_S
        )
