"""What happened on each day, on a terminal."""

from __future__ import annotations

import orjson

from tests.unit.memmux.cli.desk_client import Typed
from tests.unit.workers.desk import Desk


def test_each_day_has_a_line_for_each_group_in_which_something_happened(typed: Typed, desk: Desk) -> None:
    assert typed("timeline")[:2] == (0, "nothing happened\n")
    for number, tags in enumerate((["a", "b"], ["a"], ["c"], [])):
        desk.store(str(number), tags=tags, created_at=f"2026-03-0{number + 1}T12:00:00Z")
    code, out, _ = typed("timeline", "--by", "tag", "--limit", "2", "--zone", "UTC")
    assert code == 0
    assert out.splitlines() == [
        "2026-03-01  a  1 stored",
        "2026-03-01  2 others  1 stored",
        "2026-03-02  a  1 stored",
        "2026-03-03  2 others  1 stored",
        "2026-03-04  none  1 stored",
    ]
    _, out, _ = typed("timeline", "--json", "--after", "2026-03-04T00:00Z", "--zone", "UTC")
    assert orjson.loads(out)["days"] == ["2026-03-04"]
    desk.store("late", created_at="2026-03-06T02:00:00Z")
    for zone, days in (("UTC", ["2026-03-06"]), ("America/New_York", [])):
        _, out, _ = typed("timeline", "--json", "--after", "2026-03-06", "--before", "2026-03-07", "--zone", zone)
        assert orjson.loads(out)["days"] == days
    code, _, err = typed("timeline", "--zone", "Mars/Phobos")
    assert (code, "there is no time zone" in err) == (2, True)


def test_a_tag_can_forge_no_line(typed: Typed, desk: Desk) -> None:
    desk.store("x", tags=["a\n2026-03-01  b  9 stored\x1b[2J"])
    _, out, _ = typed("timeline", "--by", "tag")
    assert (len(out.splitlines()), "\x1b" in out) == (1, False)
