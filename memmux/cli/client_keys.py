"""Keys of clients that connect over HTTP: one that `install --http` made for a client ends when its token goes."""

from __future__ import annotations

import re
import time
from pathlib import Path

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import ClientFileError, MemmuxError
from memmux.hosts import http_entry
from memmux.hosts.catalogue import Host
from memmux.hosts.config_file import Document
from memmux.hosts.install import Plan
from memmux.hosts.shadow import shadows
from memmux.trust import keys
from memmux.trust.key import Key
from memmux.trust.keys import Keys
from memmux.wire.grants import Grant
from memmux.wire.roles import Role


def end(settings: Settings, client: Host, plan: Plan, *, dry_run: bool = False) -> list[str]:
    """Revoke the keys that were made for a client whose tokens leave its file; return what the user should know of it.

    Others stay, and are named: somebody made them, and may use them elsewhere. So is a key that can't be revoked.
    """
    gone = _tokens(client, plan.file, plan.before) - _tokens(client, plan.file, plan.after)
    if not gone:
        return []
    places = Places(settings)
    try:
        known = keys.read(places)
    except MemmuxError as error:
        return [f"{plan.file} had a token, whose key may be valid: {error.message}"]
    return [said for token in sorted(gone) if (said := _ended(places, client, known, token, dry_run=dry_run))]


def _ended(places: Places, client: Host, known: Keys, token: str, *, dry_run: bool) -> str:
    key, now = known.of_token(token), time.time()
    if key is None:
        return (
            f"the token that was there is of no key of {places.settings.where}; "
            "where it was made, `memmux key list` has it"
        )
    if key.why_not(now):
        return ""
    if not _made_for(client, key):
        return f"the key {key.name!r}, whose token was there, stays valid; `memmux key revoke {key.name}` ends it"
    if dry_run:
        return f"the key {key.name!r}, which was made for {client.name}, would be revoked"
    try:
        keys.revoke(places, key.name, now)
    except MemmuxError as error:
        return f"the key {key.name!r} is valid still: {error.message}; then run `memmux key revoke {key.name}`"
    return f"the key {key.name!r}, which was made for {client.name}, is revoked: no copy of its token lets anybody in"


def _made_for(client: Host, key: Key) -> bool:
    """Return whether a key is as `install --http` makes it by itself: by its name, to write, without a bound."""
    named = re.fullmatch(rf"{re.escape(client.name)}(-\d+)?", key.name)
    return named is not None and key.grant == Grant(name=key.name, role=Role.WRITE) and key.expires is None


def _tokens(client: Host, file: Path, content: bytes | None) -> frozenset[str]:
    """Return the tokens in a client's file; none of one that can't be read, which nothing is taken from."""
    try:
        servers = Document.parse(client, file, content).servers(shadows)
    except ClientFileError:
        return frozenset()
    entries = (http_entry.parse(server.raw) for server in servers)
    return frozenset(entry.token for entry in entries if entry is not None)
