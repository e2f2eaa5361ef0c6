"""Imports of every kind of source: what a dry run says, how one is taken back, and several at once."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.transfer import jsonl
from tests import commands, legacy_files
from tests.conftest import stop_cluster
from tests.integration.helpers import status_until

Memmux = Callable[..., "subprocess.CompletedProcess[str]"]
TEXTS = ("the pier is closed", "the kettle is from 1931")
KINDS = ("export", "database", "mcp", "mcp-export", "server-memory", "basic-memory", "claude")
BECAME = re.compile(r"\d+ (created|updated|there already|merged|conflicts|duplicates)|nothing to")


@pytest.fixture
def memmux(settings_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return commands.text(commands.run(arguments, settings_env, cwd=short_tmp))

    return run


@pytest.fixture(scope="module")
def other(shared_env: dict[str, str]) -> Iterator[Client]:
    """A client of the cluster of another database, which has the texts, and one that was deleted; it is only read."""
    here = load(environment=shared_env)
    elsewhere = replace(here, database=here.database.with_name("other.db"))
    with ExitStack() as stack:
        stack.callback(stop_cluster, elsewhere)
        client = stack.enter_context(Client(settings=elsewhere, name="test"))
        client.delete(client.store("gone there").id)
        for text in TEXTS:
            client.store(text)
        status_until(client, lambda status: status.pending == 0)
        yield client


@pytest.fixture
def source(request: pytest.FixtureRequest, short_tmp: Path) -> str:
    """The path of a source of the kind that the test asks for; it has the texts."""
    path = short_tmp / "source"
    kind: str = request.param
    match kind:
        case "export":
            with path.open("wb") as opened:
                client = request.getfixturevalue("other")
                jsonl.write(client, opened, vectors=True, report=lambda *_: None)
        case "database":
            return str(request.getfixturevalue("other").settings.database)
        case "mcp":
            legacy_files.made(path)
            with closing(sqlite3.connect(path)) as connection:
                for number, text in enumerate(TEXTS):
                    legacy_files.add(connection, text, vector=legacy_files.unit(number))
                connection.commit()
        case "mcp-export":
            memories = [{"content": text, "created_at": 1.5, "updated_at": 2.5} for text in TEXTS]
            path.write_text(json.dumps({"export_metadata": {"exporter_version": "5"}, "memories": memories}, indent=1))
        case "server-memory":
            entity = {"type": "entity", "entityType": "thing", "observations": []}
            path.write_text("".join(f"{json.dumps({**entity, 'name': text})}\n" for text in TEXTS))
        case "basic-memory":
            path.mkdir()
            for number, text in enumerate(TEXTS):
                (path / f"{number}.md").write_text(f"# {text}\n")
        case _:
            said = [{"sender": "human", "text": text, "created_at": "2025-03-01T10:00:01Z"} for text in TEXTS]
            turns = [{**turn, "uuid": f"m{number}"} for number, turn in enumerate(said)]
            path.write_text(json.dumps([{"uuid": "c", "name": "n", "chat_messages": turns}]))
    return str(path)


def said(memmux: Memmux, *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(memmux(*arguments, "--json").stdout)
    return answer


def contents(client: Client) -> set[str]:
    return {memory.content for memory in client.list(namespace=None)}


@pytest.mark.shared
@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_a_dry_run_shows_the_first_and_says_nothing_that_it_does_not_know(
    request: pytest.FixtureRequest, source: str, memmux: Memmux, settings: Settings
) -> None:
    shown = memmux("import", source, "--dry-run")
    assert (shown.returncode, shown.stderr) == (0, "")
    for text in TEXTS:
        assert text in shown.stdout
    assert not BECAME.search(shown.stdout)
    assert "vectors_of_another_model" not in shown.stdout
    assert ("with 2 vectors" in shown.stdout) == (request.node.callspec.params["source"] == "mcp")
    assert re.search(r"\b[23] memories", shown.stdout)
    *_, last = (line for line in shown.stdout.splitlines() if not line.startswith(("left out", " ")))
    assert last == "nothing was stored: a dry run, which does not compare with what is here already"
    document = said(memmux, "import", source, "--dry-run")
    assert (document["dry_run"], document["undo"]) == (True, [])
    assert {"created": 0}.items() <= document.get("outcome", document).items()
    assert not settings.database.exists()


@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_an_import_is_taken_back_by_the_line_that_it_ends_with(source: str, memmux: Memmux, client: Client) -> None:
    client.store(TEXTS[0] if source.endswith(".db") else "here before", tags=("ours",))
    before = {memory.content: memory for memory in client.list(namespace=None)}
    done = memmux("import", source)
    assert done.returncode == 0, done
    assert len(contents(client)) > len(before)
    (undo,) = re.findall(r"^`memmux undo ([\d-]+)` takes it back$", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-1].startswith("`memmux undo ")
    undone = memmux("undo", undo)
    assert (undone.returncode, undone.stderr) == (0, "")
    after = {memory.content: memory for memory in client.list(namespace=None)}
    assert after.keys() == before.keys()
    assert all((one.tags, one.aliases) == (before[name].tags, before[name].aliases) for name, one in after.items())


@pytest.mark.parametrize("source", ["server-memory"], indirect=True)
def test_what_was_changed_since_an_import_is_left_and_named(source: str, memmux: Memmux, client: Client) -> None:
    done = said(memmux, "import", source)
    assert done["undo"] == ["1-2"]
    assert said(memmux, "import", source)["undo"] == []
    (pier,) = [memory for memory in client.list() if TEXTS[0] in memory.content]
    client.update(pier.id, tags=["mine"])
    undone = memmux("undo", "1-2")
    assert undone.returncode == 1
    assert pier.id in undone.stderr
    assert contents(client) == {pier.content}


@pytest.mark.shared
@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("source", ["server-memory"], indirect=True)
def test_several_files_are_imported_each_by_its_name(
    source: str, memmux: Memmux, other: Client, short_tmp: Path
) -> None:
    (short_tmp / "rubbish").write_text("hello")
    database = str(other.settings.database)
    files = (source, "rubbish", database)
    shown = memmux("import", *files, "--dry-run")
    assert shown.returncode == 1
    names = [str((short_tmp / file).resolve()) for file in files]
    assert [line for line in shown.stdout.splitlines() if line in names] == names
    assert "argument_invalid" in shown.stderr
    done = memmux("import", *files, "--json")
    assert done.returncode == 1
    one, two, three = json.loads(done.stdout)["imports"]
    assert (one["created"], two["error"]["code"], three["created"]) == (2, "argument_invalid", 3)
    assert [each["path"] for each in (one, two, three)] == names
    again = memmux("import", source, database)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.count("there already") == 2
