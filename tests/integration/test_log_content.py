"""No log file holds what users store and ask for, whatever they do and whatever fails, unless they want it to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, PoisonedError
from memmux.wire.requests import Store
from tests.import_path import python_path
from tests.integration.helpers import complete, lines_of, status_until
from tests.integration.mcp_by_hand import McpByHand

MARK = "xyzzy-the-heart-of-a-memory"
TEXT = f"the password of the safe is {MARK}"
FAULTS = Path(__file__).parents[1] / "faults"


def _everything(client: Client, folder: Path) -> None:
    """Do everything that there is, with the mark wherever a text may stand."""
    status_until(client, complete)
    described = {"tags": [MARK], "type": MARK, "metadata": {MARK: MARK}}
    first = client.store(TEXT, similar=True, **described)
    client.store(TEXT)  # a duplicate
    second, third = client.store_batch([Store(content=f"{TEXT} {number}", tags=(MARK,)) for number in range(2)])
    for mode in ("semantic", "keyword", "hybrid", "ranked", "exact"):
        client.search(TEXT, mode=mode, tags=[MARK], metadata={MARK: MARK})
    client.get(first.id)
    client.list(tags=[MARK], type=MARK)
    client.graph(first.id)
    client.used([first.id])
    client.update(first.id, tags=[MARK, "more"])
    changed = client.update(second.id, content=f"{TEXT} now", versioned=True)
    client.undo(changed.seq)
    client.delete(third.id)
    client.history(third.id)
    client.purge(third.id)
    page = client.dump(vectors=True)
    client.load(page.memories)
    client.load([{**memory, "content": MARK} for memory in page.memories])
    client.load([{"content": MARK, MARK: MARK}])
    client.verify()
    client.backup(to=folder)
    client.rebuild()
    client.forget(tags=[MARK], dry_run=True)
    client.forget(tags=[MARK])
    client.status()


def _wrongs(client: Client) -> list[Callable[[], object]]:
    """Return what is refused, almost all of it, each for another reason."""
    return [
        lambda: client.store(MARK + "\ud800"),
        lambda: client.store(MARK * 200_000),
        lambda: client.store(TEXT, tags=[MARK * 100]),
        lambda: client.store(TEXT, metadata={MARK: float("nan")}),
        lambda: client.store(TEXT, type=MARK * 100),
        lambda: client.store(TEXT, vector=[0.5, 0.5]),
        lambda: client.search(TEXT, mode=MARK),
        lambda: client.search(TEXT, limit=-1),
        lambda: client.search(TEXT, vector=[0.5, 0.5], mode="semantic"),
        lambda: client.get(MARK),
        lambda: client.undo(10**9),
    ]


def _tools(mcp: McpByHand) -> None:
    """Call the tools with the mark in all places, rightly and wrongly."""
    kept = mcp.call("memory_store", content=TEXT, tags=[MARK], metadata={"a": MARK})["structuredContent"]["id"]
    mcp.call("memory_search", query=TEXT, tags=[MARK])
    mcp.call("memory_search", query=TEXT, time_expr=MARK)
    mcp.call("memory_list", tags=[MARK])
    mcp.call("memory_update", id=kept, tags=[MARK])
    mcp.call("memory_delete", id=kept)
    mcp.call("memory_history", id=kept)
    mcp.call("memory_store_session", turns=[{"role": "user", "content": TEXT}])
    mcp.call("memory_ingest", path=f"/{MARK}")
    mcp.call("retrieve_memory", query=TEXT)
    mcp.call("memory_store", content=TEXT, metadata=MARK)
    mcp.call("memory_store", content=[MARK])
    mcp.call("memory_get", id=MARK)
    mcp.call("memory_get", **{MARK: MARK})


def _logged(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Places(settings).logs.iterdir()}


@pytest.fixture
def quick(settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let everything be logged that can be, and workers crash when a text tells them to."""
    monkeypatch.setenv("PYTHONPATH", python_path(FAULTS))
    settings_env.update(PYTHONPATH=python_path(FAULTS), MEMMUX_LOG_LEVEL="debug", MEMMUX_SLOW_MS="1")
    return settings_env


def test_no_log_file_holds_what_is_stored_and_asked_for(quick: dict[str, str], short_tmp: Path) -> None:
    settings = load(environment=quick)
    with Client(settings=settings) as client:
        _everything(client, short_tmp / "backups")
        for wrong in _wrongs(client):
            with suppress(MemmuxError, ValueError):
                wrong()
        with pytest.raises(PoisonedError):
            client.search(f"fault:crash read {MARK}")
        with pytest.raises(PoisonedError):
            client.store(f"fault:crash write {MARK}")
        client.store(f"fault:crash embed {MARK}")  # stored without a vector
        with McpByHand(quick) as mcp:
            _tools(mcp)
        client.stop()
    logged = _logged(settings)
    assert b"ArithmeticError" in logged["read-0.jsonl"] + logged["read-1.jsonl"]
    assert b"ArithmeticError" in logged["router.err"]
    assert b"stage_slow" in logged["write-0.jsonl"]
    assert b"tool_called" in logged["mcp.jsonl"]
    assert {name for name, data in logged.items() if MARK.encode() in data} == set()


def test_content_is_logged_where_it_is_asked_for(quick: dict[str, str]) -> None:
    quick["MEMMUX_LOG_CONTENT"] = "true"
    settings = load(environment=quick)
    with McpByHand(quick) as mcp:
        mcp.call("memory_store", content=TEXT)
    lines = lines_of(Places(settings).logs / "mcp.jsonl")
    (called,) = (line for line in lines if line["event"] == "tool_called")
    assert called["arguments"] == {"content": TEXT}
