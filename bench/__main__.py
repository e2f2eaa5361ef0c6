"""`python -m bench NAME`: measure what memmux promises, and end with 1 if a promise is missed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

import click

from memmux.config.settings import EmbedderChoice

# One thread, as a worker has; numpy and onnxruntime read this when they are imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
seed_option = click.option("--seed", type=int, default=1, show_default=True, help="The same faults for the same seed.")
embedder_option = click.option(
    "--embedder",
    type=click.Choice([str(choice) for choice in EmbedderChoice]),
    default="hash",
    show_default=True,
    help="What runs the model.",
)
memories_option = click.option(
    "--memories", type=click.IntRange(100, 2_000_000), default=10_000, show_default=True, help="Stored first."
)
plot_option = click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw a picture, too."
)


def _sizes(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Return the numbers of a list with commas between them."""
    try:
        sizes = tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter("it is numbers with commas between them", context, parameter) from None
    if min(sizes) < 1:
        raise click.BadParameter("each is 1 at least", context, parameter)
    return sizes


# Each command imports what it runs: by then the environment is set, and what others need is not loaded.
@click.group()
def bench() -> None:
    """Measure memmux on this machine; close other programs first."""


@bench.command()
@click.option("--memories", type=click.IntRange(100, 10_000), default=10_000, show_default=True, help="Stored first.")
@click.option(
    "--queries", type=click.IntRange(20, 5_000), default=400, show_default=True, help="Measured on each side."
)
@json_option
def smoke(*, memories: int, queries: int, as_json: bool) -> None:
    """Check speed and memory against their targets, with the real model, in about two minutes."""
    from bench.harness import report
    from bench.scenarios import smoke

    sys.exit(report.finish(smoke.measure(memories, queries), as_json=as_json))


@bench.command()
@memories_option
@click.option("--clients", type=click.IntRange(1, 256), default=32, show_default=True, help="In closed loops.")
@click.option(
    "--paced-clients", "paced", type=click.IntRange(1, 256), default=16, show_default=True, help="Asking once a second."
)
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True, help="Of each kind of load.")
@plot_option
@json_option
def degradation(*, memories: int, clients: int, paced: int, rounds: int, plot: Path | None, as_json: bool) -> None:
    """Compare many clients of one cluster with one that has the same code to itself; takes some ten minutes."""
    from bench.harness import report
    from bench.scenarios import degradation

    options = degradation.Options(memories=memories, clients=clients, paced=paced, rounds=rounds)
    sys.exit(report.finish(degradation.measure(options, plot), as_json=as_json))


@bench.command()
@memories_option
@click.option(
    "--filter",
    "fraction",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="The part of the memories that carry the tag filtered on; 0: no filter.",
)
@click.option("--clients", type=click.IntRange(1, 256), default=8, show_default=True, help="Beside the one alone.")
@click.option("--queries", type=click.IntRange(5), default=1_000, show_default=True, help="Of the one client.")
@json_option
def search(*, memories: int, fraction: float, clients: int, queries: int, as_json: bool) -> None:
    """Measure searches by meaning whose vectors are given, and how many of the nearest they find."""
    from bench.harness import report
    from bench.scenarios import search

    options = search.Options(memories=memories, fraction=fraction, clients=clients, queries=queries)
    sys.exit(report.finish(search.measure(options), as_json=as_json))


@bench.command()
@click.option("--clients", type=click.IntRange(1, 256), default=32, show_default=True, help="In closed loops.")
@click.option("--seconds", type=click.FloatRange(0.5, 3_600), default=20, show_default=True, help="Of either kind.")
@json_option
def store(*, clients: int, seconds: float, as_json: bool) -> None:
    """Measure acknowledged stores, with vectors and without, and look for each of them afterwards."""
    from bench.harness import report
    from bench.scenarios import store

    sys.exit(report.finish(store.measure(store.Options(clients=clients, seconds=seconds)), as_json=as_json))


@bench.command()
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


@bench.command("store-cost")
@click.option("--small", type=click.IntRange(1), default=1_000, show_default=True, help="Memories of one database.")
@click.option("--large", type=click.IntRange(1), default=100_000, show_default=True, help="Memories of the other.")
@click.option("--rounds", type=click.IntRange(1), default=40, show_default=True, help="Groups stored in each.")
@json_option
def store_cost(*, small: int, large: int, rounds: int, as_json: bool) -> None:
    """Compare what a store costs in a large database with what it costs in a small one."""
    from bench.harness import report
    from bench.scenarios import store_cost

    options = store_cost.Options(small=small, large=large, rounds=rounds)
    sys.exit(report.finish(store_cost.measure(options), as_json=as_json))


@bench.command()
@memories_option
@click.option("--seconds", type=click.FloatRange(0.5, 3_600), default=20, show_default=True, help="Of either kind.")
@json_option
def mixed(*, memories: int, seconds: float, as_json: bool) -> None:
    """Measure what a reader feels of 200 stores a second, and of a writer that stores as fast as it can."""
    from bench.harness import report
    from bench.scenarios import mixed

    sys.exit(report.finish(mixed.measure(mixed.Options(memories=memories, seconds=seconds)), as_json=as_json))


@bench.command("ops-overhead")
@memories_option
@click.option("--clients", type=click.IntRange(1, 256), default=8, show_default=True, help="In closed loops.")
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True, help="Of either cluster.")
@json_option
def ops_overhead(*, memories: int, clients: int, rounds: int, as_json: bool) -> None:
    """Measure what logs, metrics and health checks take from searches: one cluster with them beside one without."""
    from bench.harness import report
    from bench.scenarios import ops_overhead

    options = ops_overhead.Options(memories=memories, clients=clients, rounds=rounds)
    sys.exit(report.finish(ops_overhead.measure(options), as_json=as_json))


@bench.command()
@click.option(
    "--sizes",
    callback=_sizes,
    default="10000,100000,1000000",
    show_default=True,
    metavar="N,N,…",
    help="Numbers of memories.",
)
@click.option("--queries", type=click.IntRange(5), default=1_000, show_default=True, help="At each size.")
@plot_option
@json_option
def scale(*, sizes: tuple[int, ...], queries: int, plot: Path | None, as_json: bool) -> None:
    """Measure what more memories cost in time, memory and disk."""
    from bench.harness import report
    from bench.scenarios import scale

    sys.exit(report.finish(scale.measure(scale.Options(sizes=sizes, queries=queries), plot), as_json=as_json))


@bench.command()
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


@bench.command()
@memories_option
@json_option
def http(*, memories: int, as_json: bool) -> None:
    """Measure HTTP: searches beside the Python client's, what a request costs, and what streams of events weigh."""
    from bench.harness import report
    from bench.scenarios import http

    sys.exit(report.finish(http.measure(http.Options(memories=memories)), as_json=as_json))


@bench.command()
@memories_option
@click.option("--kills", type=click.IntRange(0), default=10, show_default=True, help="Of the gateway, under load.")
@json_option
def clients(*, memories: int, kills: int, as_json: bool) -> None:
    """Measure what an MCP client costs: its relay, the gateway, a call, and a gateway that is killed."""
    from bench.harness import report
    from bench.scenarios import clients

    sys.exit(report.finish(clients.measure(clients.Options(memories=memories, kills=kills)), as_json=as_json))


@bench.command()
@click.option("--clients", type=click.IntRange(1, 64), default=16, show_default=True, help="Client processes.")
@click.option("--hosts", type=click.IntRange(0, 64), default=0, show_default=True, help="Of them are MCP hosts.")
@click.option("--rounds", type=click.IntRange(1), default=6, show_default=True, help="Handovers, there and back.")
@seed_option
@click.option(
    "--embedder",
    type=click.Choice([str(choice) for choice in EmbedderChoice]),
    default="auto",
    show_default=True,
    help="What runs the model.",
)
@json_option
def upgrade(*, clients: int, hosts: int, rounds: int, seed: int, embedder: str, as_json: bool) -> None:
    """Replace a cluster under load by another version and back, and measure the pause."""
    from bench.faults import upgrade
    from bench.harness import report

    chosen = EmbedderChoice(embedder)
    options = upgrade.Options(clients=clients, hosts=hosts, rounds=rounds, seed=seed, embedder=chosen)
    sys.exit(report.finish(upgrade.measure(options), as_json=as_json))


@bench.command()
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Of jobs on both engines.")
@seed_option
@json_option
def differential(*, steps: int, seed: int, as_json: bool) -> None:
    """Do the same random jobs on SQLite and on PostgreSQL, and print where their answers differ."""
    from bench.harness import report
    from bench.scenarios import differential

    sys.exit(report.finish(differential.measure(differential.Options(steps=steps, seed=seed)), as_json=as_json))


@bench.command()
@memories_option
@click.option("--clients", type=click.IntRange(1, 256), default=32, show_default=True, help="That store.")
@click.option("--seconds", type=click.FloatRange(0.5, 3_600), default=20, show_default=True, help="Of stores.")
@click.option("--queries", type=click.IntRange(5), default=400, show_default=True, help="Asked of both.")
@click.option("--kills", type=click.IntRange(1), default=10, show_default=True, help="Of the primary, under load.")
@click.option("--quick", is_flag=True, help="Small sizes, to see that everything works; the numbers mean little.")
@json_option
def engines(
    *, memories: int, clients: int, seconds: float, queries: int, kills: int, quick: bool, as_json: bool
) -> None:
    """Compare PostgreSQL with SQLite, kill its primary under load, and see what reads on replicas cost the primary."""
    from bench.harness import report
    from bench.scenarios import engines

    options = engines.Options(memories=memories, clients=clients, seconds=seconds, queries=queries, kills=kills)
    sys.exit(report.finish(engines.measure(engines.QUICK if quick else options), as_json=as_json))


@bench.command()
@click.option(
    "--lines", type=click.IntRange(1_000, 10_000_000), default=500_000, show_default=True, help="In all logs."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Of each kind of filter.")
@json_option
def tail(*, lines: int, rounds: int, as_json: bool) -> None:
    """Measure how many lines a second `memmux tail` filters and shows."""
    from bench.harness import report
    from bench.scenarios import tail

    sys.exit(report.finish(tail.measure(tail.Options(lines=lines, rounds=rounds)), as_json=as_json))


@bench.command()
@json_option
def floor(*, as_json: bool) -> None:
    """Measure from which cosine on a memory has to do with a query, with the real model, in half a minute."""
    from bench.harness import report
    from bench.scenarios import floor

    sys.exit(report.finish(floor.measure(), as_json=as_json))


@bench.command()
@click.option("--model", help="Ask by meaning, too, with this model.")
@json_option
def languages(*, model: str | None, as_json: bool) -> None:
    """Measure what words alone find in seven languages, and identifiers inside Chinese and Japanese."""
    from bench.harness import report
    from bench.scenarios import languages

    sys.exit(report.finish(languages.measure(model), as_json=as_json))


@bench.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="all-MiniLM-L6-v2", show_default=True, help="What makes the vectors.")
@json_option
def retrieval(*, data: Path, model: str, as_json: bool) -> None:
    """Measure which part of what answers a question is among the first hits.

    DATA is LoCoMo's locomo10.json, a folder of REALTALK's chats, or JSON lines: memories, {"id", "text"}, and
    questions, {"question", "evidence": [ids], "category"}, each with a "namespace" if there are several.
    """
    from bench.harness import report
    from bench.scenarios import retrieval

    try:
        sys.exit(report.finish(retrieval.measure(data, model), as_json=as_json))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


@bench.command()
@memories_option
@click.option("--queries", type=click.IntRange(1), default=1_000, show_default=True, help="Asked of each.")
@click.option(
    "--part",
    "parts",
    type=click.Choice(["vectors", "texts"]),
    multiple=True,
    default=("vectors", "texts"),
    show_default=True,
    help="What they are given; may be given twice.",
)
@plot_option
@json_option
def peers(*, memories: int, queries: int, parts: tuple[str, ...], plot: Path | None, as_json: bool) -> None:
    """Compare memmux with others that do the same: for vectors, and for texts."""
    from bench.peers.compare import run

    if plot is not None and "vectors" not in parts:
        raise click.UsageError("the picture is of what is given vectors: add --part vectors")
    sys.exit(run(memories, queries, parts, as_json=as_json, plot=plot))


@bench.command("all")
@click.option("--quick", is_flag=True, help="Small sizes, to see that everything works; the numbers mean little.")
@click.option("--only", multiple=True, metavar="NAME", help="Of the measurements; may be given several times.")
@json_option
def everything(*, quick: bool, only: tuple[str, ...], as_json: bool) -> None:
    """Measure everything, which takes hours; chaos, fuzz and soak are for themselves."""
    from bench.harness import report
    from bench.scenarios import everything

    known = [section.name for section in everything.SECTIONS]
    for name in only:
        if name not in known:
            raise click.BadParameter(f"there is no {name!r}; there are {', '.join(known)}", param_hint="--only")
    sys.exit(report.finish(everything.measure(only, quick=quick), as_json=as_json))


@bench.command()
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=120, show_default=True, help="Of faults.")
@click.option("--clients", type=click.IntRange(1, 64), default=16, show_default=True, help="Client processes.")
@click.option("--faults", "most", type=click.IntRange(1), metavar="N", help="End after so many, if there is time left.")
@seed_option
@embedder_option
@click.option(
    "--engine",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
    help="What keeps the database; of PostgreSQL the primary and its replica are struck, too.",
)
@click.option("--quick", is_flag=True, help="Few clients and one round of faults, to see that everything works.")
@json_option
def chaos(
    *, seconds: float, clients: int, most: int | None, seed: int, embedder: str, engine: str, quick: bool, as_json: bool
) -> None:
    """Kill and stall processes under load, then prove that nothing acknowledged was lost."""
    from bench.faults.chaos import run

    if quick:
        clients, most = min(clients, 4), min(most or 12, 12)
    servers = engine == "postgresql"
    sys.exit(run(seconds, clients, seed, EmbedderChoice(embedder), most=most, servers=servers, as_json=as_json))


@bench.command()
@click.option(
    "--messages", type=click.IntRange(1_000, 100_000_000), default=1_000_000, show_default=True, help="Sent in all."
)
@seed_option
@json_option
def fuzz(*, messages: int, seed: int, as_json: bool) -> None:
    """Flood both sockets of a router with nonsense while others work with it."""
    from bench.faults.fuzz import run

    sys.exit(run(messages, seed, as_json=as_json))


@bench.command()
@click.option("--minutes", type=click.FloatRange(0.5, 10_000), default=30, show_default=True, help="Of steady load.")
@seed_option
@embedder_option
@json_option
def soak(*, minutes: float, seed: int, embedder: str, as_json: bool) -> None:
    """Watch the memory of every process under a steady load."""
    from bench.faults.soak import run

    sys.exit(run(minutes, seed, EmbedderChoice(embedder), as_json=as_json))


@bench.command()
@click.argument("results", type=click.File(encoding="utf-8"))
def table(results: TextIO) -> None:
    """Print the table of docs/reliability.md from the file of what `chaos --json` printed, a line each run."""
    from bench.faults.reliability_table import table

    for line in table(results):
        click.echo(line)


if __name__ == "__main__":
    bench(prog_name="python -m bench")
