"""What each command prints with `--json`, held to the schema that the package carries."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from memmux.cli.docs.shapes import SHAPES
from tests import commands

SCHEMA = json.loads((resources.files("memmux.cli") / "schemas" / "output.json").read_bytes())
SERVED = {"demo": "needs the model, and is tried by its own tests", "setup": "the same"}
Ended = subprocess.CompletedProcess[bytes]


def _problems(name: str, document: Any) -> list[str]:
    checked = Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{name}"}]})
    return [f"{list(error.absolute_path)}: {error.message}" for error in checked.iter_errors(document)]


class _Terminal:
    """Runs commands, and holds what each prints to the definition of its name."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self._env, self._folder = {**env, "HOME": str(folder)}, folder
        self.tried: set[str] = set()

    def __call__(self, *arguments: str, command: str = "", codes: Sequence[int] = (0,)) -> Any:
        name = command or arguments[0]
        ended = commands.run([*arguments, "--json"], self._env, cwd=self._folder)
        assert ended.returncode in codes, ended
        document = json.loads(ended.stdout)
        assert _problems(name, document) == [], arguments
        self.tried.add(name)
        return document

    def fails(self, *arguments: str) -> Any:
        """Run a command that fails."""
        ended = commands.run([*arguments, "--json"], self._env, cwd=self._folder)
        assert ended.returncode in (1, 2)
        assert ended.stdout == b""
        document = json.loads(ended.stderr.splitlines()[-1])
        assert _problems("error", document) == []
        return document


def _objects(schema: Any) -> Iterator[Any]:
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from _objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _objects(inner)


def test_the_schema_is_a_schema_and_names_each_thing_once() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    names = {name for one in _objects(SCHEMA["$defs"]) for name in one.get("properties", {})}
    assert not names & {"file", "filename", "memory_id", "sequence", "timestamp"}
    for one in _objects(SCHEMA["$defs"]):
        for name, kind in one.get("properties", {}).items():
            if name in ("at", "since") or name.endswith("_at"):
                assert "date-time" in json.dumps(kind), name


TRIED: list[tuple[str, Sequence[int]]] = [
    ("status", (3,)),
    ("top", (3,)),
    ("store 'the ferry leaves at nine' --tag sea --similar", (0,)),
    ("store 'the ferry leaves at nine' --tag land", (0,)),
    ("store 'the pier is closed' --tag sea", (0,)),
    ("get ID", (0,)),
    ("search ferry --why --context 1", (0,)),
    ("list", (0,)),
    ("update ID --metadata '{\"pier\": 4}'", (0,)),
    ("delete ID", (0,)),
    ("list --deleted", (0,)),
    ("undo ID --yes", (0,)),
    ("forget --tag sea --dry-run", (0,)),
    ("forget --tag sea", (0,)),
    ("undo --last --yes", (0,)),
    ("history ID", (0,)),
    ("log", (0,)),
    ("namespaces", (0,)),
    ("tags", (0,)),
    ("timeline --by tag", (0,)),
    ("duplicates", (0,)),
    ("status", (0,)),
    ("top --once", (0,)),
    ("clusters", (0,)),
    ("settings", (0,)),
    ("ingest notes.md", (0,)),
    ("export all.jsonl", (0,)),
    ("export back.db --format mcp-memory-service", (0,)),
    ("import all.jsonl", (0,)),
    ("import back.db", (0,)),
    ("delete ID", (0,)),
    ("purge ID --yes", (0,)),
    ("backup", (0,)),
    ("check", (0,)),
    ("doctor", (0, 1)),
    ("explain not_found", (0,)),
    ("docs", (0,)),
    ("docs operations", (0,)),
    ("uninstall --dry-run", (0,)),
    ("explain cluster_started", (0,)),
    ("key add laptop --role read --endpoint tcp://127.0.0.1:1", (0,)),
    ("key add phone --role write --http --expires 90d", (0,)),
    ("key list", (0,)),
    ("web --logout", (0,)),
    ("key revoke laptop", (0,)),
    ("service status", (3,)),
    ("service install --dry-run", (0,)),
    ("install claude-code --dry-run", (0,)),
    ("install cursor --http --dry-run", (0,)),
    ("install --all --dry-run", (0, 1)),
    ("install --shadow --to . --dry-run", (0,)),
    ("connect --local", (0,)),
    ("restart", (0,)),
    ("stop", (0,)),
    ("restore --newest", (0,)),
]


def test_every_command_prints_what_the_schema_says(settings_env: dict[str, str], short_tmp: Path) -> None:
    run = _Terminal(settings_env, short_tmp)
    (short_tmp / "notes.md").write_text("# Notes\n\nThe kettle is from 1931.\n")
    stored = ""
    for line, codes in TRIED:
        words = [stored if word == "ID" else word for word in shlex.split(line)]
        command = "-".join(words[:2]) if words[0] == "key" else words[0]
        said = run(*words, command=command, codes=codes)
        stored = stored or (said["id"] if command == "store" else "")
    run.fails("get", "none-such")
    run.fails("search", "x", "--mode", "nonsense")
    assert run.tried | set(SERVED) == {name.replace(" ", "-") for name in SHAPES}


@pytest.mark.parametrize("spoilt", [{"file": "x"}, {"count": "1"}])
def test_a_document_of_another_shape_is_found(spoilt: dict[str, object]) -> None:
    assert _problems("export", {"path": "x", "count": 1, "deleted": 0}) == []
    assert _problems("export", {"path": "x", "count": 1, "deleted": 0, **spoilt})


def test_times_of_an_export_are_texts_with_a_zone(settings_env: dict[str, str], short_tmp: Path) -> None:
    run = _Terminal(settings_env, short_tmp)
    run("store", "one")
    run("export", "all.jsonl")
    header, memory = map(json.loads, (short_tmp / "all.jsonl").read_text().splitlines())
    for text in (header["exported_at"], memory["created_at"], memory["updated_at"]):
        assert text.endswith("+00:00")
    assert run("import", "all.jsonl")["skipped"] == 1
