"""The command `memmux install`: puts memmux into a client's configuration, takes it out again, and tries it."""

from __future__ import annotations

import difflib
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import click

from memmux.cli import client_files, install_http, output, web_address
from memmux.cli.options import json_option, with_settings
from memmux.config import typed, variables
from memmux.config.loader import load
from memmux.config.settings import CLIENTS_OWN, PREFIX, Settings
from memmux.errors import ArgumentInvalidError
from memmux.hosts import entry as server
from memmux.hosts import shadow as scripts
from memmux.hosts.catalogue import HOSTS
from memmux.hosts.machine import Machine

FAILURE = 1  # what was written does not answer
_SAY_WHERE = CLIENTS_OWN - {"namespace", "tools", "gateway", "traces", "ingest_roots"} | {
    "state_dir",
    "cache_dir",
    *web_address.OF_HTTP,
}
"""The settings by which `--http` finds the cluster, or its address."""


def _variables(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    del context, parameter  # the value says it all
    pairs = [text.partition("=") for text in value]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise ArgumentInvalidError("--env is NAME=VALUE, as in --env MEMMUX_TOOLS=full")
    given = {name: text for name, _, text in pairs}
    for name, remedy in variables.unread(given).items():
        raise ArgumentInvalidError(f"--env {name} is no setting; {remedy.replace('unset it', 'leave it out')}")
    load(environment=given)  # which says what is wrong with a value
    return given


def _name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    del context, parameter  # as above
    if value is not None and not (value.isascii() and value.replace("-", "").replace("_", "").isalnum()):
        raise ArgumentInvalidError("--name is of letters, digits, - and _, which every client takes")
    return value


def _client(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    del context, parameter  # as above
    if value is None or value.lower() in HOSTS:
        return value and value.lower()
    name = value.lower()
    meant = [known for known in HOSTS if name in known] or difflib.get_close_matches(name, HOSTS)
    there = f"{' or '.join(meant)}?" if meant else f"there are {', '.join(HOSTS)}"
    raise ArgumentInvalidError(f"there is no client {value!r}; {there}")


@click.command()
@click.argument("client", metavar="[CLIENT]", required=False, callback=_client)
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
@click.option("--all", "every", is_flag=True, help="Set up every client that is found on this machine.")
@click.option(
    "--http", is_flag=True, help="Have it connect over HTTP with a token, at an address that memmux.toml keeps."
)
@click.option("--key", metavar="NAME", help="With --http: whose token; a key that is not there is made, to write.")
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
    every: bool,
    http: bool,
    key: str | None,
    shadow: bool,
    to: str | None,
    as_json: bool,
) -> None:
    """Set up CLIENT to start memmux.

    CLIENT is claude-desktop, claude-code, cursor, vscode, windsurf, codex, gemini, opencode, qwen, copilot, zed, cline
    or amp. Its configuration keeps everything else, comments too; the old file is kept beside it. An entry of
    mcp-memory-service is replaced if you say so. At last what was written is started, as the client will, and asked
    for its tools.
    """
    if shadow:
        if project is not None or name is not None or env or replace or no_check or every or http or key is not None:
            raise ArgumentInvalidError("--shadow takes --to, --uninstall and --dry-run; leave the others out")
        _shadow(client, to, uninstall=uninstall, dry_run=dry_run, as_json=as_json)
        return
    if to is not None:
        raise ArgumentInvalidError("--to says where --shadow makes its scripts; leave it out")
    machine = Machine.here()
    if key is not None and not http:
        raise ArgumentInvalidError("--key names whose token --http writes; say --http, too, or leave it out")
    if key is not None and uninstall:
        raise ArgumentInvalidError("--uninstall takes out whatever is there; leave --key out")
    if http and not uninstall:
        if client is None or every or project is not None or env:
            raise ArgumentInvalidError(
                "--http is for the user's servers of one CLIENT; leave --all, --env and --project out: a project's "
                "file is shared, and a token is not"
            )
        _need_where(click.get_current_context().obj or ())
        failed = install_http.write(
            settings,
            HOSTS[client],
            machine,
            key=key,
            name=name,
            replace=replace or yes,
            dry_run=dry_run,
            check=not no_check,
            as_json=as_json,
        )
        click.get_current_context().exit(FAILURE if failed else 0)
    flags: Collection[str] = () if uninstall else tuple(click.get_current_context().obj or ())
    _need_own(settings, flags)
    asked = client_files.FileChange(
        server.entry(settings, machine, env, flags=flags),
        settings=settings,
        name=name,
        replace=replace or yes,
        uninstall=uninstall,
        dry_run=dry_run,
        check=not no_check,
        as_json=as_json,
        model=None if uninstall or dry_run else client_files.model_trouble(settings),
    )
    if every:
        if client is not None or project is not None:
            raise ArgumentInvalidError(
                "--all is for the user's servers of every client; leave CLIENT and --project out"
            )
        failed = client_files.every(machine, asked)
    else:
        failed = client_files.one(machine, client, project, asked)
    click.get_current_context().exit(FAILURE if failed else 0)


def _need_where(flags: Collection[str]) -> None:
    """Raise ArgumentInvalidError for a flag that is neither in an entry with a URL nor says what the URL is."""
    if "namespace" in flags:
        raise ArgumentInvalidError(
            "an entry with a URL has no namespace; bind a key to one with `memmux key add NAME --http --role write "
            "--namespace NAMESPACE`, and give --key NAME here"
        )
    for name in flags:
        if name not in _SAY_WHERE:
            raise ArgumentInvalidError(
                f"--{name.replace('_', '-')} has no place in an entry with a URL; put {name} into memmux.toml, where "
                "the cluster has it from"
            )


def _need_own(settings: Settings, flags: Collection[str]) -> None:
    """Raise ArgumentInvalidError for a flag that is a setting of the cluster, which an entry is not the place for."""
    for name in flags:
        if name not in CLIENTS_OWN:
            raise ArgumentInvalidError(
                f"--{name.replace('_', '-')} is a setting of the cluster, which all clients share; put {name} into "
                f"memmux.toml, or say --env {PREFIX}{name.upper()}={settings.written().get(name, '')}"
            )


def _shadow(client: str | None, to: str | None, *, uninstall: bool, dry_run: bool, as_json: bool) -> None:
    """Make or remove the console scripts of mcp-memory-service."""
    if client is not None:
        raise ArgumentInvalidError("--shadow is for no client in particular; leave CLIENT out")
    folder = typed.path(to) if to is not None else Path(sys.executable).absolute().parent
    done = (scripts.uninstall if uninstall else scripts.install)(folder, dry_run=dry_run)
    found = [(script, shutil.which(script.path.name)) for script in done]
    hidden = [f"{script.path.name} is {path} in this shell" for script, path in found if path != str(script.path)]
    if as_json:
        listed = [{"path": str(script.path), "status": script.status} for script in done]
        output.document({"path": str(folder), "dry_run": dry_run, "scripts": listed})
        return
    mark = "dry run: " if dry_run else ""
    for script in done:
        output.line(f"{script.path}  {mark}{script.status}")
    if not uninstall:
        for text in hidden if not dry_run else ():
            output.line(f"note: {text}", err=True)
        output.line(
            "`python -m mcp_memory_service.server` stays what it is: it names that package, not a script", err=True
        )
