"""The part of `memmux install` that has a client connect over HTTP: an entry with a URL, and the token of a key."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from datetime import datetime

import click

from memmux.cli import client_keys, output, settings_file, web_address
from memmux.cluster import find
from memmux.config.loader import config_file, load_with_sources
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, ClientFileError
from memmux.hosts import http_entry, http_trial
from memmux.hosts import install as plans
from memmux.hosts.catalogue import HOSTS, Host
from memmux.hosts.config_file import Document
from memmux.hosts.http_entry import HttpEntry
from memmux.hosts.http_trial import Outcome
from memmux.hosts.machine import Machine
from memmux.hosts.shadow import shadows
from memmux.trust import keys, tokens
from memmux.trust.key import Key, check_name
from memmux.trust.keys import Keys
from memmux.wire.grants import Grant
from memmux.wire.roles import Role

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
) -> bool:
    """Write the entry into the client's file of this user, with the token of a key, which is made if it is not there.

    A token that stands there already is kept while it is valid, and that of `key`, if one is named. The token of a key
    that was made before is asked for, as it is kept nowhere. An address that no setting says goes into memmux.toml, so
    that every cluster serves there. Returns whether something else than memmux, or an error, answers there. Raises the
    MemmuxError that keeps it from being written.
    """
    find.need_local(settings)
    http_entry.form_of(client)
    document = Document.of(client, client.user_file(machine))
    _, sources = load_with_sources(click.get_current_context().obj)
    address = web_address.lasting(settings, sources, _bases(document, machine))
    places, url = Places(settings), f"{address.url}{http_entry.PATH}"
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
        settings_file.write(address.missing)
    trial = http_trial.run(HttpEntry(url, token)) if check and not dry_run else None
    answer = {
        "client": client.name,
        "path": str(plan.file),
        "name": plan.name,
        "status": plan.status,
        "dry_run": dry_run,
        "backup": str(backup) if backup else None,
        "url": url,
        "key": owner,
        "settings": dict(address.missing),
        "notes": [*_notes(document), *address.notes, *_wrong(trial, url)],
        "then": client.then if plan.before != plan.after and not dry_run else None,
        "diff": _TOKEN.sub(_SHOWN, plan.diff()) + settings_file.diff(address.missing) if dry_run else None,
    }
    if trial is not None and trial.outcome is Outcome.ANSWERS:
        answer["server"] = {"server": http_trial.SERVER, "version": trial.said}
    if as_json:
        output.document(answer)
    else:
        _show(answer)
    return trial is not None and trial.outcome not in (Outcome.ANSWERS, Outcome.SILENT)


def _show(answer: Mapping[str, object]) -> None:
    """Print what became of the file; what would change is for standard output, the rest beside it."""
    mark = "dry run: " if answer["dry_run"] else ""
    told = (
        f"{answer['path']}  {answer['name']}  {mark}{answer['status']}: {answer['url']}, with the key {answer['key']}"
    )
    output.line(told, err=bool(answer["dry_run"]))
    if answer["dry_run"]:
        output.block(str(answer["diff"]))
    if answer["backup"]:
        output.line(f"the old file is {answer['backup']}")
    if (said := answer["settings"]) and not answer["dry_run"]:
        assert isinstance(said, Mapping)
        lines = ", ".join(f'`{name} = "{value}"`' for name, value in said.items())
        output.line(f"{config_file()} has {lines} from now on, so that every cluster serves there")
    if server := answer.get("server"):
        assert isinstance(server, Mapping)
        output.line(f"asked it: {server['server']} {server['version']} answers")
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


def _notes(document: Document) -> list[str]:
    """Return what the user should know of the file."""
    if document.content is None or not document.file.stat().st_mode & _OTHERS:
        return []
    return [f"others may read {document.file}, which holds the token; run `chmod 600 {document.file}`"]


def _wrong(trial: http_trial.Trial | None, url: str) -> list[str]:
    """Return what keeps memmux from answering, if it was tried, and the remedy."""
    match None if trial is None else trial.outcome:
        case Outcome.SILENT:
            return [f"nothing answers at {url} yet; `memmux restart` has a cluster serve it"]
        case Outcome.STRANGER:
            assert trial is not None
            other = f"or put another address as `http` into {config_file()}, then `memmux restart` and this again"
            return [f"another program answers at {url} ({trial.said}); end it, then `memmux restart`, {other}"]
        case Outcome.REFUSED:
            return [f"{url} refuses the token, so it is the cluster of another database; name that with --database"]
        case Outcome.UNTRUSTED | Outcome.FAILS:
            assert trial is not None
            return [f"{url}: {trial.outcome}: {trial.said}"]
    return []


def _bases(document: Document, machine: Machine) -> list[str]:
    """Return scheme, host and port of clients' entries with a URL of memmux, of this client's file first."""
    documents = [document]
    for host in HOSTS.values():
        if host.remote is not None and host is not document.client:
            try:
                documents.append(Document.of(host, host.user_file(machine)))
            except ClientFileError:
                continue  # which the doctor says
    entries = (http_entry.parse(server.raw) for one in documents for server in one.servers(shadows))
    return [entry.url.removesuffix(http_entry.PATH) for entry in entries if entry is not None]
