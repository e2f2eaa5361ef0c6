"""The one loader of settings. A flag wins over the environment, which wins over the TOML file, and that over a default.

The TOML file is in the platform's config folder or where `MEMMUX_CONFIG` says. Below all of these, and above the
defaults, rank the variables of mcp-memory-service that mean something here (`memmux.config.mms_variables`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from memmux.config import database_url, mms_database, mms_variables, user_folders
from memmux.config.paths import Places
from memmux.config.settings import PREFIX, Settings, ToolList, begun
from memmux.config.values import convert, from_folder, is_none
from memmux.errors import SettingInvalidError
from memmux.files import presence

FOUND = "mcp-memory-service"  # the source of what follows from what was found of it on this machine
_REACHED_BY = ("listen", "http")  # of those who could not start a cluster again


def load(flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings from flags (None values are not given), the environment and the TOML file.

    Where nothing says what is to be adopted, it is looked for; see `_found`. Where nothing says which tools are listed,
    users of mcp-memory-service get as many as they had: all. Raises SettingInvalidError, which names
    the source of the value that is wrong.
    """
    return load_with_sources(flags, environment)[0]


def load_with_sources(
    flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> tuple[Settings, dict[str, str]]:
    """Return what `load` does, and where each setting comes from that is not the default: a flag, a variable, a file.

    Raises SettingInvalidError.
    """
    environment = os.environ if environment is None else environment
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for given in (_from_file(environment, hints), _from_environment(environment), _from_flags(flags or {})):
        _take(given, hints, values, sources, environment)
    cwd, home = mms_database.folders()
    known = mms_database.variables(environment, cwd, home)
    for name, value, source in mms_variables.settings(known):
        if name not in values:
            values[name] = convert(hints, name, value, source)
            sources[name] = source
    if "idle_exit_s" not in values and (served := next((name for name in _REACHED_BY if values.get(name)), "")):
        # The clients of other machines, and those over HTTP, could not start it again.
        values["idle_exit_s"], sources["idle_exit_s"] = 0.0, served
    settings = Settings(**values)
    _refuse_adoption(settings, sources)
    adopts = "adopt_from" not in values and settings.remote is None and settings.server is None
    if adopts and not begun(settings.database):
        settings = replace(settings, adopt_from=_found(environment, cwd, home, named="database" in values))
        if settings.adopt_from is not None:
            sources["adopt_from"] = FOUND
    if "tools" not in values and (
        mms_variables.in_use(known) or settings.adopt_from is not None or presence.seen(Places(settings).adoption)
    ):
        settings = replace(settings, tools=ToolList.FULL)
        sources["tools"] = FOUND
    return settings, sources


def _take(
    given: Iterable[tuple[str, object, str]],
    hints: Mapping[str, Any],
    values: dict[str, Any],
    sources: dict[str, str],
    environment: Mapping[str, str],
) -> None:
    """Take in what one source names: it wins over those before it, also where it names the database in another way."""
    taken, before = set(), values.get("server")
    for name, value, source in given:
        if name == "database" and database_url.is_url(value):
            name = "server"  # noqa: PLW2901 - what the URL is kept as
        meant = _at(value, environment) if name == "remote" else value
        values[name] = convert(hints, name, meant, source)
        sources[name] = source
        taken.add(name)
    if "server" in taken and "database" not in taken:
        values["database"] = database_url.home(values["server"], user_folders.data())
        sources["database"] = sources["server"]
    elif "database" in taken and "server" not in taken:
        _forget("server", values, sources)  # whoever names a file means that one
    if before not in (None, values.get("server")) and "database_read" not in taken:
        _forget("database_read", values, sources)  # replicas are of the database that was named with them
    if taken & {"database", "server"} and "remote" not in taken:
        _forget("remote", values, sources)  # and whoever names a database no other machine's


def _forget(name: str, values: dict[str, Any], sources: dict[str, str]) -> None:
    values.pop(name, None)
    sources.pop(name, None)


def _refuse_adoption(settings: Settings, sources: Mapping[str, str]) -> None:
    if settings.server is not None and settings.adopt_from is not None:
        raise SettingInvalidError(
            f"{sources['adopt_from']} is for a database that is a file, and {sources['server']} names one on "
            "PostgreSQL; leave it out, and take the memories over with `memmux import FILE`"
        )


def named(sources: Mapping[str, str]) -> frozenset[str]:
    """Return the settings of `load_with_sources` that somebody has named, and that do not follow from anything."""
    return frozenset(name for name, source in sources.items() if source not in (FOUND, *_REACHED_BY))


def _found(environment: Mapping[str, str], cwd: Path, home: Path, *, named: bool) -> Path | None:
    """Return the database of mcp-memory-service that the first start adopts, if there is one.

    named: whether somebody named memmux's own. Then only what the environment itself names counts, and nothing that
    happens to be in this user's home: a database for a trial, or for a test, shall begin empty.
    """
    known = {name: value for name, value in environment.items() if value}
    found = mms_database.named(known, cwd, home) if named else mms_database.find(environment, cwd, home)
    return None if found is None else found.resolve()


def config_file(environment: Mapping[str, str] | None = None) -> Path:
    """Return where memmux.toml is, or would be."""
    named = (os.environ if environment is None else environment).get(f"{PREFIX}CONFIG")
    return Path(named) if named else user_folders.config() / "memmux.toml"


def _at(remote: object, environment: Mapping[str, str]) -> object:
    """Return the file of a remote that is given by its name; of `memmux.trust.remotes`, which costs more to import."""
    if not isinstance(remote, str) or not remote.strip() or is_none(remote):
        return remote
    return config_file(environment).parent / "remotes" / f"{remote}.json" if _is_name(remote) else remote


def _is_name(remote: object) -> bool:
    """Return whether a remote is given by its name, and not by its file."""
    return isinstance(remote, str) and "/" not in remote and not remote.endswith(".json")


def _unread(path: Path, error: Exception) -> SettingInvalidError:
    quotes = "" if isinstance(error, OSError) else '; texts need quotes, as in log_level = "debug"'
    return SettingInvalidError(f"{path} can't be read as TOML: {error}{quotes}")


def _from_file(environment: Mapping[str, str], hints: Mapping[str, Any]) -> list[tuple[str, object, str]]:
    """Return what the TOML file says; a relative path in it is from its folder, as clients start in any."""
    named, path = environment.get(f"{PREFIX}CONFIG"), config_file(environment)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if named:
            raise SettingInvalidError(f"{PREFIX}CONFIG names {path}, which does not exist") from None
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise _unread(path, error) from None
    import tomllib  # only who has such a file pays for it

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unread(path, error) from None
    return [
        (
            name,
            value if name == "remote" and _is_name(value) else from_folder(path.parent, hints, name, value),
            f"{path}: {name}",
        )
        for name, value in values.items()
    ]


def _from_flags(flags: Mapping[str, object]) -> list[tuple[str, object, str]]:
    return [(name, value, f"--{name.replace('_', '-')}") for name, value in flags.items() if value is not None]


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, object, str]]:
    names = {f"{PREFIX}{known.name.upper()}": known.name for known in fields(Settings)}
    return [(names[key], value, key) for key, value in environment.items() if key in names and value.strip()]
