"""Documents as memories of a real cluster: ingested, changed, and ingested again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from memmux import Client
from tests.integration.helpers import settled, status_until
from tests.integration.ingest.documents import PARAGRAPHS, Ingest, chunks_of, counts, text
from tests.unit.memmux.ingest.pdfs import pdf


def test_file_becomes_chunks_that_say_where_they_are_from(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "notes.md"
    file.write_text("# My notes\n\n" + text(PARAGRAPHS))
    done = into(file, tags=["docs", "Mine"])
    chunks = chunks_of(client, file)
    assert counts(done) == (1, len(chunks), 0, 0)
    assert len(chunks) > 10
    for number, chunk in enumerate(chunks):
        assert chunk.tags == ("docs", "Mine")
        assert chunk.metadata == {
            "source": str(file),
            "chunk": number,
            "chunks": len(chunks),
            "file_hash": hashlib.sha256(file.read_bytes()).hexdigest(),
            "chunking": [200, 0],
            "title": "My notes",
        }
    assert "\n\n".join(chunk.content for chunk in chunks) == file.read_text().strip()


def test_file_that_did_not_change_is_skipped(client: Client, into: Ingest, folder: Path) -> None:
    (folder / "a.txt").write_text(text(PARAGRAPHS))
    (folder / "b.txt").write_text("something else")
    into(folder)
    before = status_until(client, settled).seq
    assert counts(into(folder)) == (0, 0, 0, 2)
    assert client.status().seq == before


def test_chunks_of_a_changed_file_are_replaced_and_the_others_stay(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS))
    into(file)
    before = {chunk.content: chunk for chunk in chunks_of(client, file)}
    file.write_text(
        text([*PARAGRAPHS[:20], "This one is new and changes what follows it only a little.", *PARAGRAPHS[21:30]])
    )
    done = into(file)
    after = {chunk.content: chunk for chunk in chunks_of(client, file)}
    stayed = set(before) & set(after)
    assert len(stayed) >= 9
    assert counts(done) == (1, len(set(after) - stayed), len(set(before) - stayed), 0)
    assert all(after[content].id == before[content].id for content in stayed)
    assert [chunk.metadata["chunk"] for chunk in chunks_of(client, file)] == list(range(len(after)))
    assert {chunk.metadata["file_hash"] for chunk in after.values()} == {hashlib.sha256(file.read_bytes()).hexdigest()}
    assert client.list(type="document").total == len(after)
    assert counts(into(file)) == (0, 0, 0, 1)


def test_file_that_became_empty_has_no_chunks(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS[:4]))
    stored = into(file).chunks
    file.write_text(" \n")
    assert counts(into(file)) == (1, 0, stored, 0)
    assert client.list().total == 0


def test_other_chunk_size_or_tags_are_a_change(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS))
    into(file, tags=["one"])
    assert into(file, chunk_size=400, tags=["one"]).chunks > 0
    assert max(len(chunk.content) for chunk in chunks_of(client, file)) > 200
    assert counts(into(file, chunk_size=400, tags=["ONE", "two"])) == (1, 0, 0, 0)
    assert {chunk.tags for chunk in chunks_of(client, file)} == {("one", "two")}
    assert counts(into(file, chunk_size=400)) == (0, 0, 0, 1)


def test_ingest_that_was_interrupted_is_completed(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS))

    def stop(done: int, total: int) -> None:
        if 0 < done < total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        into(file, chunk_size=60, progress=stop)
    half = client.list(limit=1).total
    assert half > 0
    into(file, chunk_size=60)
    chunks = chunks_of(client, file)
    assert len(chunks) > half
    assert [chunk.metadata["chunk"] for chunk in chunks] == list(range(len(chunks)))


def test_chunk_that_two_files_share_is_kept_as_long_as_one_has_it(client: Client, into: Ingest, folder: Path) -> None:
    first, second = folder / "a.txt", folder / "b.txt"
    for file in (first, second):
        file.write_text("Both have this.")
    assert counts(into(folder)) == (2, 1, 0, 0)
    first.write_text("Only the first has this.")
    assert into(folder).replaced == 0
    assert [chunk.content for chunk in chunks_of(client, second)] == ["Both have this."]
    second.write_text("Only the second has this.")
    assert into(folder).replaced == 1
    assert client.list().total == 2


def test_file_that_was_moved_keeps_its_chunks(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS))
    into(folder)
    ids = [chunk.id for chunk in chunks_of(client, file)]
    moved = file.rename(folder / "b.txt")
    assert into(folder).chunks == 0
    assert [chunk.id for chunk in chunks_of(client, moved)] == ids
    assert counts(into(folder)) == (0, 0, 0, 1)


def test_memory_of_the_user_with_the_same_text_is_left_alone(client: Client, into: Ingest, folder: Path) -> None:
    mine = client.store("The very same text.", tags=["mine"])
    file = folder / "a.txt"
    file.write_text("The very same text.")
    assert counts(into(file)) == (1, 0, 0, 0)
    file.write_text("Another text.")
    assert into(file).replaced == 0
    assert client.get(mine.id).tags == ("mine",)
    assert client.get(mine.id).metadata == {}


def test_every_kind_of_document_is_found_by_its_words(client: Client, into: Ingest, folder: Path) -> None:
    (folder / "a.txt").write_bytes("Zebras in UTF-16".encode("utf-16"))
    (folder / "b.json").write_text('[{"animal": "giraffe", "legs": 4}]')
    (folder / "c.pdf").write_bytes(pdf(["Elephants never forget.", "Whales sing."], title="Animals"))
    (folder / "d.md").write_text("# Birds\n\nPenguins swim.\n")
    assert counts(into(folder)) == (4, 5, 0, 0)
    for words, name, page in (
        ("zebras", "a.txt", None),
        ("giraffe", "b.json", None),
        ("whales", "c.pdf", 2),
        ("penguins", "d.md", None),
    ):
        found = client.search(words, mode="keyword")[0].memory
        assert found.metadata["source"] == str(folder / name)
        assert found.metadata.get("page") == page
    assert client.search("elephants", mode="keyword")[0].memory.metadata["title"] == "Animals"


def test_namespaces_know_nothing_of_each_other(client: Client, into: Ingest, folder: Path) -> None:
    (folder / "a.txt").write_text("a text")
    into(folder)
    assert counts(into(folder, namespace="another")) == (1, 1, 0, 0)
    assert client.list(namespace="another").total == 1


def test_tags_of_front_matter_are_those_of_the_file_as_it_is_now(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.md"
    file.write_text("---\ntitle: Mine\ntags: [one, two]\n---\nSome text.\n")
    into(file, tags=["docs"])
    (chunk,) = chunks_of(client, file)
    assert (chunk.tags, chunk.metadata["title"]) == (("docs", "one", "two"), "Mine")
    client.update(chunk.id, tags=[*chunk.tags, "by hand"])
    file.write_text("---\ntitle: Mine\ntags: [TWO, three]\n---\nSome text.\n")
    assert counts(into(file, tags=["docs"])) == (1, 0, 0, 0)
    (changed,) = chunks_of(client, file)
    assert (changed.id, set(changed.tags)) == (chunk.id, {"docs", "two", "three", "by hand"})
    file.write_text("Some text.\n")
    into(file)
    (plain,) = chunks_of(client, file)
    assert set(plain.tags) == {"docs", "by hand"}
    assert "file_tags" not in plain.metadata
