"""Threads over real processes: the command line, Python, and a dump."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from memmux import Client
from memmux.config.settings import Settings
from tests import commands

TURNS = ("apple", "banana", "cherry", "date", "elder")


def _run(env: dict[str, str], folder: Path, *arguments: str) -> str:
    done = commands.text(commands.run(arguments, env, cwd=folder))
    done.check_returncode()
    return done.stdout


def _around(hit: Any) -> tuple[list[str], list[str]]:
    return [one.content for one in hit.before], [one.content for one in hit.after]


def test_a_thread_of_the_command_line_is_one_in_python(
    settings: Settings, settings_env: dict[str, str], short_tmp: Path
) -> None:
    for place, turn in enumerate(TURNS):
        _run(settings_env, short_tmp, "store", turn, "--thread", "talk", "--place", str(place))
    with Client(settings=settings) as client:
        (hit,) = client.search("cherry", mode="keyword", context=1)
        assert (hit.memory.thread, hit.memory.place, _around(hit)) == ("talk", 2, (["banana"], ["date"]))
        (hit,) = client.search("cherry", mode="keyword")
        assert _around(hit) == ([], [])
    told = json.loads(
        _run(settings_env, short_tmp, "search", "cherry", "--mode", "keyword", "--context", "2", "--json")
    )
    assert [one["content"] for one in told["hits"][0]["after"]] == ["date", "elder"]
    shown = _run(settings_env, short_tmp, "search", "cherry", "--context", "1", "--context-weight", "0")
    assert "  before  banana" in shown.splitlines()
    assert "thread    talk, 2" in _run(settings_env, short_tmp, "get", told["hits"][0]["memory"]["id"])


def test_an_undo_a_version_and_a_dump_keep_it(settings: Settings) -> None:
    with Client(settings=settings) as client:
        for place, turn in enumerate(TURNS):
            client.store(turn, thread="talk", place=place)
        (hit,) = client.search("cherry", mode="keyword")
        client.undo(client.delete(hit.memory.id).seq)
        client.update(hit.memory.id, content="currant", versioned=True)
        (hit,) = client.search("currant", mode="keyword", context=1)
        assert _around(hit) == (["banana"], ["date"])
        lines = client.dump().memories
        known = {line["content"]: (line.get("thread"), line.get("place")) for line in lines}
        assert known == {turn: ("talk", place) for place, turn in enumerate(TURNS)} | {"currant": ("talk", 2)}


def test_what_one_client_stores_just_before_is_a_thread(settings: Settings) -> None:
    with Client(settings=settings, name="one") as one, Client(settings=settings, name="two") as two:
        for turn in TURNS:
            one.store(turn)
            two.store(f"other {turn}")
        one.store("mango", namespace="elsewhere")
        (hit,) = [hit for hit in one.search("cherry", mode="keyword", context=5) if hit.memory.content == "cherry"]
        assert _around(hit) == (["apple", "banana"], ["date", "elder"])
        assert hit.memory.thread is None


def test_metadata_of_a_conversation_name_its_thread(settings: Settings) -> None:
    with Client(settings=settings) as client:
        for number, turn in enumerate(TURNS):
            client.store(turn, metadata={"conversation_id": f"talk {number % 2}"})
        (hit,) = client.search("cherry", mode="keyword", context=5)
        assert (hit.memory.thread, _around(hit)) == ("talk 0", (["apple"], ["elder"]))
