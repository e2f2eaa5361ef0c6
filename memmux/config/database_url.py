"""URLs of databases on PostgreSQL, as libpq takes them: `postgresql://[USER@]HOST[:PORT][,HOST…]/NAME[?PARAMETER=…]`.

A password has no place in one: a URL stands in configurations, in the arguments of processes and in logs. No error
repeats a URL that is refused, as whatever is wrong with it may be a password.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

from memmux.errors import SettingInvalidError

FORM = "postgresql://HOST/NAME"
_PASSES = (
    "write it without one, and put the password into ~/.pgpass (mode 0600; PGPASSFILE names another file) or a service "
    "file (postgresql:///?service=NAME)"
)

_SCHEME = re.compile(r"postgres(?:ql)?://", re.IGNORECASE)
_OTHER = re.compile(r"[a-z][a-z0-9+.-]*:/|postgres(?:ql)?:|(?:.*\s)?(?:host|dbname|password)\s*=", re.IGNORECASE)
_SECRET = re.compile(r"(?:ssl)?password", re.IGNORECASE)
_NAME = "memmux"
_PORTS = 65_535


def is_url(value: object) -> bool:
    """Return whether a value of the setting `database` begins as a URL of PostgreSQL's."""
    return isinstance(value, str) and _SCHEME.match(value.strip()) is not None


def is_other(value: object) -> bool:
    """Return whether it begins as a URL of something else, or as what libpq takes besides URLs; no file is meant."""
    return isinstance(value, str) and not is_url(value) and _OTHER.match(value.strip()) is not None


def parse(value: object, source: str) -> str:
    """Return the URL as it is kept and shown; raise SettingInvalidError, which says what is wrong and never the URL."""
    if not is_url(value):
        raise SettingInvalidError(f"{source} is no URL of PostgreSQL's; write {FORM}")
    text = _SCHEME.sub("", str(value).strip(), 1)
    if _has_password(text):
        raise SettingInvalidError(f"{source} has a password in it; {_PASSES}")
    if wrong := _wrong(text):
        raise SettingInvalidError(f"{source} is no URL of PostgreSQL's: {wrong}; write {FORM}")
    return f"postgresql://{text}"


def home(url: str, data: Path) -> Path:
    """Return what this machine's files of a database on PostgreSQL are named after, in a folder of its own of `data`.

    They are those that stand beside a file otherwise: lock, endpoint, keys, index.
    """
    return data / f"pg-{hashlib.sha256(url.encode()).hexdigest()[:12]}" / _NAME


def is_home(database: Path) -> bool:
    """Return whether it is what `home` returns, of whatever URL."""
    return database.name == _NAME and re.fullmatch(r"pg-[0-9a-f]{12}", database.parent.name) is not None


def _has_password(text: str) -> bool:
    """Return whether a URL, without its scheme, has a password, also one whose characters are not quoted."""
    before, at, _ = text.rpartition("@")
    user, colon, _ = unquote(before).partition(":")
    if at and colon and "/" not in user and "?" not in user:
        return True
    names = (unquote(pair.partition("=")[0]) for pair in text.partition("?")[2].split("&"))
    return any(map(_SECRET.fullmatch, names))


def _wrong(text: str) -> str:
    """Return what is wrong with a URL, without its scheme; empty if nothing is."""
    address, _, query = text.partition("?")
    hosts, _, name = address.rpartition("@")[2].partition("/")
    parameters = query.split("&") if query else []
    if re.search(r"\s", text):
        return "it has a space in it"
    if "#" in text:
        return "it has a fragment, after #"
    if "/" in name or not (name or any(each.startswith(("dbname=", "service=")) for each in parameters)):
        return "it ends with the name of a database, after one /"
    if not all("=" in each for each in parameters):
        return "a parameter has no value"
    for host in hosts.split(","):
        port = host.rpartition("]")[2].rpartition(":")
        if port[1] and not (port[2].isdecimal() and 0 < int(port[2]) <= _PORTS):
            return "a port is a number up to 65535"
    return ""
