"""The set-up of mcp-memory-service around its server: what of it has no counterpart here, in a sentence each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from memmux.config.mms_database import BACKEND
from memmux.hosts.machine import Machine

HOOK_BYTES = 1 << 20  # of a file that is looked into
HOOKS_MOST = 1000  # files that are looked into
NAMED = 3  # files that are named
_OFF = ("", "0", "false", "no", "off", "none")
_CALLS = re.compile(
    rb"mcp[-_]memory[-_]service|memoryService|(?:localhost|127\.0\.0\.1|\[::1\]):(?:8000|8443)|/api/(?:memories|search)\b",
    re.IGNORECASE,
)
"""How a hook gives away that it calls its HTTP API."""

_HOOKS = (
    "hooks that call mcp-memory-service over HTTP; memmux answers them where `http` is set, with a token of `memmux "
    "key add NAME --http`"
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of their set-up: how the names of its variables begin, and what becomes of it."""

    names: tuple[str, ...]
    becomes: str


_PARTS = (
    _Part(
        ("MCP_HTTPS_", "MCP_SSL_", "MCP_OAUTH_", "MCP_SSE_", "MCP_STREAMABLE_", "MCP_MDNS_"),
        "these ways to their HTTP API have no counterpart; memmux serves HTTP as MEMMUX_HTTP says, to who has a token "
        "of `memmux key add NAME --http`",
    ),
    _Part(
        ("MCP_CONSOLIDATION_", "MCP_SCHEDULE_"),
        "nothing consolidates, decays or archives memories on a schedule; they stay as they are",
    ),
    _Part(("CLOUDFLARE_",), "nothing is copied to Cloudflare; `memmux backup` and `memmux export` make copies"),
    _Part(("MCP_QUALITY_",), "no scores of quality are made; those in the metadata stay there"),
    _Part(("MCP_EXTERNAL_EMBEDDING_",), "texts are embedded on this machine; MEMMUX_MODEL names the model"),
)
_BACKENDS: Mapping[str, str] = {
    "hybrid": "the local file is adopted, and nothing is copied to Cloudflare any more",
    **dict.fromkeys(
        ("cloudflare", "milvus", "http"),
        "its memories are in no file on this machine, so none is adopted; export them there as JSON, then run "
        "`memmux import FILE`",
    ),
}


def of_variables(env: Mapping[str, str]) -> list[str]:
    """Return a sentence for each part without counterpart that the variables switch on; values are not repeated."""
    on = sorted(name for name, value in env.items() if value.strip().lower() not in _OFF)
    off = {name for name in env if name.endswith("_ENABLED") and name not in on}
    sentences = []
    backend = env.get(BACKEND, "").strip().lower()
    if backend in _BACKENDS:
        sentences.append(f"{BACKEND} is {backend}: {_BACKENDS[backend]}")
    for part in _PARTS:
        named = [name for name in on if name.startswith(part.names)]
        if named and not any(name.startswith(part.names) for name in off):
            sentences.append(f"{', '.join(named)}: {part.becomes}")
    return sentences


def of_hooks(machine: Machine) -> list[str]:
    """Return a sentence about the hooks of Claude Code that call its HTTP API; none if none does."""
    folder = machine.named("CLAUDE_CONFIG_DIR") or machine.home / ".claude"
    found = [str(file) for file in _hooks(folder)]
    if not found:
        return []
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return [f"{', '.join(found[:NAMED])}{more}: {_HOOKS}"]


def _hooks(folder: Path) -> Iterator[Path]:
    for file in (folder / "settings.json", folder / "settings.local.json"):
        if _CALLS.search(_configured(file)):
            yield file
    try:
        files = sorted(path for path in (folder / "hooks").rglob("*") if path.is_file())
    except OSError:
        return
    for file in files[:HOOKS_MOST]:
        if _CALLS.search(_read(file)):
            yield file


def _configured(file: Path) -> bytes:
    """Return the hooks in a file of settings."""
    try:
        value = json.loads(_read(file))
    except ValueError:
        return b""
    return json.dumps(value.get("hooks")).encode() if isinstance(value, dict) else b""


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(HOOK_BYTES)
    except OSError:
        return b""
