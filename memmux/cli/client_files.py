"""The files of clients, as `memmux install` writes them: each planned, written, shown, and tried."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import click

from memmux.cli import client_keys, output
from memmux.cluster import find, worker_tasks
from memmux.config import typed, unadopted
from memmux.config.settings import Settings
from memmux.doctor.entries import settings_of
from memmux.errors import ArgumentInvalidError, MemmuxError, ReplacementNeededError, SettingInvalidError
from memmux.hosts import entry as server
from memmux.hosts import install as plans
from memmux.hosts import mms_setup, trial
from memmux.hosts import shadow as scripts
from memmux.hosts.catalogue import HOSTS, Host
from memmux.hosts.config_file import Document
from memmux.hosts.entry import Entry
from memmux.hosts.install import Plan
from memmux.hosts.machine import Machine
from memmux.wire.counts import amount

HOOKED = "claude-code"  # the client that has hooks of mcp-memory-service


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What is to be done with a client's file, and how it is told; model: what is wrong with it, for a note."""

    entry: Entry = field(kw_only=False)
    settings: Settings
    name: str | None
    replace: bool
    uninstall: bool
    dry_run: bool
    check: bool
    as_json: bool
    model: str | None

    def plan(self, document: Document) -> Plan:
        """Return what becomes of a file."""
        if self.uninstall:
            return plans.uninstall(document, scripts.shadows, name=self.name)
        return _install(document, self.entry, name=self.name, replace=self.replace, ask=not self.as_json)


def model_trouble(settings: Settings) -> str | None:
    """Return what is wrong with the embedding model, which the client's first search would have to do without."""
    if settings.remote is not None:
        return None
    try:
        found: Mapping[str, str] = worker_tasks.run("environment", settings)["model"]
    except MemmuxError as error:  # what was asked for is another thing
        return error.message
    return found.get("error")


def one(machine: Machine, name: str | None, project: str | None, asked: FileChange) -> bool:
    """Set up one client; return whether something failed."""
    if name is None:
        raise ArgumentInvalidError(f"name a CLIENT: {', '.join(HOSTS)}; or say --all")
    client = HOSTS[name]
    plan, answer = _written(client, machine, project, asked)
    if not asked.as_json:
        _show(answer)
        if steps := answer["then"]:
            output.line(f"{client.name}: {steps}")
    failed = (
        plan.entry is not None and asked.check and not asked.dry_run and not _checked([plan], machine, [answer], asked)
    )
    if asked.as_json:
        output.document(answer)
    return failed


def every(machine: Machine, asked: FileChange) -> bool:
    """Set up every client that is here; return whether something failed with any of them."""
    found = [client for client in HOSTS.values() if client.is_here(machine)]
    if not found:
        return _none(asked)
    done: list[tuple[Plan, dict[str, object]]] = []
    answers: list[dict[str, object]] = []
    for client in found:
        file = client.user_file(machine)
        try:
            done.append(_written(client, machine, None, asked))
            answers.append(done[-1][1])
        except MemmuxError as error:
            answers.append({"client": client.name, "path": str(file), "error": error.to_json()})
            if not asked.as_json:
                output.failure(error, as_json=False)
            continue
        if not asked.as_json:
            _show(answers[-1])
    steps = [f"  {answer['client']}: {answer['then']}" for answer in answers if answer.get("then")]
    if steps and not asked.as_json:
        output.line("next:")
        for step in steps:
            output.line(step)
    new = [(plan, answer) for plan, answer in done if plan.entry is not None]
    failed = len(done) < len(found)
    if new and asked.check and not asked.dry_run:
        failed = not _checked([plan for plan, _ in new], machine, [answer for _, answer in new], asked) or failed
    if asked.as_json:
        output.document({"clients": answers})
    else:
        output.line(f"{len(done)} of {amount(len(found), 'client')} {'looked at' if asked.dry_run else 'done'}")
    return failed


def _none(asked: FileChange) -> bool:
    """Say that no client is found; return whether that is a failure."""
    if asked.as_json:
        output.document({"clients": []})
    else:
        output.note(f"no client is found on this machine; to set one up all the same, name it: {', '.join(HOSTS)}")
    return not asked.uninstall


def _file(client: Host, machine: Machine, project: str | None) -> Path:
    return client.user_file(machine) if project is None else _project_file(client, project)


def _written(client: Host, machine: Machine, project: str | None, asked: FileChange) -> tuple[Plan, dict[str, object]]:
    """Write a client's file, or with --dry-run do not; return what was planned, and what is said of it."""
    plan = asked.plan(Document.of(client, _file(client, machine, project)))
    backup = None if asked.dry_run else plan.apply(datetime.now().astimezone())
    ended = client_keys.end(asked.settings, client, plan, dry_run=asked.dry_run)
    new = plan.entry is not None and plan.before != plan.after and not asked.dry_run
    steps = [client.then, *([client.approval] if project is not None and client.approval else [])]
    return plan, {
        "client": client.name,
        "path": str(plan.file),
        "name": plan.name,
        "status": plan.status,
        "dry_run": asked.dry_run,
        "backup": str(backup) if backup else None,
        "notes": [*plan.notes, *ended, *_notes(plan, client, machine, project), *filter(None, [asked.model])],
        "then": "; then ".join(steps if project is None else reversed(steps)) if new else None,
        "diff": plan.diff() if asked.dry_run else None,
    }


def _project_file(client: Host, project: str) -> Path:
    folder = typed.path(project)
    if not folder.is_dir():
        raise ArgumentInvalidError(f"--project {folder} is no folder; name one, or leave it out for the user's servers")
    return client.project_file(folder)


def _install(document: Document, entry: Entry, *, name: str | None, replace: bool, ask: bool) -> Plan:
    try:
        return plans.install(document, entry, scripts.shadows, name=name, replace=replace)
    except ReplacementNeededError:
        if not ask or not sys.stdin.isatty():
            raise
        question = f"{document.client.label} runs mcp-memory-service. Put memmux in its place, with its variables?"
        if not click.confirm(question, err=True):
            raise
        return plans.install(document, entry, scripts.shadows, name=name, replace=True)


def _notes(plan: Plan, client: Host, machine: Machine, project: str | None) -> list[str]:
    """Return what the user should know of what is written."""
    if plan.entry is None:
        return []
    notes = []
    if project is not None:
        notes.append("the path in it is this machine's: others who share the project have another")
    if server.fleeting(plan.entry.command):
        notes.append(f"{plan.entry.command} is in an environment that may vanish; install memmux for good, then again")
    notes += mms_setup.of_variables(plan.entry.env or {})
    if plan.entry.varies:
        notes.append("it has a variable that the client replaces, as ${HOME}, so it is not started here to try it")
    with suppress(SettingInvalidError):  # the start of what was written says so
        if (said := unadopted.sentence(settings_of(plan.entry), plan.entry.env or {})) is not None:
            notes.append(said)
    if client.name == HOOKED:
        notes += mms_setup.of_hooks(machine)
    return notes


def _show(answer: Mapping[str, object]) -> None:
    """Print what became of a client's file; what changes would be is for standard output, the rest beside it."""
    diff, notes = answer["diff"], answer["notes"]
    assert isinstance(notes, list)
    status = f"{answer['status']}" if not answer["dry_run"] else f"dry run: {answer['status']}"
    output.line(f"{answer['path']}  {answer['name']}  {status}", err=bool(answer["dry_run"]))
    if answer["dry_run"]:
        output.block(str(diff))
    if answer["backup"]:
        output.line(f"the old file is {answer['backup']}")
    for note in notes:
        output.line(f"note: {note}", err=True)


def _checked(plans: Sequence[Plan], machine: Machine, answers: Sequence[dict[str, object]], asked: FileChange) -> bool:
    """Start what was written, each entry once; add to the answers what came of it, and return whether all was good."""
    tried: dict[str, tuple[trial.Trial | None, MemmuxError | None]] = {}
    for plan, answer in zip(plans, answers, strict=True):
        assert plan.entry is not None
        if plan.entry.varies:
            continue  # as a note says
        same = f"{plan.entry.line} {sorted((plan.entry.env or {}).items())}"
        if same not in tried:
            tried[same] = _tried(plan.entry, machine.home, as_json=asked.as_json)
        came, error = tried[same]
        if came is not None:
            answer["server"] = came
        if error is not None:
            answer["error"] = error.to_json()
    return not any(error for _, error in tried.values())


def _tried(entry: Entry, folder: Path, *, as_json: bool) -> tuple[trial.Trial | None, MemmuxError | None]:
    """Start an entry; return what answered, and what fails: the server, or the cluster elsewhere that it is for."""
    tried, error = None, None
    try:
        tried = trial.run(entry, folder)
        error = find.silence(settings_of(entry))
    except MemmuxError as failure:
        error = failure
    if not as_json and tried is not None:
        output.line(f"started it: {tried.server} {tried.version} answers, with {amount(tried.tools, 'tool')}")
    if not as_json and error is not None:
        output.failure(error, as_json=False)
    return tried, error
