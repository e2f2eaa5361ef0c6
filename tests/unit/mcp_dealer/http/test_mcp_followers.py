"""The sessions that are to be told of changes, and for how long they are known."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mcp_dealer.http.mcp_followers import KEPT_S, Followers


def test_a_session_that_is_heard_again_is_known_for_as_long_again(tmp_path: Path) -> None:
    followers = Followers(tmp_path)
    for name in ("heard", "silent"):
        followers.add(name)
        os.utime(tmp_path / name, (time.time() - KEPT_S - 1,) * 2)
    followers.add("heard")
    assert "heard" in followers
    assert "silent" not in followers
