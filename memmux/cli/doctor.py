"""The command `memmux doctor`: looks at everything, from the interpreter to a memory that goes there and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import click

from memmux.cli import output
from memmux.cli.options import json_option, with_settings
from memmux.cluster import worker_tasks
from memmux.config.mms_database import folders
from memmux.config.settings import Settings
from memmux.doctor import checks as examination
from memmux.doctor import connections, entries, hosts, http, relay, round_trip, servers
from memmux.doctor.finding import Finding, Level
from memmux.errors import MemmuxError
from memmux.hosts.machine import Machine

FAILURE = 1
_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}


@click.command()
@json_option
@with_settings
def doctor(settings: Settings, *, as_json: bool) -> None:
    """Look at everything that memmux needs, and say the remedy for what is not as it should be.

    At last a memory is stored, read, found, deleted and purged through the cluster, which is started if none runs, and
    `memmux mcp` is greeted as by a host. Of the cluster of another machine it is only looked whether it answers. It
    ends with 1 if there is an error.
    """
    examinations: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: examination.of_installation(worker_tasks.run("environment", settings)),
        lambda: examination.of_variables(os.environ),
        lambda: examination.of_mms(os.environ, *folders()),
        lambda: examination.of_adoption(settings, os.environ),
        lambda: examination.of_files(settings),
        lambda: servers.of_servers(settings, os.environ),
        lambda: examination.of_logs(settings),
        lambda: examination.of_leftovers(settings),
        lambda: hosts.of_hosts(Machine.here(), folders()[0]),
        lambda: entries.of_entries(settings, Machine.here(), folders()[0]),
        lambda: round_trip.of_round_trip(settings),
        lambda: relay.of_relay(settings),
        lambda: http.of_http(settings, os.environ),
        lambda: connections.of_connections(settings, Machine.here(), folders()[0]),
    )
    if settings.remote is not None:
        examinations = (
            lambda: examination.of_variables(os.environ),
            lambda: examination.of_remote(settings),
            lambda: hosts.of_hosts(Machine.here(), folders()[0]),
            lambda: entries.of_entries(settings, Machine.here(), folders()[0]),
            lambda: relay.of_relay(settings),
            lambda: connections.of_connections(settings, Machine.here(), folders()[0]),
        )
    findings: list[Finding] = []
    for examine in examinations:
        for finding in _findings(examine):
            findings.append(finding)
            if not as_json:
                level = output.styled(finding.level.ljust(7), fg=_COLOURS[finding.level])
                output.line(level, "  ", finding.name.ljust(15), "  ", finding.text)
    errors = sum(finding.level is Level.ERROR for finding in findings)
    if as_json:
        output.document({"healthy": not errors, "findings": findings})
    click.get_current_context().exit(FAILURE if errors else 0)


def _findings(examine: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield the findings of one examination; that it can't be made is one too."""
    try:
        yield from examine()
    except MemmuxError as error:
        yield Finding("examination", Level.ERROR, f"{error.code}: {error.message}")
    except OSError as error:
        yield Finding("examination", Level.ERROR, f"{error}; give yourself permission, or name another place")
