"""The command that makes memories of documents."""

from __future__ import annotations

from pathlib import Path

import click

from memmux import limits
from memmux.cli import output
from memmux.cli.memory_options import namespace_option
from memmux.cli.options import json_option, with_settings
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.ingest.report import Ingested
from memmux.ingest.run import CHUNK_OVERLAP, CHUNK_SIZE
from memmux.ingest.run import ingest as ingest_paths

UNREAD = 1  # the exit code when some files, or all files of a folder, could not be read
SHOWN = 20  # problems that are printed


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag of each chunk; may be given several times.")
@click.option(
    "--chunk-size", metavar="N", type=int, default=CHUNK_SIZE, show_default=True, help="At most so many characters."
)
@click.option(
    "--chunk-overlap",
    metavar="N",
    type=int,
    default=CHUNK_OVERLAP,
    show_default=True,
    help="About so many characters of the chunk before begin a chunk.",
)
@click.option("--extension", "extensions", metavar="EXT", multiple=True, help="Of folders, only files named *.EXT.")
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Whether folders in folders count.")
@click.option(
    "--max-files",
    metavar="N",
    type=int,
    default=limits.INGEST_FILES,
    show_default=True,
    help="At most so many files of a folder.",
)
@click.option(
    "--prune", "prune_gone", is_flag=True, help="Delete the memories of files that are gone from the folders."
)
@namespace_option
@json_option
@with_settings
def ingest(
    settings: Settings,
    paths: tuple[str, ...],
    *,
    tags: tuple[str, ...],
    chunk_size: int,
    chunk_overlap: int,
    extensions: tuple[str, ...],
    recursive: bool,
    max_files: int,
    prune_gone: bool,
    namespace: str,
    as_json: bool,
) -> None:
    """Make memories of each PATH: a file, or a folder of files.

    Text, Markdown, code, JSON, CSV, HTML, notebooks, PDF, docx and EPUB are read. The text is cut into chunks, each a
    memory of type `document`. Done again, files that did not change are skipped; of those that did, new chunks are
    stored and old ones deleted. Of files that are gone the memories stay, unless --prune says otherwise; `memmux forget
    --source` deletes them too. What is hidden is left out of folders, and so is node_modules. Ends with 1 if some files
    can't be read, or none of a folder; the others are ingested.
    """
    with Client(settings=settings, name="cli") as client, output.progress("ingesting") as report:
        ingested = ingest_paths(
            client,
            [Path(path) for path in paths],
            tags=tags,
            namespace=namespace,
            chunk_size=chunk_size,
            chunk_overlap=chunk_overlap,
            recursive=recursive,
            extensions=extensions or None,
            max_files=max_files,
            roots=None,
            prune_gone=prune_gone,
            progress=report,
        )
    if as_json:
        output.document(ingested)
    else:
        _show(ingested)
    click.get_current_context().exit(UNREAD if ingested.problems else 0)


def _show(ingested: Ingested) -> None:
    for problem in (*ingested.problems, *ingested.remarks)[:SHOWN]:
        output.line(output.styled(problem.path, fg="yellow"), ": ", problem.message, err=True)
    if (more := len(ingested.problems) + len(ingested.remarks) - SHOWN) > 0:
        output.line(f"and {more} more", err=True)
    counts = {
        "files ingested": ingested.files,
        "chunks stored": ingested.chunks,
        "old chunks deleted": ingested.replaced,
        "chunks of files that are gone deleted": ingested.pruned,
        "chunks that another memory holds": ingested.shared,
        "files unchanged": ingested.skipped,
    }
    output.line(", ".join(f"{name}: {count}" for name, count in counts.items() if count) or "nothing to ingest")
    if ingested.left_out:
        reasons = ", ".join(f"{why} {count}" for why, count in list(ingested.left_out.items())[:SHOWN])
        output.line(f"left out: {sum(ingested.left_out.values())} ({reasons})")
    output.warn(ingested.degraded)
