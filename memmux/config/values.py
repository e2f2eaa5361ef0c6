"""Values: what is written for a setting, in an environment, a file or a flag, as the setting's own type."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

from memmux.config import cues, database_url, languages
from memmux.errors import SettingInvalidError
from memmux.wire import http_address
from memmux.wire.addresses import parse_listen
from memmux.wire.cues import Cue

NONE = "none"  # as `adopt_from`: nothing is adopted, whatever is found; as others of these: there is none
_IN_MEMORY = ":memory:"  # to SQLite; as a path it would be a file of that name
NONE_MEANT = ("adopt_from", "http", "listen", "remote", "tls_cert", "tls_key")


def convert(hints: Mapping[str, Any], name: str, value: object, source: str) -> Any:
    """Return `value` as the setting `name` is, of the type in `hints`; raise SettingInvalidError, naming the source."""
    if name not in hints:
        raise SettingInvalidError(f"{source} is no setting; {_meant(hints, name, value)}")
    kind = hints[name]
    if isinstance(value, str) and not value.strip() and kind not in _LISTS:
        raise SettingInvalidError(f"{source} is empty; give it a value, or leave it out")
    if name == "model" and str(value).startswith((".", "~")):
        kind = Path  # a folder, seen from here: workers have another working directory
    try:
        if kind in (bool, int, float, str):
            return _plain(kind, value)
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return kind(str(value).strip().lower())
    except (KeyError, TypeError, ValueError):
        unit = next((f" of {unit}" for end, unit in _UNITS.items() if name.endswith(end)), "")
        choices = f"one of {', '.join(kind)}" if issubclass(kind, StrEnum) else f"{_KINDS[kind]}{unit}"
        raise SettingInvalidError(f"{source} is {value!r}; it must be {choices}") from None
    if name in NONE_MEANT and is_none(value):
        return None
    if name in _BY_NAME or kind in _LISTS:
        return (_BY_NAME.get(name) or _LISTS[kind])(value, source)
    path = _path(value, source)
    return str(path) if name == "model" else path


def from_folder(folder: Path, hints: Mapping[str, Any], name: str, value: object) -> object:
    """Return what a file in `folder` says for a setting: a relative path is one from there."""
    kind = hints.get(name)
    if kind == tuple[Path, ...]:
        return [_beside(folder, one) for one in (value if isinstance(value, list) else str(value).split(os.pathsep))]
    is_path = Path in (kind, *get_args(kind)) or (name == "model" and str(value).startswith("."))
    return _beside(folder, value) if is_path else value


def _beside(folder: Path, value: object) -> object:
    if not isinstance(value, str) or not value.strip() or value.startswith(_WHOLE) or is_none(value):
        return value
    return value if database_url.is_url(value) or database_url.is_other(value) else str(folder / value)


def is_none(value: object) -> bool:
    """Return whether a value is the word for nothing, as settings that may be nothing take it."""
    return str(value).strip().lower() == NONE


def _meant(hints: Mapping[str, Any], name: str, value: object) -> str:
    """Return how a setting is written that is not known by this name."""
    if isinstance(value, dict):
        return "settings stand in no section: leave out the line with the brackets"
    plain = name.lower().replace("-", "_").removeprefix("memmux_")
    meant = [plain] if plain in hints else difflib.get_close_matches(plain, hints, 1)
    if meant:
        return f"write it as {meant[0]}"
    return f"`memmux docs settings` describes them: {', '.join(hints)}"


def _path(value: object, source: str) -> Path:
    """Return a path; symbolic links are resolved so that two names of one database reach one cluster."""
    text = str(value)
    if variable := _VARIABLE.search(text):
        raise SettingInvalidError(
            f"{source} is {text!r}, and {variable[1]} is not replaced in it; write the whole path, or one from ~/ on"
        )
    if text.startswith(("'", '"')):
        raise SettingInvalidError(f"{source} is {text}, where the quotes are part of the name; leave them out")
    try:
        return Path(text).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise SettingInvalidError(f"{source} is {value!r}, which is no path: {error}") from None


def _paths(value: object, source: str) -> tuple[Path, ...]:
    listed = value if isinstance(value, list | tuple) else str(value).split(os.pathsep)
    return tuple(_path(path, source) for path in listed if path)


def _listen(value: object, source: str) -> str | None:
    return None if str(value).strip().lower() in http_address.SWITCHED_OFF else str(parse_listen(str(value), source))


def _http(value: object, source: str) -> str | None:
    address = http_address.parse(str(value), source)
    return None if address is None else str(address)


def _hosts(value: object, source: str) -> tuple[str, ...]:
    """Return names of hosts, separated by commas; in lower case, as hosts are compared."""
    del source  # any text is a name
    listed = value if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(dict.fromkeys(str(name).strip().lower() for name in listed if str(name).strip()))


_LISTS: Mapping[Any, Callable[[object, str], tuple[object, ...]]] = {
    tuple[Path, ...]: _paths,
    tuple[str, ...]: languages.named,
    tuple[Cue, ...]: cues.named,
}


def _database(value: object, source: str) -> Path:
    """Return the path of the database's file; a URL is no path, and may hold a password that no error shall repeat."""
    if database_url.is_other(value):
        raise SettingInvalidError(f"{source} is neither a file nor {database_url.FORM}")
    if str(value).strip() == _IN_MEMORY:
        raise SettingInvalidError(f"{source} is {_IN_MEMORY}, which no two processes can share; name a file")
    return _path(value, source)


_BY_NAME: Mapping[str, Callable[[object, str], object]] = {
    "database": _database,
    "server": database_url.parse,
    "database_read": database_url.parse,
    "listen": _listen,
    "http": _http,
    "http_hosts": _hosts,
}
_KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_UNITS = {"_s": "seconds", "_ms": "milliseconds", "_mb": "MiB"}
_WHOLE = ("/", "~", "$", "'", '"', _IN_MEMORY)  # how a path begins that no folder belongs before
_VARIABLE = re.compile(r"(?:^|/)(\$(?:\w+|\{[^/]*\}))(?=/|$)")  # as a shell would replace it
_SWITCHES = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def _plain(kind: type[bool | float | str], value: object) -> object:
    """Return `value` as a number, a text or a switch; raise KeyError, ValueError or TypeError rather than cut it."""
    if kind is bool:
        return _SWITCHES[str(value).strip().lower()]
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | str)
        or (kind is int and isinstance(value, float))
    ):
        raise TypeError
    return kind(value)
