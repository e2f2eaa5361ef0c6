"""When a cluster has nothing left to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench.harness import settle
from bench.harness.settle import hurried, settled

INDEX_FROM = 100
READY = {"kind": "embed", "state": "ready", "pid": 1}


def _status(**changes: object) -> Any:
    """A status of a cluster that has settled, but for the changes."""
    ready = [{**READY, "kind": kind} for kind in ("read", "write", "embed")]
    settled = {"workers": ready, "model": "m", "pending": 0, "memories": 7, "index": {"state": "none"}}
    return SimpleNamespace(**{**settled, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"index": {}},
        {"index": {"state": "ready", "vectors": 107}, "memories": 107},
        {"index": {"state": "ready", "vectors": 107}, "memories": 50},  # of which some have several
    ],
)
def test_cluster_has_settled_whose_index_is_ready_or_is_not_to_be(changes: dict[str, object]) -> None:
    assert settled(_status(**changes), INDEX_FROM)


@pytest.mark.parametrize(
    "changes",
    [
        {"workers": []},
        {"workers": [{**READY, "kind": "read"}, {"kind": "embed", "state": "starting", "pid": 2}]},
        {"workers": [{**READY, "pid": None}]},  # it is ready, and its process is not known yet
        {"model": None},
        {"pending": 1},
        {"index": {"state": "building", "vectors": 7}},
        {"memories": 107},  # the index is begun after a pause
    ],
)
def test_cluster_that_starts_embeds_or_builds_has_not_settled(changes: dict[str, object]) -> None:
    assert not settled(_status(**changes), INDEX_FROM)


def test_the_end_of_the_fork_server_is_waited_for_unless_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = SimpleNamespace(status=lambda: _status(pid=4711), settings=SimpleNamespace(index_from=INDEX_FROM))
    running = [[4712], [4712], []]
    monkeypatch.setattr(settle, "fork_servers", lambda router: running.pop(0) if router == 4711 else [])
    settle.settle(client)
    assert running == []
    with hurried():
        settle.settle(client)  # else it would ask, and nothing is left to be told
    running.append([])
    settle.settle(client)
    assert running == []
