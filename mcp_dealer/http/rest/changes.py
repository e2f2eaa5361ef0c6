"""Changes: the change log, the history of a memory, what it is linked with, and undo."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from mcp_dealer.http.problem import document
from mcp_dealer.http.rest import answers, base, shapes
from mcp_dealer.http.rest.memories import Place
from mcp_dealer.http.rest.operation import KEY, Asked, Done, Operation, part
from mcp_dealer.tools.anywhere import anywhere
from memmux import limits
from memmux.client.asynchronous import AsyncClient
from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError, MemmuxError, NotFoundError, UndoConflictError
from memmux.wire.answers import Change

GROUP: Final = "changes"
MOST: Final = 1000  # changes of one undo
OURS: Final = "memory."  # how the operations begin that change memories, and not what is made from them
Limit = Annotated[int, Field(ge=1, le=limits.HISTORY, description="How many at most")]
Named = Annotated[str | None, Field(min_length=1, max_length=limits.TYPE_CHARACTERS)]


class ListChanges(Place):
    """Which changes."""

    after_seq: Annotated[int, Field(ge=0, le=limits.SEQ)] = 0
    """The number of the change before the first one"""
    limit: Limit = 100
    newest: bool = False
    """Whether the newest are meant, and not the first after that change"""
    tag: Annotated[list[base.Tag] | None, Field(max_length=limits.TAGS)] = None
    client: Named = None
    """Only what a client did whose name begins so"""
    operation: Annotated[list[str] | None, Field(max_length=limits.NAMES)] = None
    """Only these, such as memory.delete"""


class OfMemory(Place):
    """How much of a memory's history."""

    limit: Limit = 100


class Around(Place):
    """How far to follow links."""

    action: Literal["connected", "subgraph"] = "subgraph"
    hops: Annotated[int, Field(ge=1, le=limits.GRAPH_HOPS)] = 2


async def list_changes(asked: Asked) -> Done:
    """Answer with what happened, oldest first."""
    query: ListChanges = asked.query
    found = await asked.client.changes(
        query.after_seq,
        limit=query.limit,
        newest=query.newest,
        tags=query.tag or (),
        client=query.client,
        operations=query.operation or (),
        texts=True,
        **part(query),
    )
    return {"changes": [shapes.notice(one) for one in found], "next": found.next, "notes": found.notes}


async def history(asked: Asked) -> Done:
    """Answer with what happened to a memory, also to a deleted one."""
    query: OfMemory = asked.query
    found = await anywhere(partial(asked.client.history, asked.id, limit=query.limit), part(query))
    return {"changes": [shapes.change(one) for one in found]}


async def graph(asked: Asked) -> Done:
    """Answer with what is linked with a memory."""
    query: Around = asked.query
    walk = partial(asked.client.graph, asked.id, action=query.action, hops=query.hops)
    return shapes.graph(await anywhere(walk, part(query)))


async def undo(asked: Asked) -> Done:
    """Undo changes, the newest first, or say what that would be."""
    body: answers.Undo = asked.body
    if body.id is not None and asked.key() is not None and not body.preview:
        raise ArgumentInvalidError(
            f"with {KEY}, give the change as seq: another one may be the newest when the request is sent again"
        )
    seqs = await _meant(asked.client, body)
    undone, left = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, seq in enumerate(seqs):
        try:
            undone.append(await (_would(asked.client, seq) if body.preview else _undo(asked, seq, number)))
        except (UndoConflictError, NotFoundError) as error:  # a purged one keeps none of the others from it
            if len(seqs) == 1:
                raise
            left.append(document(error, seq=seq))
        except ArgumentInvalidError:  # it is as before already
            if len(seqs) == 1:
                raise
        except MemmuxError as error:
            if not undone or body.preview:
                raise
            left += [document(error, seq=each) for each in seqs[number:]]
            break
    return {"undone": undone, "left": left, "preview": body.preview}


async def _meant(client: AsyncClient, body: answers.Undo) -> list[int]:
    """Return the numbers of the changes that are meant, the newest first."""
    if sum(one is not None for one in (body.seq, body.seqs, body.id)) != 1:
        raise ArgumentInvalidError("say what to undo: a change as seq, several as seqs, or a memory as id")
    if body.seqs is not None:
        return sorted(set(body.seqs), reverse=True)
    if body.id is not None:
        changes = await anywhere(partial(client.history, body.id), part(body))
        seqs = [change.seq for change in changes if change.operation.startswith(OURS)][:1]
        if not seqs:
            raise NotFoundError("there is no change of this memory to undo")
        return seqs
    assert body.seq is not None
    if body.last_seq is None or body.last_seq == body.seq:
        return [body.seq]
    first, last = sorted((body.seq, body.last_seq))
    found, after = list[int](), first - 1
    while after < last:
        page = await client.changes(after, limit=limits.HISTORY, namespace=None)
        found += [one.seq for one in page if one.seq <= last and one.operation.startswith(OURS)]
        if len(found) > MOST:
            raise LimitOutOfRangeError(f"these are more than {MOST} changes, the most; undo fewer at once")
        if not page.changes:
            break
        after = page.next
    return found[::-1]  # none where only vectors were made between these, as beside a large import


async def _undo(asked: Asked, seq: int, number: int) -> dict[str, Any]:
    done = await asked.client.undo(seq, key=asked.key(number))
    becomes = "deleted" if done.deleted else "as before"
    return {"undone": done.undone, "seq": done.seq, "id": done.id, "becomes": becomes, "did": None, "memory": None}


async def _would(client: AsyncClient, seq: int) -> dict[str, Any]:
    """Return what the undo of a change would be."""
    change = await _change(client, seq)
    becomes = "deleted" if change.before is None else "as before"
    if change.did.endswith("deleted"):
        becomes = "restored"
    memory = None if change.before is None else shapes.memory(change.before)
    return {"undone": seq, "seq": None, "id": change.id, "becomes": becomes, "did": change.did, "memory": memory}


async def _change(client: AsyncClient, seq: int) -> Change:
    for notice in await client.changes(seq - 1, limit=1, namespace=None):
        if notice.seq == seq:
            changes = await client.history(notice.id, limit=limits.HISTORY, namespace=notice.namespace)
            for change in changes:
                if change.seq == seq:
                    return change
    raise NotFoundError(f"there is no change {seq} of a memory; /api/changes has what there is")


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/changes",
        name="list_changes",
        group=GROUP,
        summary="What was stored, changed and deleted, by whom",
        does=list_changes,
        query=ListChanges,
        gives=answers.Changes,
    ),
    Operation(
        method="GET",
        path="/api/memories/{id}/history",
        name="history",
        group=GROUP,
        summary="What happened to a memory, newest first",
        does=history,
        query=OfMemory,
        gives=answers.History,
        fails=(404,),
    ),
    Operation(
        method="GET",
        path="/api/memories/{id}/graph",
        name="graph",
        group=GROUP,
        summary="What is linked with a memory, nearest first",
        does=graph,
        query=Around,
        gives=answers.Graph,
        fails=(404,),
    ),
    Operation(
        method="POST",
        path="/api/undo",
        name="undo",
        group=GROUP,
        summary="Undo changes, which can be undone again; or preview it",
        description=f"With {KEY} it takes seq or seqs, and no id.",
        does=undo,
        takes=answers.Undo,
        gives=answers.Undone,
        fails=(404, 409),
        writes=True,
    ),
)
