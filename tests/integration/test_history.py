"""History, undo and purge through the command line and the client, with a real cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from memmux import Client
from memmux.errors import NotFoundError, UndoConflictError
from tests import commands
from tests.integration.helpers import settled, status_until

Memmux = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def memmux(settings_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return commands.run(arguments, settings_env, cwd=short_tmp)

    return run


@pytest.mark.shared
def test_a_client_tells_and_undoes_what_happened(client: Client) -> None:
    stored = client.store("the pier is closed", tags=["sea"])
    status_until(client, settled)  # there is no change between these two
    client.delete(stored.id)
    undone = client.undo(client.history(stored.id)[0].seq)
    assert (undone.id, undone.deleted, undone.undone) == (stored.id, False, stored.seq + 1)
    assert client.get(stored.id).tags == ("sea",)
    status_until(client, lambda status: status.pending == 0)  # its vector is made again
    assert [hit.memory.id for hit in client.search("pier", mode="semantic")] == [stored.id]
    changes = [change for change in client.history(stored.id) if change.operation != "vectors.backfill"]
    assert [change.did for change in changes] == ["undid a change: brought back", "deleted", "stored"]
    assert changes[1].before is not None
    assert changes[1].before.content == "the pier is closed"
    assert isinstance(changes[0].at, datetime)
    assert changes[0].client
    client.update(stored.id, tags=["sea", "closed"])
    with pytest.raises(UndoConflictError):
        client.undo(stored.seq)


@pytest.mark.shared
def test_a_client_purges_what_was_deleted(client: Client) -> None:
    ids = [client.store(content).id for content in ("one", "two", "three")]
    for memory_id in ids[:2]:
        client.delete(memory_id)
    assert client.purge(ids[0]).purged == 1
    assert client.purge(before="2999-01-01").purged == 1
    assert client.history(ids[0], limit=1)[0].did == "purged"
    with pytest.raises(NotFoundError):
        client.purge(ids[0])
    assert client.get(ids[2]).content == "three"


@pytest.mark.shared
def test_the_command_line_tells_undoes_and_purges(memmux: Memmux, client: Client) -> None:
    status_until(client, settled)  # else a vector that is made later is a change, too
    stored = json.loads(memmux("store", "by hand", "--json").stdout)
    memmux("update", stored["id"], "--tag", "x")
    (newest, oldest) = json.loads(memmux("history", stored["id"], "--json").stdout)["changes"]
    assert (newest["did"], oldest["did"]) == ("changed tags", "stored")
    assert b"changed tags" in memmux("history", stored["content_hash"], "--limit", "1").stdout

    refused = memmux("undo", str(oldest["seq"]))
    assert refused.returncode == 1
    assert b"undo_conflict" in refused.stderr
    assert f"change {newest['seq']}".encode() in refused.stderr
    assert json.loads(memmux("undo", str(newest["seq"]), "--json").stdout)["undone"] == newest["seq"]
    assert json.loads(memmux("get", stored["id"], "--json").stdout)["tags"] == []

    live = memmux("purge", stored["id"], "--yes")
    assert (live.returncode, b"delete it first" in live.stderr) == (2, True)
    memmux("delete", stored["id"])
    unasked = memmux("purge", stored["id"])
    assert (unasked.returncode, b"--yes" in unasked.stderr) == (2, True)
    assert json.loads(memmux("purge", stored["id"], "--yes", "--json").stdout)["count"] == 1
    assert memmux("purge", "--deleted-before", "2999-01-01", "--yes").stdout == b"0 purged\n"
    assert b"purged" in memmux("history", stored["id"]).stdout
    assert memmux("history", "nothing").returncode == 1
    assert memmux("purge").returncode == 2
