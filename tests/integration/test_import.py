"""Import: memories of other databases, other programs and of conversations, once and again."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memmux import Client
from memmux.config.settings import Settings
from memmux.wire import requests
from tests import commands
from tests.conftest import stop_cluster
from tests.integration.helpers import settled, status_until

Memmux = Callable[..., "subprocess.CompletedProcess[str]"]

GRAPH = [
    {"type": "entity", "name": "Ada", "entityType": "person", "observations": ["Speaks French", "Wakes early"]},
    {"type": "entity", "name": "Mill", "entityType": "place", "observations": []},
    {"type": "relation", "from": "Ada", "to": "Mill", "relationType": "works_at"},
]
CHAT = {
    "uuid": "11111111-aaaa",
    "name": "Ports",
    "created_at": "2025-03-01T10:00:00.000000Z",
    "chat_messages": [
        {"uuid": "m1", "sender": "human", "text": "Which port?", "created_at": "2025-03-01T10:00:01Z"},
        {
            "uuid": "m2",
            "sender": "assistant",
            "text": "",
            "content": [{"type": "tool_use", "name": "search"}, {"type": "text", "text": "Port 5433."}],
            "created_at": "2025-03-01T10:00:05Z",
        },
    ],
}


def node(parent: str | None, role: str = "", text: str = "", at: float | None = None) -> dict[str, Any]:
    message = {"author": {"role": role}, "create_time": at, "content": {"content_type": "text", "parts": [text]}}
    return {"message": message if role else None, "parent": parent, "children": []}


TALK = {
    "conversation_id": "22222222-bbbb",
    "title": "Tea",
    "create_time": 1_740_000_000.0,
    "current_node": "d",
    "mapping": {
        "root": node(None),
        "sys": node("root", "system", "be brief"),
        "a": node("sys", "user", "Green or black?", 1_740_000_001.0),
        "b": node("a", "assistant", "Black.", 1_740_000_002.0),
        "c": node("a", "assistant", "Green.", 1_740_000_003.0),
        "d": node("c", "user", "Fine.", None),
    },
}


@pytest.fixture
def memmux(settings_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[str]:
        return commands.text(commands.run(arguments, {**settings_env, **variables}, cwd=short_tmp, stdin=stdin))

    return run


@pytest.fixture
def other(settings: Settings, short_tmp: Path) -> Iterator[Client]:
    """A client of the cluster of another, empty database."""
    elsewhere = replace(settings, database=short_tmp / "other.db")
    with ExitStack() as stack:
        stack.callback(stop_cluster, elsewhere)
        yield stack.enter_context(Client(settings=elsewhere, name="test"))


def imported(memmux: Memmux, *arguments: str, **variables: str) -> dict[str, Any]:
    """What an import says that it did."""
    ended = memmux("import", *arguments, "--json", **variables)
    assert ended.stdout, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def written(path: Path, *lines: object) -> str:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path)


def dumped(client: Client) -> dict[str, dict[str, Any]]:
    return {str(line["id"]): dict(line) for line in client.dump().memories}


@pytest.mark.shared
def test_a_database_in_use_is_merged_with_all_that_its_memories_have(
    memmux: Memmux, client: Client, other: Client, short_tmp: Path
) -> None:
    first = other.store("from there", tags=("t",), metadata={"n": 1}, namespace="work", thread="talk", place=3)
    other.store_batch([requests.Store(content=f"memory {number}") for number in range(256)])
    other.delete(other.store("gone there").id)
    other.store("on both sides", tags=("theirs",))
    status_until(other, lambda status: status.pending == 0)
    status_until(client, settled)
    folder = short_tmp / "tmp"
    folder.mkdir()
    both = client.store("on both sides", tags=("ours",))
    done = imported(memmux, str(short_tmp / "other.db"), TMPDIR=str(folder))
    assert (done["format"], done["created"], done["merged"], done["conflicts"]) == ("memmux", 258, 1, 0)
    here, there = dumped(client), dumped(other)
    assert here[first.id] == there[first.id]
    assert client.get(both.id).tags == ("ours", "theirs")
    again = imported(memmux, str(short_tmp / "other.db"), TMPDIR=str(folder))
    assert (again["created"], again["skipped"]) == (0, 259)
    assert client.status().pending == 0
    assert list(folder.iterdir()) == []  # the copy of it is gone


def test_of_two_states_of_a_memory_the_newer_one_stays_and_the_others_are_named(
    memmux: Memmux, client: Client, settings: Settings, short_tmp: Path
) -> None:
    one, two, three = (client.store(f"memory {number}").id for number in range(3))
    client.backup(to=str(short_tmp / "kept"))
    (backup,) = (short_tmp / "kept").glob("*.db")
    client.update(one, metadata={"newer": "here"})
    client.delete(two)
    done = imported(memmux, str(backup))
    assert (done["skipped"], done["conflicts"], done["updated"]) == (1, 2, 0)
    assert {problem["id"] for problem in done["problems"]} == {one, two}
    assert client.get(one).metadata == {"newer": "here"}
    newer = client.backup(to=str(short_tmp / "later")).path
    client.stop()
    memmux("restore", str(backup))
    with Client(settings=settings, name="test") as again:
        done = imported(memmux, newer)
        assert (done["skipped"], done["updated"], done["conflicts"]) == (1, 2, 0)
        assert again.get(one).metadata == {"newer": "here"}
        assert again.list().total == 2
        assert again.get(three)


@pytest.mark.shared
def test_all_of_a_database_go_into_a_namespace_that_is_named(
    memmux: Memmux, client: Client, other: Client, short_tmp: Path
) -> None:
    other.store("one", namespace="work")
    other.store("two")
    assert imported(memmux, str(short_tmp / "other.db"), "--namespace", "laptop")["created"] == 2
    assert client.list(namespace="laptop").total == 2


def test_a_dry_run_stores_nothing_and_makes_no_database(memmux: Memmux, settings: Settings, short_tmp: Path) -> None:
    path = written(short_tmp / "memory.jsonl", *GRAPH)
    shown = memmux("import", path, "--dry-run")
    assert shown.returncode == 0
    assert "2 memories, 1 link" in shown.stdout
    assert "Speaks French" in shown.stdout
    memory = {"id": "i", "content": "one", "created_at": 1, "updated_at": 1}
    exported = written(short_tmp / "exported.jsonl", {"format": "memmux", "version": 1}, memory)
    assert memmux("import", exported, "--dry-run").stdout.splitlines()[:3] == ["memory", "  one", "1 memory"]
    assert not settings.database.parent.exists()


def test_a_file_that_is_nothing_makes_no_database(memmux: Memmux, settings: Settings, short_tmp: Path) -> None:
    for number, data in enumerate((b"", b"hello", b"[]", b"[1, 2]", b"{}", b"PK\x03\x04rubbish", b"\0" * 100)):
        (short_tmp / f"{number}").write_bytes(data)
        ended = memmux("import", f"{number}")
        assert ended.returncode == 2, (data, ended)
        assert "memmux: argument_invalid: " in ended.stderr
    assert not settings.database.parent.exists()


@pytest.mark.shared
def test_a_damaged_database_is_refused_and_half_of_it_is_not_taken_in_silence(
    memmux: Memmux, client: Client, other: Client, short_tmp: Path
) -> None:
    other.store("text " * 50_000)
    other.stop()
    with closing(sqlite3.connect(short_tmp / "other.db")) as connection:  # with what a stopped writer has left in a log
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = (short_tmp / "other.db").read_bytes()
    half = short_tmp / "half.db"
    half.write_bytes(whole[: len(whole) // 2])
    ended = memmux("import", str(half))
    overwritten = short_tmp / "overwritten.db"
    overwritten.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    renamed = short_tmp / "renamed.db"
    renamed.write_bytes(whole[:68] + b"else" + whole[72:])
    for damaged, code in ((half, "database_corrupt"), (overwritten, "database_corrupt"), (renamed, "adoption_failed")):
        ended = memmux("import", str(damaged))
        assert ended.returncode == 1
        assert f"memmux: {code}: {damaged} is damaged" in ended.stderr
        assert "get it again" in ended.stderr
        assert not any(wrong in ended.stderr for wrong in ("stop the cluster", "MEMMUX_"))
    shutil.copy(short_tmp / "other.db", short_tmp / "odd.db")
    with closing(sqlite3.connect(short_tmp / "odd.db")) as connection:
        connection.execute("CREATE TRIGGER odd AFTER INSERT ON tags BEGIN SELECT 1; END")
        connection.commit()
    assert "database_altered" in memmux("import", str(short_tmp / "odd.db")).stderr
    assert client.list().total == 0


@pytest.mark.shared
def test_the_graph_of_server_memory_becomes_linked_memories_and_stays_up_to_date(
    memmux: Memmux, client: Client, short_tmp: Path
) -> None:
    path = written(short_tmp / "memory.jsonl", *GRAPH)
    done = imported(memmux, path)
    assert (done["format"], done["created"], done["links"]) == ("server-memory", 2, 1)
    (ada,) = client.search("French", mode="keyword")
    assert ada.memory.content == "Ada (person)\n- Speaks French\n- Wakes early"
    assert ada.memory.type == "person"
    around = client.graph(ada.memory.id)
    assert "Mill" in str(around)
    assert imported(memmux, path)["skipped"] == 2
    written(short_tmp / "memory.jsonl", {**GRAPH[0], "observations": ["Speaks Dutch"]}, *GRAPH[1:])
    done = imported(memmux, path)
    assert (done["updated"], done["skipped"]) == (1, 1)
    assert client.get(ada.memory.id).content == "Ada (person)\n- Speaks Dutch"
    client.update(ada.memory.id, content="mine")
    written(short_tmp / "memory.jsonl", *GRAPH)
    assert imported(memmux, path)["conflicts"] == 1
    assert client.get(ada.memory.id).content == "mine"


@pytest.mark.shared
def test_notes_of_basic_memory_become_linked_memories(memmux: Memmux, client: Client, short_tmp: Path) -> None:
    folder = short_tmp / "notes"
    (folder / "drinks").mkdir(parents=True)
    (folder / ".obsidian").mkdir()
    (folder / ".obsidian" / "hidden.md").write_text("hidden")
    (folder / "drinks" / "Coffee.md").write_text(
        "---\ntitle: Coffee\ntype: guide\npermalink: drinks/coffee\ntags: [brewing]\ncreated: 2024-05-01\n---\n"
        "# Coffee\n- [method] Pour over is clear #clarity (now)\n- needs [[Water]]\n- [ ] buy some\n- to [[Nowhere]]\n"
    )
    (folder / "Water.md").write_text("Soft water. See [[drinks/coffee]].\n")
    (folder / "out.md").symlink_to("/etc/passwd")
    done = imported(memmux, str(folder))
    assert (done["format"], done["created"], done["links"]) == ("basic-memory", 2, 2)
    assert done["left_out"] == {"a link, which is not followed": 1, "open relations, to notes that do not exist yet": 1}
    (coffee,) = client.list(type="guide")
    assert coffee.tags == ("brewing", "clarity")
    assert coffee.created_at.isoformat() == "2024-05-01T00:00:00+00:00"
    assert coffee.metadata["categories"] == ["method"]
    assert imported(memmux, str(folder))["skipped"] == 2
    (folder / "out.md").unlink()
    again = memmux("import", str(folder))
    assert (again.returncode, again.stderr) == (0, "")
    assert "open relations, to notes that do not exist yet 1" in again.stdout
    (folder / "Nowhere.md").write_text("# Nowhere\n")
    done = imported(memmux, str(folder))
    assert (done["created"], done["updated"], done["left_out"]) == (1, 1, {})


@pytest.mark.shared
def test_two_notes_of_one_text_are_two_memories_once_they_differ(
    memmux: Memmux, client: Client, short_tmp: Path
) -> None:
    folder = short_tmp / "notes"
    folder.mkdir()
    for name in ("mon", "tue"):
        (folder / f"{name}.md").write_text("---\ntitle: Daily\n---\n# Daily\n- [ ] plan\n")
    done = imported(memmux, str(folder))
    assert (done["created"], done["merged"]) == (1, 1)
    (folder / "tue.md").write_text("# Daily\n- [x] tuesday work\n")
    assert imported(memmux, str(folder))["created"] == 1
    (folder / "mon.md").write_text("# Daily\n- [x] monday work\n")
    assert imported(memmux, str(folder))["updated"] == 1
    for text in ("tuesday work", "monday work"):
        assert client.search(text, mode="exact").hits
    assert imported(memmux, str(folder))["skipped"] == 2


@pytest.mark.shared
def test_texts_that_two_namespaces_of_another_database_share_are_kept_apart_once_they_differ(
    memmux: Memmux, client: Client, other: Client, short_tmp: Path
) -> None:
    first, second = (other.store("shared", namespace=name) for name in ("a", "b"))
    source = str(short_tmp / "other.db")
    imported(memmux, source, "--namespace", "m")
    other.update(first.id, content="of a", namespace="a")
    imported(memmux, source, "--namespace", "m")
    assert {memory.content for memory in client.list(namespace="m")} == {"of a", "shared"}
    other.update(second.id, content="of b", namespace="b")
    assert imported(memmux, source, "--namespace", "m")["updated"] == 1
    assert {memory.content for memory in client.list(namespace="m")} == {"of a", "of b"}


@pytest.mark.shared
@pytest.mark.parametrize("packed", [False, True])
def test_conversations_become_threads(memmux: Memmux, client: Client, short_tmp: Path, packed: bool) -> None:
    for name, conversation in (("claude", CHAT), ("chatgpt", TALK)):
        path = short_tmp / f"{name}.json"
        path.write_text(json.dumps([conversation]))
        if packed:
            with zipfile.ZipFile(short_tmp / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(path, "data/conversations.json")
                archive.writestr("users.json", "[{}]")
                archive.writestr("chat.html", "<p>")
            path = short_tmp / f"{name}.zip"
        done = imported(memmux, str(path))
        assert (done["format"], done["threads"]) == (name, 1)
        assert done["created"] == (2 if name == "claude" else 3)
        assert imported(memmux, str(path))["skipped"] == done["created"]
    said = sorted((memory for memory in client.list()), key=lambda memory: (memory.thread or "", memory.place or 0))
    assert [memory.content for memory in said] == [
        "user: Which port?",
        "assistant: Port 5433.",
        "user: Green or black?",
        "assistant: Green.",
        "user: Fine.",
    ]
    assert [memory.thread for memory in said] == ["11111111-aaaa"] * 2 + ["22222222-bbbb"] * 3
    assert said[0].metadata == {"session_id": "11111111-aaaa", "role": "user", "title": "Ports"}


@pytest.mark.shared
def test_what_many_conversations_say_alike_is_one_memory_and_said_in_one_line(
    memmux: Memmux, client: Client, short_tmp: Path
) -> None:
    first = CHAT["chat_messages"][0]  # type: ignore[index]
    said = [
        [{**first, "uuid": "m1", "text": "Yes"}, {**first, "uuid": f"m{number}", "text": f"then {number}"}]
        for number in range(5)
    ]
    talks = [{**CHAT, "uuid": f"c{number}", "chat_messages": turns} for number, turns in enumerate(said)]
    ended = memmux("import", written(short_tmp / "list.json", talks))
    assert ended.returncode == 0
    assert "4 messages said the same as earlier ones, and became one memory with them" in ended.stderr
    assert "merged: " not in ended.stderr
    (yes,) = client.search("Yes", mode="exact").hits
    assert (yes.memory.thread, set(yes.memory.tags)) == ("c0", {"claude", *(f"session:c{n}" for n in range(5))})
    assert [memory.place for memory in client.list(tags=["session:c3"]) if memory.id != yes.memory.id] == [1]


@pytest.mark.shared
def test_an_archive_that_breaks_off_says_what_was_taken(memmux: Memmux, client: Client, short_tmp: Path) -> None:
    path = short_tmp / "claude.zip"
    chance = random.Random(1)  # noqa: S311  # no secret, but the same each time
    texts = [chance.randbytes(3000).hex() for _ in range(100)]
    many = [
        {**CHAT, "uuid": f"c{number}", "chat_messages": [{**CHAT["chat_messages"][0], "text": text}]}  # type: ignore[dict-item, index]
        for number, text in enumerate(texts)
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps(many))
    data = bytearray(path.read_bytes())
    broken = len(data) * 3 // 4
    data[broken : broken + 4096] = bytes(4096)
    path.write_bytes(data)
    ended = memmux("import", str(path))
    assert ended.returncode == 1
    assert "the rest of a file, which can't be read" in ended.stderr
    assert client.list().total < 100
