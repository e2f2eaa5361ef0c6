"""Variables: what the environment variables of mcp-memory-service mean here.

They rank below everything of memmux's own. A value that makes no sense is left aside, and `memmux doctor` names it:
nobody who changes the command in a client's configuration shall be kept from starting by what else stands there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from memmux.config import mms_database
from memmux.config.values import convert
from memmux.errors import SettingInvalidError
from memmux.wire import http_address

DAY_S = 86_400.0
_INTERVALS: Mapping[str, float] = MappingProxyType({"hourly": 3600.0, "daily": DAY_S, "weekly": 7 * DAY_S})
_LEVELS: Mapping[str, str] = MappingProxyType({"critical": "error", "fatal": "error", "warn": "warning"})
_LEVEL_NAMES = ("debug", "info", "warning", "error")
_KEPT = 10  # backups that theirs keeps at most, unless told otherwise
_RETENTION_DAYS = 7  # that theirs keeps a backup, unless told otherwise
_KEPT_MOST = 10_000
_MOST = 1_000_000_000  # of days, backups or ports that somebody can have meant
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_HOUSE = "sentence-transformers/"
_PORTS = 65_535
_PORT = 8000  # of its HTTP server, unless told otherwise

API_KEY = "MCP_API_KEY"
API_KEY_CHARACTERS = 16  # at least: what is shorter can be guessed
_SECRETS = frozenset({API_KEY})  # whose values are told to nobody

HONOURED: Mapping[str, str] = MappingProxyType(
    {
        "MCP_MEMORY_SQLITE_PATH": "names the database that the first start adopts",
        "MCP_MEMORY_SQLITEVEC_PATH": "the same, where the one above is not set",
        "MCP_MEMORY_BASE_DIR": f"names the folder of that database, as `{mms_database.FILE}`",
        "MCP_MEMORY_STORAGE_BACKEND": "sqlite_vec and hybrid have such a database; others have none to adopt",
        "MCP_EMBEDDING_MODEL": "`model`",
        "MCP_MEMORY_BACKUPS_PATH": "`backups_dir`",
        "MCP_BACKUP_ENABLED": "false: `backup_interval_s` is 0",
        "MCP_BACKUP_INTERVAL": "`backup_interval_s`: hourly, daily or weekly",
        "MCP_BACKUP_MAX_COUNT": "`backup_keep`, or fewer if the retention is over sooner",
        "MCP_BACKUP_RETENTION": "days; `backup_keep`: as many as are made in that time, or fewer by the count",
        "MCP_HTTP_ENABLED": "true: `http`, at 127.0.0.1:8000 unless the next two say otherwise",
        "MCP_HTTP_HOST": "its host: an address of this machine alone; others reach what `MEMMUX_HTTP` names",
        "MCP_HTTP_PORT": "its port",
        API_KEY: f"a token for HTTP, of the role write; of {API_KEY_CHARACTERS} characters at least",
        "LOG_LEVEL": "`log_level`; CRITICAL is error",
    }
)
"""Each variable that has an effect, and which one."""

WITHOUT_EFFECT: Mapping[str, str] = MappingProxyType(
    {
        "MCP_MEMORY_SQLITE_PRAGMAS": "one process writes, durably, so there is no lock to wait for and none to tune",
        "MCP_MEMORY_USE_ONNX": "memmux uses onnxruntime where it gives the same vectors, and torch for other models",
        "MCP_SEMANTIC_DEDUP_": "no memory is dropped for being like another; a store names those that are",
        "MCP_HYBRID_": "hybrid is the default, with weights that were measured",
        "MCP_HTTP": "HTTP is served as the settings `http`, `tls_cert` and `tls_key` say",
        "MCP_SSE_": "MCP is served at `/mcp` of `http`, as streamable HTTP",
        "MCP_STREAMABLE_": "MCP is served at `/mcp` of `http`, as streamable HTTP",
        "MCP_OAUTH_": "HTTP takes tokens of `memmux key add --http`",
        "MCP_MDNS_": "memmux does not announce itself in a network",
        "MCP_AGENT_ID": "the change log has each client's own name",
        "MCP_MEMORY_INCLUDE_HOSTNAME": "a database belongs to one machine",
        "MCP_CONSOLIDATION_": "memories are not rewritten behind your back",
        "MCP_QUALITY_": "not part of memmux",
        "MCP_HARVEST_": "not part of memmux",
        "MCP_GRAPH_": "links are always kept",
        "MCP_EXTERNAL_EMBEDDING_": "models run on this machine; name one with MEMMUX_MODEL",
        "MCP_MILVUS_": "memories are in one SQLite file",
        "MCP_DOCUMENT_": "ingesting takes its limits as arguments",
        "MCP_MEMORY_": "not part of memmux",
        "MCP_EMBEDDING_": "not part of memmux",
        "MCP_BACKUP_": "not part of memmux",
        "MCP_SYNC_": "not part of memmux",
        "MCP_TYPED_": "not part of memmux",
        "MCP_MAX_": "not part of memmux",
        "MCP_CORS_": "pages of other origins are refused",
        "MCP_ALLOW_": "nobody is let in over HTTP without a token",
    }
)
"""How the names of the others begin, and why they have none; a longer beginning stands before a shorter one."""

_SHORT = (
    f"it has fewer than {API_KEY_CHARACTERS} characters, and can be guessed; `openssl rand -hex 32` makes a good one"
)

COMMAND = "MCP_MEMORY_COMMAND"
"""Set by the launcher of its console scripts: the script as which memmux was started."""


def in_use(known: Mapping[str, str]) -> bool:
    """Return whether any of its own variables is set, with an effect or without: then its users are to be served."""
    return any(
        name.startswith((*HONOURED, *WITHOUT_EFFECT)) and name != mms_database.LOG_LEVEL  # which is anybody's
        for name in known
    )


def settings(known: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    """Yield the settings that its variables stand for: name, value, and which variable said so.

    known: as `mms_database.variables` returns them.
    """
    if (model := _model(known)) is not None:
        yield "model", model, "MCP_EMBEDDING_MODEL"
    if (folder := _backups_dir(known)) is not None:
        yield "backups_dir", folder, "MCP_MEMORY_BACKUPS_PATH"
    interval_s = _interval_s(known)
    if known.get("MCP_BACKUP_ENABLED", "").strip().lower() in _FALSE:
        yield "backup_interval_s", 0.0, "MCP_BACKUP_ENABLED"
    elif interval_s is not None:
        yield "backup_interval_s", interval_s, "MCP_BACKUP_INTERVAL"
    if (kept := _kept(known, interval_s or DAY_S)) is not None:
        yield "backup_keep", kept, "MCP_BACKUP_MAX_COUNT"
    if (address := _http(known)) is not None:
        yield "http", address, "MCP_HTTP_ENABLED"
    if (level := _level(known)) is not None:
        yield "log_level", level, mms_database.LOG_LEVEL


def ignored(known: Mapping[str, str]) -> dict[str, str]:
    """Return those of its variables that are set and have no effect here, and why not."""
    found: dict[str, str] = {}
    for name in sorted(known):
        if name not in HONOURED:
            why = next((why for begin, why in WITHOUT_EFFECT.items() if name.startswith(begin)), None)
            if why is not None:
                found[name] = why
        elif not _makes_sense(name, known):
            found[name] = _SHORT if name in _SECRETS else f"{known[name]!r} is no value for it"
    return found


def api_key(environment: Mapping[str, str]) -> str:
    """Return the token that the variable for it holds; empty if there is none, or it is too short to be one."""
    said = environment.get(API_KEY, "")
    return said if len(said) >= API_KEY_CHARACTERS else ""


def honoured(known: Mapping[str, str]) -> list[str]:
    """Return those of its variables that are set and have an effect."""
    return sorted(name for name in known if name in HONOURED and _makes_sense(name, known))


def _makes_sense(name: str, known: Mapping[str, str]) -> bool:
    """Return whether a variable that is set has a value that it can have."""
    read: Callable[[Mapping[str, str]], object] | None = {
        "MCP_EMBEDDING_MODEL": _model,
        "MCP_MEMORY_BACKUPS_PATH": _backups_dir,
        "MCP_BACKUP_INTERVAL": _interval_s,
        mms_database.LOG_LEVEL: _level,
        "MCP_HTTP_HOST": _host,
        "MCP_HTTP_PORT": _port,
        "MCP_BACKUP_MAX_COUNT": lambda _: _number(known[name]),
        "MCP_BACKUP_RETENTION": lambda _: _number(known[name]),
        API_KEY: lambda _: api_key(known) or None,
    }.get(name)
    return read is None or read(known) is not None


def _model(known: Mapping[str, str]) -> str | None:
    return _accepted("model", str, known.get("MCP_EMBEDDING_MODEL", "").strip().removeprefix(_HOUSE))


def _backups_dir(known: Mapping[str, str]) -> str | None:
    return _accepted("backups_dir", Path, known.get("MCP_MEMORY_BACKUPS_PATH", ""))


def _accepted(name: str, kind: type, value: str) -> str | None:
    """Return a value that a setting can have; None of any other."""
    with suppress(SettingInvalidError):
        convert({name: kind}, name, value, name)
        return value
    return None


def _http(known: Mapping[str, str]) -> str | None:
    """Return the address of its HTTP server, if that is switched on; on this machine alone, as theirs has no TLS."""
    if known.get("MCP_HTTP_ENABLED", "").strip().lower() not in _TRUE:
        return None
    return f"{_host(known) or http_address.HOST}:{_port(known) or _PORT}"


def _host(known: Mapping[str, str]) -> str | None:
    with suppress(SettingInvalidError):
        address = http_address.parse(known.get("MCP_HTTP_HOST", ""))
        if address is not None and address.loopback:
            return address.bracketed
    return None


def _port(known: Mapping[str, str]) -> int | None:
    port = _number(known.get("MCP_HTTP_PORT", ""))
    return port if port is not None and port <= _PORTS else None


def _interval_s(known: Mapping[str, str]) -> float | None:
    return _INTERVALS.get(known.get("MCP_BACKUP_INTERVAL", "").strip().lower())


def _kept(known: Mapping[str, str], interval_s: float) -> int | None:
    """Return how many backups are kept; None if neither of its two bounds is set."""
    count, days = (_number(known.get(name, "")) for name in ("MCP_BACKUP_MAX_COUNT", "MCP_BACKUP_RETENTION"))
    if count is None and days is None:
        return None
    in_time = math.ceil((_RETENTION_DAYS if days is None else days) * DAY_S / interval_s)
    return min(_KEPT if count is None else count, in_time, _KEPT_MOST)


def _number(value: str) -> int | None:
    try:
        number = int(value)
    except ValueError:
        return None
    return number if 0 < number <= _MOST else None


def _level(known: Mapping[str, str]) -> str | None:
    said = known.get(mms_database.LOG_LEVEL, "").strip().lower()
    level = _LEVELS.get(said, said)
    return level if level in _LEVEL_NAMES else None
