"""When a cluster has nothing left to do."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from bench.settle import settled


def _status(**changes: object) -> Any:
    """A status of a cluster that has settled, but for the changes; a later version may say more in it than this one."""
    ready = [{"kind": kind, "state": "ready"} for kind in ("read", "write", "embed")]
    return SimpleNamespace(**{"workers": ready, "model": "m", "pending": 0, **changes})


@pytest.mark.parametrize("index", [None, {}, {"state": "none"}, {"state": "ready", "vectors": 7}])
def test_cluster_has_settled_whose_index_is_ready_or_is_not_to_be(index: Mapping[str, object] | None) -> None:
    assert settled(_status())
    assert settled(_status(index=index))


@pytest.mark.parametrize(
    "changes",
    [
        {"workers": []},
        {"workers": [{"kind": "read", "state": "ready"}, {"kind": "embed", "state": "starting"}]},
        {"model": None},
        {"pending": 1},
        {"index": {"state": "building", "vectors": 7}},
    ],
)
def test_cluster_that_starts_embeds_or_builds_has_not_settled(changes: dict[str, object]) -> None:
    assert not settled(_status(**changes))
