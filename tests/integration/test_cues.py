"""Cues over real processes: a day that a question names is one of who asks, however that one asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.acceptance.conftest import raw_server
from tests.integration.helpers import every_kind, status_until
from tests.integration.machines import memmux, remote_settings
from tests.sums import added

QUESTION = "which boat was seen on 4 June 2026"


def _store(client: Client) -> None:
    status_until(client, every_kind)  # from then on a memory has its vector at once, and cues tell
    for day, name in ((3, "third"), (4, "fourth")):
        client.store(f"the boat of the {name}", created_at=datetime(2026, 6, day, 23, 30, tzinfo=UTC))


def _dated(hits: list[dict[str, Any]]) -> list[str]:
    """Return the contents that got more as they were created then; of each hit the parts add up to the score."""
    assert all(added(hit["why"].values()) == hit["score"] for hit in hits)
    return [hit.get("memory", hit)["content"] for hit in hits if hit["why"].get("date")]


@pytest.fixture(params=[("UTC", "the boat of the fourth"), ("Asia/Tokyo", "the boat of the third")])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The time zone of who asks, also of this process, and what was created on the fourth of June there."""
    monkeypatch.setenv("TZ", request.param[0])
    return request.param  # type: ignore[no-any-return]  # one of those above


def test_a_day_that_is_named_is_one_of_who_asks_in_python(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str], zone: tuple[str, str]
) -> None:
    _store(server)
    _, seen = zone
    for settings in (server.settings, remote_settings(elsewhere, key("ada"))):
        with Client(settings=settings, name="asker") as client:
            hits = client.search(QUESTION, why=True).hits
            assert [hit.memory.content for hit in hits if (hit.why or {}).get("date")] == [seen]
            assert hits[0].memory.content == seen


def test_a_day_that_is_named_is_one_of_who_asks_on_the_command_line_and_of_a_host(
    server: Client, server_env: dict[str, str], zone: tuple[str, str]
) -> None:
    _store(server)
    there, seen = zone
    printed = memmux({**server_env, "TZ": there}, "search", QUESTION, "--why", "--json").stdout
    assert _dated(json.loads(printed)["hits"]) == [seen]
    assert "date" in memmux({**server_env, "TZ": there}, "search", QUESTION, "--why").stdout
    assert "date" not in memmux({**server_env, "TZ": there}, "search", QUESTION, "--why", "--no-cues").stdout

    async def talk() -> list[list[str]]:
        async with raw_server({**server_env, "TZ": there}) as host:
            await host.shake_hands()
            answers = [
                await host.call(number, "memory_search", query=QUESTION, why=True, min_similarity=-1, **more)
                for number, more in enumerate(({}, {"cues": ["when"]}), 1)
            ]
            return [_dated(answer["structuredContent"]["hits"]) for answer in answers]

    assert asyncio.run(talk()) == [[seen], []]


def test_a_setting_turns_cues_off(settings_env: dict[str, str]) -> None:
    with Client(settings=load(environment={**settings_env, "MEMMUX_CUES": "none"}), name="asker") as client:
        _store(client)
        assert {name for hit in client.search(QUESTION, why=True) for name in hit.why or {}} <= {"words", "meaning"}
        assert any((hit.why or {}).get("date") for hit in client.search(QUESTION, why=True, cues=["date"]))
