"""Deletion of all memories that a filter lets through."""

from __future__ import annotations

from typing import Final

from mcp_dealer.http.rest import answers, times
from mcp_dealer.http.rest.operation import Asked, Done, Operation, part


async def delete(asked: Asked) -> Done:
    """Delete memories, or say which they would be."""
    body: answers.Delete = asked.body
    done = await asked.client.forget(
        tags=body.tags or (),
        any_tag=body.match_any,
        type=body.memory_type,
        after=times.moment(body.after),
        before=times.moment(body.before),
        metadata=body.metadata,
        dry_run=body.dry_run,
        key=asked.key(),
        **part(body),
    )
    return {
        "ids": done.ids,
        "count": done.count,
        "dry_run": done.dry_run,
        "first_seq": done.first_seq,
        "last_seq": done.last_seq,
        "notes": done.notes,
    }


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/api/delete",
        name="delete_many",
        group="memories",
        summary="Delete all memories that meet something; or say which they are",
        does=delete,
        takes=answers.Delete,
        gives=answers.DeletedMany,
        fails=(400, 409),
        writes=True,
    ),
)
