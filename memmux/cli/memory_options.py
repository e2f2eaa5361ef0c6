"""Options that describe memories, and those that select them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import wraps
from typing import Any

import click
import orjson

from memmux.cli import output
from memmux.cli.options import Decorated
from memmux.config.loader import load
from memmux.errors import ArgumentInvalidError, MetadataInvalidError
from memmux.wire.namespaces import EVERYWHERE, Unnamed
from memmux.wire.times import OR_WORDS, parse_time

_AGO = re.compile(r"\d+ ?[a-z]+", re.IGNORECASE)  # as 10m


_WORD = re.compile(r"[^\W\d_]{3}")


def _metadata(context: click.Context, parameter: click.Parameter, value: str | None) -> object:
    del context, parameter  # the value says it all
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise MetadataInvalidError(f'--metadata is not JSON: {error}; write it like \'{{"source": "mail"}}\'') from None


def _tags(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    del context, parameter  # the value says it all
    for tag in value:
        if "," in tag:
            parts = " ".join(f"--tag {part.strip()}" for part in tag.split(",") if part.strip())
            output.note(f"{tag!r} is one tag with a comma in it; for several say {parts}")
    return value


def _metadata_option(text: str) -> Callable[[Decorated], Decorated]:
    return click.option("--metadata", metavar="JSON", callback=_metadata, help=text)


offset_option = click.option(
    "--offset", metavar="N", type=int, default=0, show_default=True, help="Leave out so many first."
)


def _own_namespace() -> str:
    """Return the namespace that the settings say, which is named only where a flag before the command says it."""
    context = click.get_current_context(silent=True)
    flags = (context.obj if context is not None else None) or {}
    name = load(flags).namespace
    return name if "namespace" in flags else Unnamed(name)


def _one_namespace(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the value of --namespace; raise ArgumentInvalidError where it means all of them, and one is needed."""
    del context, parameter  # the value says it all
    if value is not None and value.strip() == EVERYWHERE:
        raise ArgumentInvalidError(
            f"--namespace {value} means all of them, and one is needed here; `memmux namespaces` lists them"
        )
    return value


def _namespace_option(text: str, **more: Any) -> Callable[[Decorated], Decorated]:
    return click.option(
        "--namespace",
        metavar="NAME",
        default=_own_namespace,
        show_default="the setting namespace",
        help=text,
        **more,
    )


namespace_option = _namespace_option("The part of the database meant.", callback=_one_namespace)


def _combined(*options: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    def decorate(command: Decorated) -> Decorated:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


description_options = _combined(
    click.option(
        "--tag", "tags", metavar="TAG", multiple=True, callback=_tags, help="A tag; may be given several times."
    ),
    click.option("--type", "type", metavar="TYPE", help="What kind of memory it is, in one word."),
    _metadata_option("More about it: a JSON object."),
    namespace_option,
)


"""What a memory is described with: tags, type, metadata, namespace."""


_SELECTION = (
    click.option(
        "--tag",
        "tags",
        metavar="TAG",
        multiple=True,
        callback=_tags,
        help="Only with this tag; several: with all of them.",
    ),
    click.option("--any-tag", is_flag=True, help="With any of the tags instead of all."),
    click.option("--type", "type", metavar="TYPE", help="Only of this type."),
    click.option(
        "--after",
        "--since",
        "after",
        metavar="TIME",
        help="Only created at or after: 2026-11-23, 2026-11-23T14:30, yesterday, or seconds.",
    ),
    click.option("--before", metavar="TIME", help="Only created before this time."),
    click.option(
        "--when",
        metavar="WORDS",
        help="Only created then: 'yesterday', 'last week', '3 days ago', 'october 2025', 'since monday' and the like.",
    ),
)


_PLACE = (
    _namespace_option("The part of the database meant; * for every one."),
    click.option("--all-namespaces", is_flag=True, help="In every part of the database."),
)


def _everywhere(command: Decorated) -> Decorated:
    """Call `command` with None for the namespace where all are meant."""

    @wraps(command)
    def placed(*arguments: Any, all_namespaces: bool, namespace: str, **options: Any) -> None:
        everywhere = all_namespaces or namespace.strip() == EVERYWHERE
        command(*arguments, namespace=None if everywhere else namespace, **options)

    return placed


def _timed(command: Decorated) -> Decorated:
    """Call `command` with --when as what it means: `after` and `before`."""

    @wraps(command)
    def filtered(*arguments: Any, when: str | None, after: Any, before: Any, **options: Any) -> None:
        if when is not None:
            if after is not None or before is not None:
                raise ArgumentInvalidError("--when says what --after and --before say; give either it or them")
            after, before = _bounds(when, _zone(options.get("zone")))
            if not options.get("as_json"):
                output.note(f"--when {when!r} {_span(after, before)}")
        else:
            zone = _zone(options.get("zone")) if after or before else None
            after, before = (None if text is None else moment(text, zone) for text in (after, before))
        command(*arguments, after=after, before=before, **options)

    return filtered


def moment(text: str, zone: tzinfo | None = None) -> datetime:
    """Return the time that a text names: ISO 8601, seconds since 1970, or words, of a day its beginning.

    zone: where days begin; None for the time zone of this machine.
    """
    try:
        return parse_time(text, OR_WORDS, zone)
    except ArgumentInvalidError:
        if _AGO.fullmatch(text.strip()):
            return moment(f"{text} ago", zone)
        if not _WORD.search(text):  # a date with a slip of the pen is no words
            raise
        begin, _ = _bounds(text, zone)
        if begin is None:
            raise ArgumentInvalidError(
                f"{text!r} has no beginning; name a time, like yesterday or 2026-11-23"
            ) from None
        return begin


def _span(after: datetime | None, before: datetime | None) -> str:
    """Return the time that was taken, as people here read it; its end is not part of it."""
    begin = "" if after is None else f" from {output.local(after)}"
    end = "" if before is None else f" to before {output.local(before)}"
    return f"is the time{begin}{end}"


def _zone(name: str | None) -> tzinfo | None:
    """Return the time zone that --zone names, of a command that has it."""
    if name is None:
        return None
    from memmux.when import named_zone  # costs 30 ms, and few commands need it

    return named_zone(name)


def _bounds(expression: str, zone: tzinfo | None) -> tuple[datetime | None, datetime | None]:
    from memmux.when import local_zone, parse  # the same

    span = parse(expression, now=datetime.now(UTC), zone=zone or local_zone())
    return span.start, span.before


filter_options = _combined(
    *_SELECTION, _metadata_option("Only with these values: a JSON object."), *_PLACE, _everywhere, _timed
)


"""The fields of `memmux.wire.requests.Filter`, but for superseded memories, and words for a time."""


place_options = _combined(*_PLACE, _everywhere)


"""Which part of the database is meant, or all of it."""


selection_options = _combined(*_SELECTION, *_PLACE, _everywhere, _timed)


"""The fields of a filter that says which memories to delete."""
