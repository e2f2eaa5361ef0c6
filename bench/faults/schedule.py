"""The schedule: which part of a cluster is struck next, and how; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

PAUSE_S = 0.3, 2.0  # the shortest and the longest between a recovery and the next fault


class Part(StrEnum):
    """What can be struck: a worker of a kind, the router, a client; the gateway, and an MCP host or its relay.

    And the fork server, for which nobody waits: who needs a worker meanwhile is given one otherwise. Of a database on
    PostgreSQL, the primary, in whose place another is promoted, and its replica.
    """

    READ = "read"
    EMBED = "embed"
    WRITE = "write"
    ROUTER = "router"
    CLIENT = "client"
    GATEWAY = "gateway"
    RELAY = "relay"
    HOST = "host"
    FORK_SERVER = "fork_server"
    PRIMARY = "primary"
    REPLICA = "replica"

    @property
    def works(self) -> bool:
        """Whether it is a worker."""
        return self in WORKERS

    @property
    def replaced(self) -> bool:
        """Whether it is replaced when it is stalled; the others are to go on after a while."""
        return self.works or self is Part.GATEWAY


WORKERS = (Part.READ, Part.EMBED, Part.WRITE)
SERVERS = (Part.PRIMARY, Part.REPLICA)
OWN = tuple(part for part in Part if part not in SERVERS)  # what every cluster has
EDGE = (Part.ROUTER, Part.GATEWAY, Part.RELAY, Part.HOST)  # what stands between an MCP client and the workers


@dataclass(frozen=True, slots=True)
class Blow:
    """One signal to one part; stall: SIGSTOP, otherwise SIGKILL."""

    part: Part
    stall: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Blows that fall at the same moment, so long after the recovery from the fault before."""

    pause_s: float
    blows: tuple[Blow, ...]

    @property
    def single(self) -> bool:
        """Whether it strikes one part alone; only then is the recovery the one that is promised."""
        return len(self.blows) == 1


def faults(seed: int, *, servers: bool = False) -> Iterator[Fault]:
    """Give faults without end: round after round of one of each kind, each round in another order.

    servers: whether those of a database on PostgreSQL are struck, too, and more often than any other part.
    """
    chance = random.Random(f"faults of {seed}")
    while True:
        deck: list[tuple[Blow, ...]] = [(Blow(part),) for part in OWN]
        deck += [(Blow(Part.WRITE),), (Blow(chance.choice(WORKERS), stall=True),), _pair(chance)]
        deck += [(Blow(chance.choice(EDGE), stall=True),), _edge_pair(chance)]
        deck += [(Blow(Part.FORK_SERVER, stall=True), Blow(chance.choice(WORKERS)))]  # it would have forked another one
        if servers:
            deck += [(Blow(part, stall=stall),) for part in SERVERS for stall in (False, True)]
            deck += [(Blow(Part.PRIMARY),), (Blow(Part.PRIMARY), Blow(chance.choice((*WORKERS, Part.ROUTER))))]
        chance.shuffle(deck)
        for blows in deck:
            yield Fault(round(chance.uniform(*PAUSE_S), 3), blows)


def _pair(chance: random.Random) -> tuple[Blow, ...]:
    """Return two blows to different parts: a worker that is killed or stalled, and another part that is killed."""
    first = chance.choice(WORKERS)
    second = chance.choice([part for part in OWN if part is not first])
    return Blow(first, stall=_half(chance)), Blow(second)


def _edge_pair(chance: random.Random) -> tuple[Blow, ...]:
    """Return two blows to different parts of the edge, each a kill or a stall."""
    return tuple(Blow(part, stall=_half(chance)) for part in chance.sample(EDGE, 2))


def _half(chance: random.Random) -> bool:
    return chance.random() < 0.5  # noqa: PLR2004 - a half, as of any coin
