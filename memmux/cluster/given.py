"""Given settings: those that flags of a command line gave a cluster, and that its successor has, too.

A variable or a file is there for the next one to read; a flag was only said once. So a router is told which of its
settings flags have named, and says so in its endpoint file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace

from memmux.cluster.router_flags import GIVEN
from memmux.config.settings import Settings, parse_flags

_OF_EACH_START = frozenset({"database", "server", "adopt_from", "remote", "request_timeout_s", "start_timeout_s"})
_REACHED_BY = ("http", "listen")  # by whom can't start a cluster

_names: ContextVar[frozenset[str]] = ContextVar("given", default=frozenset())


@dataclass(frozen=True, slots=True)
class Given:
    """The settings of a cluster, and the names of those that flags gave it."""

    settings: Settings
    names: frozenset[str]


@contextmanager
def by_flags(names: Collection[str]) -> Iterator[None]:
    """Inside the block, a cluster that is started was given the settings of these names by flags."""
    before = _names.set(_names.get() | frozenset(names))
    try:
        yield
    finally:
        _names.reset(before)


def flag(names: Collection[str] = ()) -> list[str]:
    """Return the flag that tells a router which settings flags gave it: these, and those of `by_flags`; or none."""
    told = sorted(_names.get() | frozenset(names))
    return [f"{GIVEN}{','.join(told)}"] if told else []


def names(arguments: Sequence[str]) -> frozenset[str]:
    """Return the names that `flag` has told a router."""
    told = [argument.removeprefix(GIVEN) for argument in arguments if argument.startswith(GIVEN)]
    return frozenset(filter(None, ",".join(told).split(",")))


def flags(settings: Settings, names: Collection[str]) -> tuple[str, ...]:
    """Return the flags that gave the settings of these names, but for what each start says for itself."""
    written = settings.written().items()
    kept = {name: value for name, value in written if name in names and name not in _OF_EACH_START}
    return tuple(f"--{name.replace('_', '-')}={value}" for name, value in kept.items())


def kept(settings: Settings, before: Sequence[str], named: Collection[str]) -> Given:
    """Return `settings` with what the flags `before` gave a cluster, but for what its successor's starter has `named`.

    A flag that is no setting of this version is left out. Raises SettingInvalidError for a value that it does not take.
    """
    told = [each.removeprefix("--").partition("=")[0].replace("-", "_") for each in before]
    names = {known.name for known in fields(Settings)} & set(told) - set(named)
    given = parse_flags(list(before), strict=False)
    values = {name: getattr(given, name) for name in names}
    if "idle_exit_s" not in {*names, *named} and any(values.get(name) for name in _REACHED_BY):
        values["idle_exit_s"] = 0.0
    return Given(replace(settings, **values), frozenset(names))


def changed(settings: Settings) -> frozenset[str]:
    """Return the names of the settings that are not the default: of those, somebody has said what they are to be."""
    usual = Settings()
    return frozenset(
        known.name for known in fields(Settings) if getattr(settings, known.name) != getattr(usual, known.name)
    )
