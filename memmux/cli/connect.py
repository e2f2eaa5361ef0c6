"""The command `memmux connect`: takes in a key for the cluster of another machine."""

from __future__ import annotations

from pathlib import Path

import click

from memmux.cli import output, settings_file
from memmux.cli.options import json_option
from memmux.cluster import find
from memmux.cluster.steps import run
from memmux.config import typed
from memmux.config.loader import config_file, load
from memmux.errors import ArgumentInvalidError
from memmux.trust import remotes, secret_files
from memmux.trust.key import check_name

SETTING = "remote"
ANSWER_S = 3.0  # for the cluster to answer


@click.command()
@click.argument("file", required=False)
@click.option("--name", metavar="NAME", help="What to call the cluster here; by default as its key.")
@click.option("--no-default", is_flag=True, help="Do not use it by default, but only where the setting names it.")
@click.option("--local", is_flag=True, help="Go back to the memory of this machine.")
@json_option
def connect(*, file: str | None, name: str | None, no_default: bool, local: bool, as_json: bool) -> None:
    """Use the memory of another machine from now on, with the key in FILE, which `memmux key add` wrote there.

    The cluster is asked once whether it takes the key; only then anything is changed. The key is kept beside
    memmux.toml, for this user alone, and FILE can be deleted.
    """
    if (file is None) != local:
        raise ArgumentInvalidError("name either a FILE or --local; see `memmux connect --help`")
    if file is None:
        if name is not None or no_default:
            raise ArgumentInvalidError("--local takes nothing else")
        _go_back(as_json=as_json)
        return
    path = typed.path(file)
    try:
        remote = remotes.Remote.from_bytes(secret_files.read(path), path)
    except FileNotFoundError:
        raise ArgumentInvalidError(f"{path} does not exist; name the file that `memmux key add` wrote") from None
    name = remote.name if name is None else name
    check_name(name)
    run(find.reach(remote, ANSWER_S))
    kept = remotes.path_of(name, config_file())
    remotes.keep(remote, kept)
    if not no_default:
        settings_file.write({SETTING: name})
    if as_json:
        output.document({"name": name, "endpoint": remote.endpoint, "path": str(kept), "default": not no_default})
    else:
        use = f"used with MEMMUX_REMOTE={name}" if no_default else "used from now on"
        output.line(f"{remote.endpoint} answers; its memory is {use}")
    if not no_default:
        _warn_unless(kept.resolve())


def _go_back(*, as_json: bool) -> None:
    settings_file.write({SETTING: None})
    if as_json:
        output.document({"name": None, "default": False})
    else:
        output.line("the memory of this machine is used from now on")
    _warn_unless(None)


def _warn_unless(meant: Path | None) -> None:
    """Say so if the environment has another opinion, which wins."""
    found = load().remote
    if found != meant:
        other = "this machine's own memory" if found is None else f"the remote {found.stem}"
        output.note(f"the environment names {other}, and wins: see MEMMUX_REMOTE and MEMMUX_DATABASE")
