"""The verdict: what the clients were told, held against what the database holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from bench.faults.evidence import Change, Evidence
from bench.faults.ledger import Entry

# What a client says by itself when nothing was to be had within the call's time.
SILENCE = frozenset({"deadline_exceeded", "cluster_unreachable", "cluster_start_failed", "worker_unavailable"})
_STORES = ("memory.store", "memory.store_similar", "memory.store_batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of some clients' calls.

    lost, duplicated, unanswered, broken: a sentence for each case. errors: how often each code was the answer.
    """

    calls: int
    acknowledged: int
    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    unanswered: tuple[str, ...]
    errors: dict[str, int]
    broken: tuple[str, ...]

    @property
    def cases(self) -> Iterator[str]:
        """Everything that is wrong."""
        for name in ("lost", "duplicated", "unanswered", "broken"):
            for case in getattr(self, name):
                yield f"{name}: {case}"


def judge(entries: Sequence[Entry], killed: Collection[str], evidence: Evidence) -> Verdict:
    """Return the verdict on the calls of clients of which some were killed; contents are unique among all calls."""
    case = _Case(entries, evidence)
    return Verdict(
        calls=len(entries),
        acknowledged=sum(entry.acknowledged for entry in entries),
        lost=tuple(case.lost()),
        duplicated=tuple(case.duplicated()),
        unanswered=tuple(_unanswered(entries, killed)),
        errors=dict(Counter(entry.error for entry in entries if entry.error)),
        broken=evidence.broken,
    )


def _unanswered(entries: Iterable[Entry], killed: Collection[str]) -> Iterator[str]:
    for entry in entries:
        if entry.error in SILENCE:
            yield f"{entry.operation} {entry.key}: {entry.error}"
        elif not entry.answered and entry.client not in killed:
            yield f"{entry.operation} {entry.key}: no answer, and its client was not killed"


class _Case:
    """The calls and the database, ordered for questions."""

    def __init__(self, entries: Sequence[Entry], evidence: Evidence) -> None:
        self._entries = entries
        self._evidence = evidence
        self._by_seq = {change.seq: change for change in evidence.changes}
        self._about: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.writes and entry.memory:
                self._about[entry.memory].append(entry)

    def lost(self) -> Iterator[str]:
        """Tell every acknowledged write that is not there, and every read that missed one."""
        for entry in self._entries:
            if entry.wrong:
                yield f"{entry.key}: {entry.wrong}"
            if entry.acknowledged:
                yield from self._unlogged(entry) if entry.keyed else ()
                yield from self._unstored(entry) if entry.operation in _STORES else self._unchanged(entry)
                if entry.keyed and entry.key not in self._evidence.keys:
                    yield f"{entry.operation} {entry.key}: acknowledged, but its key is not known"

    def duplicated(self) -> Iterator[str]:
        """Tell every write that was applied more than once."""
        for entry in self._entries:
            if any(ack.status == "duplicate" for ack in entry.acks):
                yield f"{entry.operation} {entry.key}: its content was there before, though nobody else stores it"
        contents = Counter(row.content for row in self._evidence.rows.values())
        for content, count in contents.items():
            if count > 1:
                yield f"{count} memories have the content {content[:60]!r}"
        requests = Counter((change.request, change.memory) for change in self._evidence.changes)
        for (request, memory), count in requests.items():
            if count > 1:
                yield f"request {request} changed {memory} {count} times"
        yield from self._surplus()

    def _surplus(self) -> Iterator[str]:
        """Tell the memories that were changed more often than there are calls that were applied to them."""
        applied = Counter(
            (entry.operation, entry.memory)
            for entry in chain.from_iterable(self._about.values())
            if entry.key in self._evidence.keys or not entry.keyed
        )
        logged = Counter((change.operation, change.memory) for change in self._evidence.changes)
        for (operation, memory), count in logged.items():
            wanted = 1 if operation in _STORES else applied[operation, memory]
            if operation.startswith("memory.") and memory in self._evidence.rows and count > wanted:
                yield f"{operation} changed {memory} {count} times, but {wanted} calls asked for it"

    def _unlogged(self, entry: Entry) -> Iterator[str]:
        for ack in entry.acks:
            change: Change | None = self._by_seq.get(ack.seq)
            if change is None or (change.memory, change.operation) != (ack.memory, entry.operation):
                yield f"{entry.operation} {entry.key}: acknowledged as change {ack.seq}, which is {change}"

    def _unstored(self, entry: Entry) -> Iterator[str]:
        """Tell what is wrong with the memories that a store made, unless others were asked to change that."""
        for ack, content in zip(entry.acks, entry.contents, strict=True):
            row = self._evidence.rows.get(ack.memory)
            if row is None:
                yield f"{entry.operation} {entry.key}: {ack.memory} is not there"
                continue
            others = self._about[ack.memory]
            if row.deleted and not any(other.operation == "memory.delete" for other in others):
                yield f"{entry.operation} {entry.key}: {ack.memory} is deleted, and nobody asked for it"
            if row.content not in self._possible(content, others):
                yield f"{entry.operation} {entry.key}: {ack.memory} holds {row.content[:60]!r}"

    def _possible(self, stored: str, others: Sequence[Entry]) -> set[str]:
        """Return what a memory may hold: what the last acknowledged write gave it, or one without an answer."""
        possible = {stored}
        for other in others:
            if other.operation == "memory.rewrite":
                possible = set(other.contents) if other.acknowledged else possible | set(other.contents)
        return possible

    def _unchanged(self, entry: Entry) -> Iterator[str]:
        row = self._evidence.rows.get(entry.memory)
        if row is None:
            yield f"{entry.operation} {entry.key}: {entry.memory} is not there"
        elif entry.operation == "memory.delete" and not row.deleted:
            yield f"{entry.operation} {entry.key}: {entry.memory} is not deleted"
        elif entry.mark and entry.mark not in row.metadata:
            yield f"{entry.operation} {entry.key}: {entry.memory} does not have its mark"
