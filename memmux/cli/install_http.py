"""The part of `memmux install` that has a client connect over HTTP: an entry with a URL, and the token of a key."""

from __future__ import annotations

import http.client
import re
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import click

from memmux.cli import client_keys, output, web_address
from memmux.cluster import find
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError
from memmux.hosts import http_entry
from memmux.hosts import install as plans
from memmux.hosts.catalogue import Host, Machine
from memmux.hosts.config_file import Document
from memmux.hosts.http_entry import HttpEntry
from memmux.hosts.shadow import shadows
from memmux.trust import keys, tokens
from memmux.trust.key import Key, check_name
from memmux.trust.keys import Keys
from memmux.wire.grants import Grant
from memmux.wire.roles import Role

ASK_S = 2.0
_OTHERS = 0o077  # the mode of a file that others may open
_SHOWN = f"{tokens.PREFIX}…"  # instead of a token
_TOKEN = re.compile(rf"{tokens.PREFIX}[\w-]+")


def write(
    settings: Settings,
    client: Host,
    machine: Machine,
    *,
    key: str | None,
    name: str | None,
    replace: bool,
    dry_run: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Write the entry into the client's file of this user, with the token of a key, which is made if it is not there.

    A token that stands there already is kept while it is valid, and that of `key`, if one is named. The token of a key
    that was made before is asked for, as it is kept nowhere. Raises the MemmuxError that keeps it from being written.
    """
    find.need_local(settings)
    http_entry.form_of(client)
    places, url = Places(settings), f"{web_address.of(settings)}{http_entry.PATH}"
    document = Document.of(client, client.user_file(machine))
    known, now = keys.read(places), time.time()
    owner, token = _kept(document, known, key, now)
    new = not token
    if new:
        owner = key or _new_name(known, client)
        check_name(owner)
        if any(each.name == owner for each in known.standing):
            token, new = (_asked_for(owner, known, now), False) if not dry_run else (_SHOWN, False)
        else:
            token = _SHOWN if dry_run else tokens.make()
    plan = plans.install_http(document, HttpEntry(url, token), shadows, name=name, replace=replace)
    backup = None
    if not dry_run:
        if new:
            grant = Grant(name=owner, role=Role.WRITE)
            keys.add(places, Key(grant=grant, token=tokens.digest(token), created=now))
        try:
            backup = plan.apply(datetime.now().astimezone())
            for sentence in client_keys.end(settings, client, plan):
                output.note(sentence)
        except BaseException:
            if new:
                keys.revoke(places, owner, time.time())  # nobody has its token
            raise
    answer = {
        "client": client.name,
        "path": str(plan.file),
        "name": plan.name,
        "status": plan.status,
        "dry_run": dry_run,
        "backup": str(backup) if backup else None,
        "url": url,
        "key": owner,
        "notes": _notes(document, url, token if check and not dry_run else None),
        "then": client.then if plan.before != plan.after and not dry_run else None,
        "diff": _TOKEN.sub(_SHOWN, plan.diff()) if dry_run else None,
    }
    if as_json:
        output.document(answer)
    else:
        _show(answer)


def _show(answer: Mapping[str, object]) -> None:
    """Print what became of the file; what would change is for standard output, the rest beside it."""
    would = "would be: " if answer["dry_run"] else ""
    told = (
        f"{answer['path']}  {answer['name']}  {would}{answer['status']}: {answer['url']}, with the key {answer['key']}"
    )
    output.line(told, err=bool(answer["dry_run"]))
    if answer["dry_run"]:
        output.block(str(answer["diff"]))
    if answer["backup"]:
        output.line(f"the old file is {answer['backup']}")
    notes = answer["notes"]
    assert isinstance(notes, list)
    for note in notes:
        output.line(f"note: {note}", err=True)
    if answer["then"]:
        output.line(f"{answer['client']}: {answer['then']}")


def _kept(document: Document, known: Keys, key: str | None, now: float) -> tuple[str, str]:
    """Return the name of the key whose token stands in the file, and the token, if it is valid and that of `key`."""
    for server in document.servers(shadows):
        entry = http_entry.parse(server.raw)
        owner = None if entry is None else known.of_token(entry.token)
        if entry is not None and owner is not None and not owner.why_not(now) and key in (None, owner.name):
            return owner.name, entry.token
    return "", ""


def _new_name(known: Keys, client: Host) -> str:
    """Return a name for the client's key that no other has."""
    taken, name, number = {key.name for key in known.standing}, client.name, 2
    while name in taken:
        name, number = f"{client.name}-{number}", number + 1
    return name


def _asked_for(name: str, known: Keys, now: float) -> str:
    """Return the token of a key as it is typed or piped in; raise ArgumentInvalidError if it is another."""
    if sys.stdin.isatty():
        said = click.prompt(f"the token of the key {name!r}", hide_input=True, err=True, type=str)
    else:
        said = sys.stdin.readline()
    token = str(said).strip()
    owner = known.of_token(token)
    if owner is None or owner.name != name or owner.why_not(now):
        raise ArgumentInvalidError(
            f"that is no valid token of the key {name!r}, which is awaited on standard input; where it is lost, name "
            f"another key with --key, or run `memmux key revoke {name}` first"
        )
    return token


def _notes(document: Document, url: str, token: str | None) -> list[str]:
    """Return what the user should know; token: to try whether it is answered, None not to."""
    notes = []
    if document.content is not None and document.file.stat().st_mode & _OTHERS:
        notes.append(f"others may read {document.file}, which holds the token; run `chmod 600 {document.file}`")
    if token is not None and (wrong := _silence(url, token)):
        notes.append(wrong)
    return notes


def _silence(url: str, token: str) -> str:
    """Return what keeps the URL from answering; empty if it does."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=ASK_S)
    try:
        connection.request("GET", "/api/health/detailed", headers={"Authorization": f"Bearer {token}"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return f'nothing answers at {url} yet; put `http = "{parts.netloc}"` into memmux.toml, then `memmux restart`'
    finally:
        connection.close()
    return f"{url} answers with {status}; it may be another program's" if status >= http.client.BAD_REQUEST else ""
