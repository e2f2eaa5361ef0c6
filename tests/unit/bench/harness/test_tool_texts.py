"""What servers say is recorded by playing a script, and kept in files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.harness.tool_texts import STEPS, Recorded, Script, play

SERVER = """
import json, sys
print("hello, this is no message", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "initialize":
        result = {"serverInfo": {"name": "toy", "version": "3"}}
    elif asked["method"] == "tools/list":
        result = {"tools": [{"name": "keep"}]}
    elif asked.get("params", {}).get("name") == "lose":
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": {"message": "no"}}), flush=True)
        continue
    else:
        result = {"content": [{"text": "kept as k7 " + json.dumps(asked.get("params", {}).get("arguments"))}]}
        result["structuredContent"] = {"id": "k7"}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""
SCRIPT = Script(
    stores=[("keep", {"text": "a"}), ("keep", {"text": "b"})],
    key=r"k\d",
    calls={"get": ("find", {"id": "{key}"}), "error": ("lose", {})},
)


def test_a_server_is_asked_what_the_script_says(tmp_path: Path) -> None:
    said = play([sys.executable, "-c", SERVER], os.environ, SCRIPT)
    assert (said.server, said.version, said.list_text) == ("toy", "3", '[{"name":"keep"}]')
    assert said.answers == {"store": 'kept as k7 {"text": "b"}', "get": 'kept as k7 {"id": "k7"}', "error": "no"}
    assert said.structured == {"store": '{"id":"k7"}', "get": '{"id":"k7"}'}
    assert set(said.answers) <= set(STEPS)
    said.write(tmp_path / "toy.json")
    assert Recorded.read(tmp_path / "toy.json") == said


def test_a_server_that_ends_is_told_of() -> None:
    with pytest.raises(ValueError, match="without an answer to initialize"):
        play([sys.executable, "-c", "input()"], os.environ, SCRIPT)
