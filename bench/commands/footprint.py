"""The commands that measure what a cluster and its clients cost before anybody asks for anything."""

from __future__ import annotations

import sys

import click

from bench.commands.options import json_option, memories_option


@click.command()
@memories_option
@click.option(
    "--idle-seconds", "idle_s", type=click.FloatRange(1, 3_600), default=20, show_default=True, help="At rest."
)
@json_option
def start(*, memories: int, idle_s: float, as_json: bool) -> None:
    """Measure the start, the weight of each process, the rest, and the embedding of a query beside plain torch."""
    from bench.harness import report
    from bench.scenarios import start

    sys.exit(report.finish(start.measure(start.Options(memories=memories, idle_s=idle_s)), as_json=as_json))


@click.command()
@memories_option
@click.option("--kills", type=click.IntRange(0), default=10, show_default=True, help="Of the gateway, under load.")
@json_option
def clients(*, memories: int, kills: int, as_json: bool) -> None:
    """Measure what an MCP client costs: its relay, the gateway, a call, and a gateway that is killed."""
    from bench.harness import report
    from bench.scenarios import clients

    sys.exit(report.finish(clients.measure(clients.Options(memories=memories, kills=kills)), as_json=as_json))


@click.command()
@memories_option
@json_option
def http(*, memories: int, as_json: bool) -> None:
    """Measure HTTP: searches beside the Python client's, what a request costs, and what streams of events weigh."""
    from bench.harness import report
    from bench.scenarios import http

    sys.exit(report.finish(http.measure(http.Options(memories=memories)), as_json=as_json))


@click.command()
@click.option("--record", type=click.Choice(["mcp-memory-service", "server-memory"]), help="Ask that server anew.")
@click.argument("command", nargs=-1)
@json_option
def tools(*, record: str | None, command: tuple[str, ...], as_json: bool) -> None:
    """Count the bytes and tokens that a model reads of memmux and of other memory servers.

    COMMAND: starts the server that is recorded; write -- before it.
    """
    from bench.harness import report
    from bench.scenarios import tools

    if record:
        tools.record(record, list(command))
    sys.exit(report.finish(tools.measure(), as_json=as_json))
