"""The command `memmux install`: puts memmux into a client's configuration, takes it out again, and tries it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click

from memmux.cli import output
from memmux.cli.options import json_option, with_settings
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, ReplacementNeededError, ServerSilentError
from memmux.hosts import entry as server
from memmux.hosts import install as plans
from memmux.hosts import shadow as scripts
from memmux.hosts import trial
from memmux.hosts.catalogue import HOSTS, Host, Machine
from memmux.hosts.config_file import Document
from memmux.hosts.entry import Entry
from memmux.hosts.install import Plan

FAILURE = 1  # what was written does not answer


def _variables(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    del context, parameter  # the value says it all
    pairs = [text.partition("=") for text in value]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise ArgumentInvalidError("--env is NAME=VALUE, as in --env MEMMUX_TOOLS=full")
    return {name: text for name, _, text in pairs}


def _name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    del context, parameter  # as above
    if value is not None and not (value.isascii() and value.replace("-", "").replace("_", "").isalnum()):
        raise ArgumentInvalidError("--name is of letters, digits, - and _, which every client takes")
    return value


@click.command()
@click.argument("client", required=False, type=click.Choice(list(HOSTS)))
@click.option(
    "--project",
    metavar="FOLDER",
    is_flag=False,
    flag_value=".",
    help="Into the configuration of the project in FOLDER, by default the working directory, instead of the user's.",
)
@click.option("--name", metavar="NAME", callback=_name, help="What the client calls the server; by default memory.")
@click.option("--env", metavar="NAME=VALUE", multiple=True, callback=_variables, help="A variable for the server.")
@click.option("--replace", is_flag=True, help="Put memmux in the place of mcp-memory-service, with its variables.")
@click.option("--yes", is_flag=True, help="Answer every question with yes.")
@click.option("--dry-run", is_flag=True, help="Print what would change, as a diff, and change nothing.")
@click.option("--uninstall", is_flag=True, help="Take memmux out again.")
@click.option("--no-check", is_flag=True, help="Don't start what was written to see whether it answers.")
@click.option("--shadow", is_flag=True, help=f"Instead: make the scripts {', '.join(scripts.SCRIPTS)} start memmux.")
@click.option("--to", metavar="FOLDER", help="Where --shadow makes them; by default beside the command memmux.")
@json_option
@with_settings
def install(
    settings: Settings,
    *,
    client: str | None,
    project: str | None,
    name: str | None,
    env: Mapping[str, str],
    replace: bool,
    yes: bool,
    dry_run: bool,
    uninstall: bool,
    no_check: bool,
    shadow: bool,
    to: str | None,
    as_json: bool,
) -> None:
    """Set up CLIENT to start memmux: claude-desktop, claude-code, cursor, vscode, windsurf, codex or gemini.

    Its configuration keeps everything else, comments too; the old file is kept beside it. An entry of
    mcp-memory-service is replaced if you say so. At last what was written is started, as the client will, and asked
    for its tools.
    """
    if shadow:
        _shadow(client, to, uninstall=uninstall, dry_run=dry_run, as_json=as_json)
        return
    if to is not None:
        raise ArgumentInvalidError("--to says where --shadow makes its scripts; leave it out")
    if client is None:
        raise ArgumentInvalidError(f"name a CLIENT: {', '.join(HOSTS)}")
    machine, known = Machine.here(), HOSTS[client]
    document = Document.of(known, known.user_file(machine) if project is None else _project_file(known, project))
    if uninstall:
        plan = plans.uninstall(document, scripts.shadows, name=name)
    else:
        entry = server.entry(settings, machine, env)
        plan = _install(document, entry, name=name, replace=replace or yes, ask=not as_json)
    backup = None if dry_run else plan.apply(datetime.now().astimezone())
    answer: dict[str, object] = {
        "client": known.name,
        "file": str(plan.file),
        "name": plan.name,
        "status": plan.status,
        "dry_run": dry_run,
        "backup": str(backup) if backup else None,
        "notes": [*plan.notes, *_notes(plan, project)],
        "diff": plan.diff() if dry_run else None,
    }
    if not as_json:
        _show(answer, known.then if plan.entry is not None and plan.before != plan.after else "")
    failed = False
    if plan.entry is not None and not dry_run and not no_check:
        failed = not _checked(plan.entry, machine.home, answer, as_json=as_json)
    if as_json:
        output.document(answer)
    click.get_current_context().exit(FAILURE if failed else 0)


def _project_file(client: Host, project: str) -> Path:
    folder = Path(project).expanduser().absolute()
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


def _notes(plan: Plan, project: str | None) -> list[str]:
    """Return what the user should know of what is written."""
    if plan.entry is None:
        return []
    notes = []
    if project is not None:
        notes.append("the path in it is this machine's: others who share the project have another")
    if server.fleeting(plan.entry.command):
        notes.append(f"{plan.entry.command} is in an environment that may vanish; install memmux for good, then again")
    return notes


def _show(answer: Mapping[str, object], then: str) -> None:
    """Print what became of a client's file; what changes would be is for standard output, the rest beside it."""
    diff, notes = answer["diff"], answer["notes"]
    assert isinstance(notes, list)
    status = f"{answer['status']}" if not answer["dry_run"] else f"would be: {answer['status']}"
    click.echo(f"{output.clean(str(answer['file']))}  {answer['name']}  {status}", err=bool(answer["dry_run"]))
    if answer["dry_run"]:
        click.echo(output.clean(str(diff)), nl=False)
    if answer["backup"]:
        click.echo(f"the old file is {output.clean(str(answer['backup']))}")
    for note in notes:
        click.echo(f"note: {output.clean(note)}", err=True)
    if then and not answer["dry_run"]:
        click.echo(f"{answer['client']}: {then}")


def _checked(entry: Entry, folder: Path, answer: dict[str, object], *, as_json: bool) -> bool:
    """Start what was written; add to the answer what came of it, and return whether it was good."""
    try:
        tried = trial.run(entry, folder)
    except ServerSilentError as error:
        answer["error"] = error.to_json()
        if not as_json:
            output.failure(error, as_json=False)
        return False
    answer["server"] = tried
    if not as_json:
        click.echo(f"started it: {output.clean(f'{tried.server} {tried.version}')} answers, with {tried.tools} tools")
    return True


def _shadow(client: str | None, to: str | None, *, uninstall: bool, dry_run: bool, as_json: bool) -> None:
    """Make or remove the console scripts of mcp-memory-service."""
    if client is not None:
        raise ArgumentInvalidError("--shadow is for no client in particular; leave CLIENT out")
    folder = Path(to).expanduser().absolute() if to is not None else Path(sys.executable).absolute().parent
    done = (scripts.uninstall if uninstall else scripts.install)(folder, dry_run=dry_run)
    found = [(script, shutil.which(script.path.name)) for script in done]
    hidden = [f"{script.path.name} is {path} in this shell" for script, path in found if path != str(script.path)]
    if as_json:
        listed = [{"path": str(script.path), "status": script.status} for script in done]
        output.document({"folder": str(folder), "dry_run": dry_run, "scripts": listed})
        return
    would = "would be: " if dry_run else ""
    for script in done:
        click.echo(f"{output.clean(str(script.path))}  {would}{script.status}")
    if not uninstall:
        for text in hidden if not dry_run else ():
            click.echo(f"note: {output.clean(text)}", err=True)
        click.echo(
            "`python -m mcp_memory_service.server` stays what it is: it names that package, not a script", err=True
        )
