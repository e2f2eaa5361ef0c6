"""The operation table: each operation's name and its route through the workers.

A route is a list of stages; the router walks a request through them in order (a routing slip) and appends the frames
that one stage returns to the message that the next one gets. The last stage's frames are the answer. An operation
without stages is answered by the router itself. Clients name operations, never stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from memmux.errors import UnknownOperationError
from memmux.wire.roles import Role


class Stage(StrEnum):
    """A kind of worker, and the step of a route that it does."""

    EMBED = "embed"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client may ask for.

    name: as it stands in the header.
    route: the stages, in order.
    needs: the least role of a client that may ask for it; the highest, if nothing is said.
    whole: it is about the whole database, so a client that is bound to namespaces may not ask for it.
    bulk: waits behind interactive requests.
    internal: only the router may start it.
    one_hop: where the readers have the model too, they embed the query themselves, and the embed stage is skipped.
    uncounted: it is in no statistics of what clients ask for.
    beside: the writer does it beside its turns, so other writes go on meanwhile.
    """

    name: str
    route: tuple[Stage, ...]
    needs: Role = Role.ADMIN
    whole: bool = False
    bulk: bool = False
    internal: bool = False
    one_hop: bool = False
    uncounted: bool = False
    beside: bool = False

    @property
    def writes(self) -> bool:
        """Whether the operation changes the memory, and so carries an idempotency key."""
        return Stage.WRITE in self.route


_TABLE = (
    Operation("memory.store", (Stage.EMBED, Stage.WRITE), Role.WRITE),
    # A store that also names what is nearly the same.
    Operation("memory.store_similar", (Stage.EMBED, Stage.READ, Stage.WRITE), Role.WRITE),
    Operation("memory.store_batch", (Stage.EMBED, Stage.WRITE), Role.WRITE, bulk=True),
    Operation("memory.search", (Stage.EMBED, Stage.READ), Role.READ, one_hop=True),  # semantic, hybrid, ranked
    Operation("memory.match", (Stage.READ,), Role.READ),  # keyword and exact: needs no vector
    Operation("memory.get", (Stage.READ,), Role.READ),
    Operation("memory.list", (Stage.READ,), Role.READ),
    Operation("memory.graph", (Stage.READ,), Role.READ),  # along the links between memories
    Operation("memory.namespaces", (Stage.READ,), Role.READ),
    Operation("memory.tags", (Stage.READ,), Role.READ),
    Operation("memory.timeline", (Stage.READ,), Role.READ),  # what happened on each day, counted
    Operation("memory.duplicates", (Stage.READ,), Role.READ, bulk=True),  # each memory is compared with all others
    Operation("memory.superseded", (Stage.READ,), Role.READ),
    Operation("memory.update", (Stage.WRITE,), Role.WRITE),  # tags, type, metadata
    Operation("memory.rewrite", (Stage.EMBED, Stage.WRITE), Role.WRITE),  # an update that replaces the content
    Operation("memory.delete", (Stage.WRITE,), Role.WRITE),
    Operation("memory.forget", (Stage.WRITE,), Role.WRITE),  # a delete of all that a filter lets through
    Operation("memory.use", (Stage.WRITE,), Role.WRITE),  # counts that memories were of use
    Operation("memory.history", (Stage.READ,), Role.READ),
    Operation("memory.changes", (Stage.READ,), Role.READ),  # what was stored, changed and deleted since
    Operation("memory.undo", (Stage.WRITE,), Role.WRITE),
    Operation("memory.purge", (Stage.WRITE,), Role.ADMIN),  # for good, the history included
    Operation("memory.dump", (Stage.READ,), Role.ADMIN, whole=True, bulk=True),  # a page of everything, as it is
    Operation("memory.load", (Stage.WRITE,), Role.ADMIN, whole=True, bulk=True),  # such a page, back again
    # Texts without a vector are read, embedded and written back, a batch at a time, when an embedder is there.
    Operation("vectors.backfill", (Stage.READ, Stage.EMBED, Stage.WRITE), whole=True, bulk=True, internal=True),
    # A row is written and read, on the routes of a change and of a search, to see whether the cluster works.
    Operation("health.write", (Stage.WRITE,), whole=True, bulk=True, internal=True, uncounted=True),
    Operation(
        "health.read",
        (Stage.EMBED, Stage.READ),
        whole=True,
        bulk=True,
        internal=True,
        one_hop=True,
        uncounted=True,
    ),
    Operation("admin.backup", (Stage.WRITE,), Role.ADMIN, whole=True, bulk=True, beside=True),
    Operation("admin.rebuild", (Stage.WRITE,), Role.ADMIN, whole=True, bulk=True),  # views, from the rows
    # A reader's in-memory index against the rows.
    Operation("admin.verify", (Stage.READ,), Role.ADMIN, whole=True, bulk=True),
    Operation("cluster.status", (), Role.READ),  # of which a client that is no admin is told little
    Operation("cluster.stop", (), Role.ADMIN, whole=True),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType({operation.name: operation for operation in _TABLE})
"""Every operation by its name."""


def operation(name: str) -> Operation:
    """Return the operation that clients call `name`; raise UnknownOperationError if they may not ask for it."""
    found = OPERATIONS.get(name)
    if found is None or found.internal:
        known = ", ".join(known.name for known in _TABLE if not known.internal)
        raise UnknownOperationError(f"there is no operation {name!r}; there are {known}")
    return found
