"""Merging: memories from a former home, which may still be in use, so that they come again with what changed there.

A memory that nobody changed here takes the state that it has there. Two of one content become one, and are two again
once their contents differ there. Vectors are kept, but nobody knows which model made them: they are unverified until an
audit has compared some of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from memmux import limits
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.records import dump, links, vectors
from workers.storage.records.embeddings import Embedded
from workers.storage.records.filters import spellings
from workers.storage.records.state import State
from workers.storage.writing import insertion
from workers.storage.writing.dump_lines import Line
from workers.storage.writing.insertion import CONFLICT, CREATED, DUPLICATE, MERGED, SKIPPED, UPDATED, Done
from workers.storage.writing.memory_table import MemoryTable

_SQL = queries.load("writer")
_LOAD = "memory.load"
_OURS = "memory.update"
_UNCHANGED = (
    *("namespace", "type", "metadata", "updated_at", "deleted_at", "supersedes", "superseded_by", "content"),
    *("thread", "place"),
)
Fields = Mapping[str, Any]


def adopt(memory_table: MemoryTable, job: Job, line: Line, *, newest: bool, since: int) -> Done:
    """Take up one memory, and return what became of it; raise the RequestError that says why it is none.

    newest: whether it takes the place of one that was changed here, if it was changed there later. since: the last
    change before the job.
    """
    memory = line.memory
    row = memory_table.connection.value(_SQL["by_id"], {"id": memory.id})
    if row is not None:
        return _again(memory_table, job, _without_names_of_others(memory_table, line, row), row, newest=newest)
    connection, names = memory_table.connection, [memory.id, *memory.aliases]
    into = links.named(connection, memory.namespace, names[:1]) or links.named(connection, memory.namespace, names)
    if into is not None and not _left(memory_table, line, into):
        return _merge(memory_table, job, line, into, since)
    if not line.state.deleted and (same := memory_table.same(memory.namespace, memory.content_hash)):
        if into is not None:
            links.drop_aliases(connection, into, names)
        return _merge(memory_table, job, line, same[0], since)
    if connection.value(_SQL["purged"], {"id": memory.id}):
        if line.state.deleted:
            return Done(SKIPPED)
        return Done(CONFLICT, f"the memory {memory.id!r} was deleted here for good, and does not come back")
    texts = _fitting(memory_table, line)
    row = insertion.insert(memory_table, job, line, texts)
    if into is not None:
        links.drop_aliases(connection, into, names)
        links.add_aliases(connection, row, memory.aliases)
    return Done(CREATED, row=row, unverified=bool(texts))


def _left(memory_table: MemoryTable, line: Line, row: int) -> bool:
    """Return whether the memory of the line, which became one with the memory `row`, is another one by now.

    It is not where its text is as it was and the memory `row` was changed here: then that stands for both.
    """
    now, text = memory_table.state(row), line.memory.content_hash
    if line.state.deleted or (text == now.memory.content_hash and not now.deleted):
        return False
    return not _ours(memory_table, row) or not (
        text == now.memory.content_hash
        or memory_table.connection.value(_SQL["had_content"], {"row": row, "content_hash": text})
    )


def _ours(memory_table: MemoryTable, row: int) -> bool:
    """Return whether the memory `row` was stored or changed here, after all that was taken over."""
    return bool(memory_table.connection.value(_SQL["last_operation"], {"row": row}) != _LOAD)


def _again(memory_table: MemoryTable, job: Job, line: Line, row: int, *, newest: bool) -> Done:
    """Let the memory `row`, which is the one of the line, be as it is there, unless it was changed here."""
    memory = line.memory
    if _holds(dump.dumped(memory_table.connection, row), line.dumped()):
        return Done(SKIPPED)
    now = memory_table.state(row, origin=True, links=True)
    if now.memory.namespace != memory.namespace:
        return Done(
            CONFLICT, f"the memory {memory.id!r} is in namespace {now.memory.namespace!r} here, and stays there"
        )
    ours = _ours(memory_table, row)
    if newest and _changed(memory_table.times(row)) >= _changed(line.times):
        return Done(CONFLICT, f"the memory {memory.id!r} was changed here later than there, and was left as it is")
    if ours and not newest:
        how = "deleted here, and stays so until that is undone" if now.deleted else "changed here, and stays as it is"
        return Done(CONFLICT, f"the memory {memory.id!r} was there before, was {how}")
    same = None if line.state.deleted else memory_table.same(memory.namespace, memory.content_hash)
    if same is not None and same[0] != row:
        return Done(DUPLICATE, f"the memory {same[1]!r} has the content that {memory.id!r} has there now")
    if now.deleted and not line.state.deleted:
        memory_table.make_room(job, memory.namespace)
    texts = _fitting(memory_table, line)
    if now.memory.content == memory.content and memory_table.indexed(row):
        texts = []  # those that are there are of the same content, and may be verified by now
    names = _names(now, memory.aliases)
    then = replace(line.state, memory=replace(memory, aliases=names), origin=line.origin or now.origin)
    memory_table.put(row, now, then, line.times)
    if texts:
        memory_table.vectors.remove(row)
    for text in texts:
        memory_table.vectors.add(row, memory.namespace, text)
    memory_table.log(job, memory_table.at(), row, memory.id, now.to_log())
    return Done(UPDATED, row=row if texts else 0, unverified=bool(texts))


def _merge(memory_table: MemoryTable, job: Job, line: Line, row: int, since: int) -> Done:
    """Let the memory `row` be that of the line as well: it goes by its names, and has its tags and links, too.

    All that a job does to it so is one change, whose line has the state before the job: a line for each would have all
    names of those before it.
    """
    now, memory = memory_table.state(row, origin=True, links=True), line.memory
    name = insertion.elsewhere(now.memory.id, now.memory.namespace)
    if now.deleted:
        if line.state.deleted:
            return Done(SKIPPED)
        return Done(CONFLICT, f"{memory.id!r} became one with {name}, which was deleted here since")
    if not line.state.deleted and now.memory.content_hash != memory.content_hash:
        return Done(CONFLICT, f"{memory.id!r} became one with {name}, which was changed here since, and stays so")
    then = State(
        replace(
            now.memory,
            aliases=_names(now, (memory.id, *memory.aliases)),
            tags=tuple(spellings((*now.memory.tags, *memory.tags)).values())[: limits.TAGS],
            created_at=min(now.memory.created_at, memory.created_at),
        ),
        deleted=False,
        origin=now.origin or line.origin,
        links=_links(now, line),
    )
    left_out = _left_out(then, line)
    if line.state.deleted or (then == now and not left_out):
        return Done(SKIPPED)
    done = Done(MERGED, f"{memory.id!r} has the content of {name}, and became one with it{left_out}")
    if then == now:
        return done
    times = memory_table.times(row)
    if memory.created_at < now.memory.created_at:
        times["created_at"] = line.times["created_at"]
    operation = _OURS if _ours(memory_table, row) else None  # a change that was made here stays known as one
    memory_table.put(row, now, then, times)
    if memory_table.connection.value(_SQL["changed_since"], {"row": row, "seq": since}) is None:
        memory_table.log(job, memory_table.at(), row, now.memory.id, now.to_log(), operation=operation)
    return done


def _names(now: State, more: Sequence[str]) -> tuple[str, ...]:
    """Return the aliases that a memory has and those that it gets, as many as are kept."""
    known = set(now.memory.aliases)
    new = [name for name in dict.fromkeys(more) if name not in known and name != now.memory.id]
    return tuple(sorted([*known, *new[: max(0, limits.ALIASES_KEPT - len(known))]]))


def _links(now: State, line: Line) -> list[Fields]:
    """Return the links that a memory has and those that it gets, as many as one may have."""
    known = {_ends(link): link for link in now.links or ()}
    new = {_ends(link): link for link in line.links if _ends(link) not in known}
    known |= dict(list(new.items())[: max(0, limits.LINKS - len(known))])
    return [known[key] for key in sorted(known)]


def _ends(link: Fields) -> tuple[str, str]:
    return link["target"], link["relation"]


def _left_out(then: State, line: Line) -> str:
    """Return what of the names and links of a line is too much for the memory that it became one with."""
    names = len({line.memory.id, *line.memory.aliases} - {then.memory.id, *then.memory.aliases})
    links = len(set(map(_ends, line.links)) - set(map(_ends, then.links or ())))
    said = f"; {names} of its names are not kept, the most is {limits.ALIASES_KEPT}" if names else ""
    return said + (f"; {links} of its links are left out, the most is {limits.LINKS}" if links else "")


def _holds(ours: Fields, theirs: Fields) -> bool:
    """Return whether a memory, as a dump has it, is as the line says, or is that and others that it became one with.

    The origin does not count: it changes whenever somebody looks at the memory there.
    """
    names = set(ours.get("aliases", ()))
    if not names.issuperset(theirs.get("aliases", ())) or any(ours.get(n) != theirs.get(n) for n in _UNCHANGED):
        return False
    alone = ("tags", "created_at")
    if names == set(theirs.get("aliases", ())):
        return all(ours[n] == theirs[n] for n in alone) and ours.get("links", []) == theirs.get("links", [])
    tags = spellings(ours["tags"]).keys() >= spellings(theirs["tags"]).keys()
    linked = {(link["target"], link["relation"]) for link in ours.get("links", ())}
    return (
        tags
        and ours["created_at"] <= theirs["created_at"]
        and linked.issuperset((link["target"], link["relation"]) for link in theirs.get("links", ()))
    )


def _without_names_of_others(memory_table: MemoryTable, line: Line, row: int) -> Line:
    """Return the line without those aliases that are names of other memories here, which keep them."""
    memory = line.memory
    taken = links.taken(memory_table.connection, row, memory.namespace, memory.aliases)
    if not taken:
        return line
    free = tuple(name for name in memory.aliases if name not in taken)
    return replace(line, state=replace(line.state, memory=replace(memory, aliases=free)))


def _changed(times: Mapping[str, float | None]) -> float:
    """Return when a memory was changed last."""
    return max(times["updated_at"] or 0.0, times["deleted_at"] or 0.0)


def _fitting(memory_table: MemoryTable, line: Line) -> list[Embedded]:
    """Return the vectors of the line but those of another length than their model's here: new ones follow."""
    known = [(text, vectors.model(memory_table.connection, text.model)) for text in line.texts]
    return [text for text, model in known if model is None or model.dimensions == text.dimensions]
