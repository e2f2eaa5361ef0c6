"""The command `memmux undo`: takes changes of memories back, one or several, the newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import click

from memmux import limits
from memmux.cli import output
from memmux.cli.change_log import beginning_with, first_at
from memmux.cli.memory_options import moment
from memmux.cli.options import json_option, with_memories
from memmux.cli.questions import SHOWN, ask, asks
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, MemmuxError, NotFoundError, UndoConflictError, error_from_json
from memmux.wire.answers import Notice, Undone
from memmux.wire.ids import is_beginning
from memmux.wire.namespaces import EVERYWHERE

_NUMBERS = re.compile(r"([1-9]\d{0,15})(?:-([1-9]\d{0,15}))?")  # as an id may begin that was not made here
LEFT = 1  # the exit code where something was left
_OURS = "memory."  # how the operations begin that change memories, and not what is made from them
_WINDOW = 64  # changes that are read at first to find the newest ones


def _anywhere(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    del context, parameter  # the value says it all
    return None if value is not None and value.strip() == EVERYWHERE else value


@click.command()
@click.argument("meant", metavar="[SEQ|SEQ-SEQ|ID]", required=False)
@click.option("--last", is_flag=True, help="The newest change of all; of a forget, the whole of it.")
@click.option(
    "--since", metavar="SEQ|TIME", help="Everything from this change on, or from this time: '10 minutes ago', 14:30."
)
@click.option(
    "--namespace",
    metavar="NAME",
    callback=_anywhere,
    help="Where the memory ID is; by default it is looked for everywhere.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@with_memories
def undo(
    settings: Settings,
    meant: str | None,
    *,
    last: bool,
    since: str | None,
    namespace: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Undo a change of a memory: SEQ, the changes from SEQ to SEQ, or the newest change of the memory with this ID.

    `memmux delete`, `forget` and `import` print the numbers; `memmux list --deleted` and `memmux history ID` have them
    too. On a terminal it shows what would be undone, and asks. An undo is a change, and can be undone. A change that
    was followed by others of its memory is not undone before those are. Of several, the newest is the first; what was
    changed since, or is there again, is left, and named, and the command ends with 1. Digits that are the number of a
    change and begin an ID too are refused: SEQ-SEQ with SEQ twice is that change, and the whole ID is that memory.
    """
    if (meant is not None) + last + (since is not None) != 1:
        raise ArgumentInvalidError(
            "say what to undo: SEQ, SEQ-SEQ, ID, --last or --since; `memmux list --deleted` and `memmux history ID` "
            "have the numbers"
        )
    with Client(settings=settings, name="cli") as client:
        plan = _plan(client, meant, since, namespace)
        if not plan.seqs:
            raise NotFoundError("there is no change to undo; `memmux history ID` lists those of a memory")
        if asks(yes=yes):
            _show(client, plan)
            ask("Undo this change?" if len(plan.seqs) == 1 else f"Undo these {len(plan.seqs)} changes?")
        undone, left = ([client.undo(plan.seqs[0])], []) if plan.single else _undo(client, plan.seqs)
    if as_json:
        several = {"count": len(undone), "undone": undone, "left": left}
        output.document(undone[0] if plan.single else several)
    else:
        for one in undone[:SHOWN]:
            output.line(f"{one.id}  {'deleted' if one.deleted else 'as it was'}, by change {one.seq}")
        if (more := len(undone) - SHOWN) > 0:
            output.line(f"and {more} more; --json has all of them")
        for error in left[:SHOWN]:
            output.line(output.styled("left", fg="yellow"), f": {error['message']}", err=True)
        if not plan.single:
            output.line(f"{len(undone)} undone", f", {len(left)} left" if left else "")
    click.get_current_context().exit(LEFT if left else 0)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be undone: numbers of changes, the newest first. single: one was asked for, and not several."""

    seqs: Sequence[int]
    single: bool = False


def _plan(client: Client, meant: str | None, since: str | None, namespace: str | None) -> _Plan:
    if meant is None:
        return _Plan([change.seq for change in (_last(client) if since is None else _since(client, since))])
    numbers = _NUMBERS.fullmatch(meant)
    if numbers is None:
        return _newest_of(client, meant, namespace)
    first, last = int(numbers[1]), int(numbers[2] or numbers[1])
    if first > last:  # as of the id 48213377-3000-…
        if is_beginning(meant):
            return _newest_of(client, meant, namespace)
        raise ArgumentInvalidError(f"{meant} begins with the larger number; say {last}-{first}")
    if numbers[2] is None:
        return _one(client, first, namespace)
    between = [change.seq for change in beginning_with(client, first, last)]
    return _Plan(between[::-1])


def _one(client: Client, seq: int, namespace: str | None) -> _Plan:
    """Plan for digits: the change of this number, or the newest one of the memory whose id begins so, but no guess."""
    if is_beginning(str(seq)):
        with suppress(NotFoundError):
            plan = _newest_of(client, str(seq), namespace)
            if seq > client.changes(namespace=None).next:
                return plan
            raise ArgumentInvalidError(
                f"{seq} is the number of a change, and a memory's id begins so; say {seq}-{seq} for that change, or "
                "the whole id"
            )
    return _Plan([seq], single=True)


def _newest_of(client: Client, memory_id: str, namespace: str | None) -> _Plan:
    changes = client.history(memory_id, namespace=namespace)
    return _Plan([change.seq for change in changes if change.operation.startswith(_OURS)][:1], single=True)


def _since(client: Client, since: str) -> list[Notice]:
    """Return the changes since a number or a time, newest first."""
    if since.isdecimal():
        return list(beginning_with(client, max(1, int(since))))[::-1]
    return list(beginning_with(client, first_at(client, moment(since))))[::-1]


def _last(client: Client) -> list[Notice]:
    """Return the newest change, and those that were made with it at once, newest first."""
    newest = client.changes(namespace=None).next
    window = _WINDOW
    while True:
        after = max(0, newest - window)
        found = list(beginning_with(client, after + 1, newest))[::-1]
        together = [change for change in found if _made(change) == _made(found[0])]
        if not after or (found and len(together) < len(found)):
            return together
        window *= 8


def _made(change: Notice) -> tuple[object, ...]:
    return change.at, change.operation, change.client


def _show(client: Client, plan: _Plan) -> None:
    """Tell what was changed, and what the undo makes of it."""
    for seq in plan.seqs[:SHOWN]:
        for notice in client.changes(seq - 1, limit=1, namespace=None):
            if notice.seq == seq:
                _show_one(client, notice)
    if (more := len(plan.seqs) - SHOWN) > 0:
        output.note(f"and {more} more")


def _show_one(client: Client, notice: Notice) -> None:
    history = client.history(notice.id, limit=limits.HISTORY, namespace=notice.namespace)
    for change in history:
        if change.seq == notice.seq:
            becomes = "it would be deleted" if change.before is None else "it would be as it was"
            if change.did.endswith("deleted"):
                becomes = "it would come back"
            told = f"change {change.seq}, {output.local(change.at)}, by {change.client}: {change.did}; {becomes}"
            output.note(told)
            if change.before is not None:
                output.note(f"  {change.id}  {output.preview(change.before.content)}")
            else:
                output.note(f"  {change.id}")


def _undo(client: Client, seqs: Iterable[int]) -> tuple[list[Undone], list[dict[str, Any]]]:
    """Undo the changes in this order; return what was, and the errors of what is left: changed, or stored anew.

    What came deleted stays so, too, without an error. Another failure says how many were undone before.
    """
    done: list[Undone] = []
    left: list[dict[str, Any]] = []
    for seq in seqs:
        try:
            done.append(client.undo(seq))
        except UndoConflictError as error:
            left.append({"seq": seq, "code": error.code, "message": error.message})
        except ArgumentInvalidError:
            continue  # as the change left it, the memory is deleted
        except MemmuxError as error:
            if not done:
                raise
            undone = f"{len(done)} undone before that, down to change {done[-1].undone}"
            raise error_from_json({**error.to_json(), "message": f"{error.message}; {undone}"}) from None
    return done, left
