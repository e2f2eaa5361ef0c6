"""The command `memmux service`: has systemd or launchd keep the cluster running."""

from __future__ import annotations

import click

from memmux.cli import output
from memmux.cli.options import json_option, with_settings
from memmux.cluster import find
from memmux.cluster import service as services
from memmux.cluster.service import Service
from memmux.config.settings import Settings

NOT_RUNNING = 3  # the exit code of `memmux service status` when the service does not run


@click.command()
@click.argument("action", metavar="ACTION", type=click.Choice(["install", "uninstall", "status"]))
@click.option("--dry-run", is_flag=True, help="Print what would be written and run, and do nothing.")
@json_option
@with_settings(applied=True)
def service(settings: Settings, *, action: str, dry_run: bool, as_json: bool) -> None:
    """Keep the database's cluster running as a service of yours: install, uninstall, or show its status.

    install writes a systemd user unit (Linux) or a launchd agent (macOS) that runs `memmux serve` with the settings
    that differ from the defaults, and starts it. The service takes over from a cluster that a client has started,
    begins again when it fails, and does not exit for want of clients. Another file of its name is left alone.
    """
    find.need_local(settings)
    found = services.of(settings)
    if action == "status":
        _status(found, as_json=as_json)
        return
    commands = found.start if action == "install" else found.stop
    if dry_run:
        _dry_run(found, action, commands, as_json=as_json)
        return
    left: list[tuple[str, ...]] = []
    done = True
    if action == "install":
        left = services.install(found)
    else:
        done = services.uninstall(found)
    if as_json:
        said = {"action": action, "name": found.name, "path": str(found.path), "done": done}
        output.document({**said, "left_to_run": [" ".join(command) for command in left]})
        return
    if not done:
        output.line(f"there is no service at {found.path}")
        return
    output.line(f"{'wrote' if action == 'install' else 'removed'} {found.path}")
    for command in left:
        output.line(f"to run: {' '.join(command)}")


def _dry_run(found: Service, action: str, commands: tuple[tuple[str, ...], ...], *, as_json: bool) -> None:
    lines = [" ".join(command) for command in commands]
    if as_json:
        text = found.content.decode() if action == "install" else None
        output.document(
            {"action": action, "name": found.name, "path": str(found.path), "content": text, "commands": lines}
        )
        return
    output.line(f"{'write' if action == 'install' else 'remove'} {found.path}")
    if action == "install":
        output.line()
        output.block(found.content.decode())
    for line in lines:
        output.line(f"run {line}")


def _status(found: Service, *, as_json: bool) -> None:
    active = found.installed and found.active
    if as_json:
        output.document({"name": found.name, "path": str(found.path), "installed": found.installed, "active": active})
    elif not found.installed:
        output.line(f"not installed; `memmux service install` would write {found.path}")
    else:
        output.line(f"{found.name}: {'running' if active else 'not running'}, {found.path}")
    if not active:
        click.get_current_context().exit(NOT_RUNNING)
