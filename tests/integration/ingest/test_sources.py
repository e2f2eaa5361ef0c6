"""The files and folders that memories are from: pruned once they are gone, and forgotten."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from memmux import Client
from memmux.errors import (
    ArgumentInvalidError,
)
from memmux.ingest import sources
from tests.integration.ingest.documents import Ingest, chunks_of


def test_memories_of_files_that_are_gone_stay_until_they_are_pruned(
    client: Client, into: Ingest, folder: Path, short_tmp: Path
) -> None:
    elsewhere = short_tmp.resolve() / "elsewhere.txt"
    for path in (folder / "a.txt", folder / "b.txt", folder / "deep" / "c.txt", folder / "deep" / "d.txt", elsewhere):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"The text of {path.name}.")
    into([folder, elsewhere])
    into(folder, namespace="other")
    mine = client.store("A note.", type="document", metadata={"source": "mail"})
    for path in (folder / "b.txt", folder / "deep" / "c.txt", elsewhere):
        path.unlink()
    assert into(folder).pruned == 0
    assert into(folder, prune_gone=True, recursive=False).pruned == 1
    done = into(folder, prune_gone=True)
    assert (done.pruned, done.skipped, done.problems) == (1, 2, ())
    names = sorted(Path(str(memory.metadata["source"])).name for memory in client.list())
    assert names == ["a.txt", "d.txt", "elsewhere.txt", "mail"]
    assert client.get(mine.id)
    assert client.list(namespace="other").total == 4


def test_chunk_that_a_file_which_is_there_has_too_is_not_pruned(client: Client, into: Ingest, folder: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("Both have this.")
    into(folder)
    (folder / "a.txt").unlink()
    assert into(folder, prune_gone=True).pruned == 0
    assert [chunk.content for chunk in chunks_of(client, folder / "b.txt")] == ["Both have this."]


def test_folder_that_may_not_be_mounted_is_not_pruned(client: Client, into: Ingest, folder: Path) -> None:
    for name in ("a.txt", "disk/b.txt", "disk/deep/c.txt", "old/d.txt"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"The text of {name}.")
    into(folder)
    for name in ("disk/deep/c.txt", "disk/b.txt", "old/d.txt"):
        (folder / name).unlink()
    (folder / "disk" / "deep").rmdir()  # what a mount point looks like
    (folder / "old").rmdir()
    done = into(folder, prune_gone=True)
    assert done.pruned == 1
    assert [(problem.path, f"forget --source {folder}/disk" in problem.message) for problem in done.problems] == [
        (str(folder / "disk"), True)
    ]
    (folder / "a.txt").unlink()
    (folder / "x.png").touch()
    done = into(folder, prune_gone=True)
    assert done.pruned == 0
    assert f"forget --source {folder}`" in done.problems[-1].message
    assert client.list().total == 3
    folder.rename(folder.with_name("moved"))
    with pytest.raises(ArgumentInvalidError, match="memmux forget --source"):
        into(folder, prune_gone=True)
    assert client.list().total == 3


def test_what_is_known_of_a_file_or_a_folder_is_forgotten(client: Client, into: Ingest, folder: Path) -> None:
    for name in ("a.txt", "ab.txt", "deep/c.txt"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"The text of {name}.")
    into(folder, tags=["docs"])
    (folder / "a.txt").unlink()
    own = partial(sources.Selection, namespace=client.settings.namespace)
    assert sources.forget(client, folder / "a", own()).count == 0
    assert sources.forget(client, folder / "a.txt", own(tags=["none"])).count == 0
    assert sources.forget(client, folder / "a.txt", own(tags=["docs"]), dry_run=True).count == 1
    assert sources.forget(client, folder / "a.txt", own()).count == 1
    assert sorted(Path(str(memory.metadata["source"])).name for memory in client.list()) == ["ab.txt", "c.txt"]
    assert sources.forget(client, folder, sources.Selection(namespace=None)).count == 2
