"""The time line: what happened on each day of a time zone, by client, type, tag and namespace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux import limits
from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError
from tests.unit.examples import examples
from tests.unit.workers.desk import Desk


def _at(desk: Desk, text: str) -> None:
    """Let the next change happen a second after this time."""
    desk.clock.at = datetime.fromisoformat(text).timestamp()


def _asked(desk: Desk, **fields: Any) -> Any:
    return desk.ask("memory.timeline", {"zone": "UTC", **fields})


def _counts(found: Any) -> dict[str | None, tuple[list[int], ...]]:
    return {group["name"]: (group["stored"], group["changed"], group["deleted"]) for group in found["groups"]}


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Three days on which something happened, of two clients."""
    _at(desk, "2026-03-01T10:00:00Z")
    one = desk.store("one", tags=["Sea"], type="note", client="ada")["id"]
    two = desk.store("two", tags=["sea", "port"])["id"]
    _at(desk, "2026-03-03T10:00:00Z")
    desk.ask("memory.update", {"id": one, "type": "fact"}, client="bob")
    desk.store("theirs", namespace="theirs", tags=["SEA"])
    _at(desk, "2026-03-04T10:00:00Z")
    desk.ask("memory.delete", {"id": two}, client="bob")
    return desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = ClientDesk(tmp_path / "memories.db")
    yield desk
    desk.close()


class ClientDesk(Desk):
    """A desk at which a store may be another client's."""

    def store(self, content: str, *vectors: Any, client: str = "ada", **fields: Any) -> Any:
        del vectors
        return self.ask("memory.store", {"content": content, **fields}, client=client)


def test_what_happened_is_counted_on_its_day_under_who_did_it(filled: Desk) -> None:
    found = _asked(filled)
    assert found["days"] == ["2026-03-01", "2026-03-03", "2026-03-04"]
    assert _counts(found) == {
        "ada": ([2, 0, 0], [0, 0, 0], [0, 0, 0]),
        "bob": ([0, 0, 0], [0, 1, 0], [0, 0, 1]),
    }
    assert (found["other"], found["others"], found["earlier"], found["zone"]) == (None, 0, 0, "UTC")


def test_types_are_those_that_memories_have_now_and_none_is_a_group_too(filled: Desk) -> None:
    assert _counts(_asked(filled, by="type")) == {
        "fact": ([1, 0, 0], [0, 1, 0], [0, 0, 0]),
        None: ([1, 0, 0], [0, 0, 0], [0, 0, 1]),
    }


def test_a_memory_counts_under_each_of_its_tags_spelled_as_the_newest_of_these_memories_has_it(filled: Desk) -> None:
    assert _counts(_asked(filled, by="tag")) == {
        "sea": ([2, 0, 0], [0, 1, 0], [0, 0, 1]),
        "port": ([1, 0, 0], [0, 0, 0], [0, 0, 1]),
    }
    assert _counts(_asked(filled, by="tag", filter={"namespace": None}))["SEA"] == ([2, 1, 0], [0, 1, 0], [0, 0, 1])


def test_by_tag_the_answer_says_that_a_memory_counts_for_each_of_its_tags(filled: Desk) -> None:
    found = _asked(filled, by="tag", filter={"namespace": ["default", "nowhere"]})
    assert "nowhere" in found["notes"][0]
    assert "once for each" in found["notes"][1]
    assert _asked(filled, by="tag", client="nobody")["notes"] == []
    for by in ("client", "type", "namespace"):
        assert _asked(filled, by=by)["notes"] == [], by


def test_namespaces_are_those_that_are_asked_for(filled: Desk) -> None:
    found = _asked(filled, by="namespace", filter={"namespace": None})
    assert {name: sum(counts[0]) for name, counts in _counts(found).items()} == {"default": 2, "theirs": 1}
    found = _asked(filled, by="namespace", filter={"namespace": ["theirs", "nowhere"]})
    assert list(_counts(found)) == ["theirs"]
    assert "nowhere" in found["notes"][0]


def test_the_groups_with_the_most_are_told_and_the_rest_is_summed(filled: Desk) -> None:
    found = _asked(filled, limit=1)
    assert (list(_counts(found)), found["others"]) == (["ada"], 1)
    assert found["other"] == {"name": None, "stored": [0, 0, 0], "changed": [0, 1, 0], "deleted": [0, 0, 1]}
    tagged = _asked(filled, by="tag", limit=1)
    assert (list(_counts(tagged)), tagged["other"]["stored"]) == (["sea"], [1, 0, 0])
    for limit in (0, limits.TIMELINE_GROUPS + 1):
        with pytest.raises(LimitOutOfRangeError):
            _asked(filled, limit=limit)


def test_only_what_is_asked_for_is_counted(filled: Desk) -> None:
    for fields, days in (
        ({"after": "2026-03-03T00:00:00Z"}, ["2026-03-03", "2026-03-04"]),
        ({"before": "2026-03-03T00:00:00Z"}, ["2026-03-01"]),
        ({"client": "B"}, ["2026-03-03", "2026-03-04"]),
        ({"client": "nobody"}, []),
        ({"filter": {"tags": ["PORT"]}}, ["2026-03-01", "2026-03-04"]),
        ({"filter": {"type": "fact"}}, ["2026-03-01", "2026-03-03"]),
        ({"filter": {"metadata": {"a": 1}}}, []),
    ):
        for by in ("client", "type", "tag", "namespace"):
            assert _asked(filled, by=by, **fields)["days"] == days, (by, fields)


def test_what_was_purged_is_not_counted_and_what_is_brought_back_was_changed(filled: Desk) -> None:
    (gone,) = filled.ask("memory.list", {"deleted": True})["memories"]
    filled.ask("memory.undo", {"seq": 5}, client="eve")
    assert _counts(_asked(filled))["eve"] == ([0, 0, 0], [0, 0, 1], [0, 0, 0])
    filled.ask("memory.delete", {"id": gone["id"]}, client="eve")
    assert _asked(filled)["groups"][0]["name"] == "ada"
    filled.ask("memory.purge", {"id": gone["id"]})
    found = _asked(filled)
    assert _counts(found) == {"ada": ([1, 0], [0, 0], [0, 0]), "bob": ([0, 0], [0, 1], [0, 0])}


def test_nothing_is_counted_where_nothing_is(desk: Desk) -> None:
    for by in ("client", "type", "tag", "namespace"):
        found = _asked(desk, by=by)
        assert (found["days"], found["groups"], found["other"], found["earlier"]) == ([], [], None, 0)


def test_a_memory_that_was_made_long_before_counts_on_that_day(desk: Desk) -> None:
    desk.store("old", created_at="1923-05-06T23:30:00Z")
    desk.store("older", created_at="0001-01-01T00:00:00Z")
    desk.store("to come", created_at="9999-12-31T12:00:00Z")
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        found = _asked(desk, zone=zone)
        assert len(found["days"]) == 3 - (zone == "America/New_York"), zone
        assert found["days"][-2] == ("1923-05-07" if zone == "Asia/Tokyo" else "1923-05-06")
        assert found["days"][-1] == ("9999-12-31")
    listed = desk.ask("memory.list", {"filter": {"after": "1923-05-06T00:00:00Z", "before": "1923-05-07T00:00:00Z"}})
    assert [memory["content"] for memory in listed["memories"]] == ["old"]


def test_days_are_those_of_the_time_zone_of_who_asks(desk: Desk) -> None:
    desk.store("late", created_at="2026-06-30T22:30:00Z")
    assert _asked(desk)["days"] == ["2026-06-30"]
    assert _asked(desk, zone="Europe/Berlin")["days"] == ["2026-07-01"]
    found = desk.ask("memory.timeline", {}, zone="Europe/Berlin")
    assert (found["days"], found["zone"]) == (["2026-07-01"], "Europe/Berlin")
    assert desk.ask("memory.timeline", {}, zone="EST5EDT4,M3.2.0,M11.1.0")["zone"] == ""


@pytest.mark.parametrize(("client", "stored"), [("ümit", 0), ("ÜMIT", 1), ("Üm", 1), ("\u212amit", 0), ("kmit", 1)])
def test_a_client_is_the_same_one_in_lists_changes_and_the_time_line(
    desk: ClientDesk, client: str, stored: int
) -> None:
    desk.store("one", client="Ümit")
    desk.store("two", client="Kmit")
    assert desk.ask("memory.list", {"client": client})["total"] == stored
    assert len(desk.ask("memory.changes", {"after": 0, "client": client})["changes"]) == stored
    counts = _counts(_asked(desk, client=client)).values()
    assert sum(sum(kinds[0]) for kinds in counts) == stored


@pytest.mark.parametrize("zone", ["UTC-24", "EST5EDT4,M13.9.9,M11.1.0"])
def test_a_client_whose_time_zone_gives_no_days_has_those_of_utc(desk: Desk, zone: str) -> None:
    desk.store("late", created_at="2026-06-30T22:30:00Z")
    found = desk.ask("memory.timeline", {}, zone=zone)
    assert (found["days"], found["zone"]) == (["2026-06-30"], "UTC")


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd", "/etc/localtime", "\u0000", "Europe", " "])
def test_a_time_zone_that_nobody_knows_is_refused(desk: Desk, zone: str) -> None:
    with pytest.raises(ArgumentInvalidError):
        _asked(desk, zone=zone)


def test_another_grouping_is_refused_with_those_that_there_are(desk: Desk) -> None:
    for by in ("day", None, ["client"]):
        with pytest.raises(ArgumentInvalidError, match="there are client, type, tag, namespace"):
            _asked(desk, by=by)


def test_what_is_written_between_two_questions_is_counted_by_the_second(desk: Desk) -> None:
    for number in range(1, 4):
        desk.store(str(number))
        assert sum(sum(counts[0]) for counts in _counts(_asked(desk)).values()) == number


def test_days_beyond_the_most_are_counted_together(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TIMELINE_DAYS", 2)
    for day in (1, 2, 2, 3, 5):
        desk.store(f"{day} {desk.clock.at}", created_at=f"2026-01-0{day}T12:00:00Z")
    found = _asked(desk)
    assert (found["days"], found["earlier"]) == (["2026-01-03", "2026-01-05"], 3)
    assert _counts(found) == {"ada": ([1, 1], [0, 0], [0, 0])}


# Where the clock leaves midnight out, has it twice, left out a whole day, or went back just after midnight.
ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "America/Havana", "Asia/Kathmandu"]
MOMENTS = st.integers(-2_000_000_000, 4_000_000_000) | st.integers(1_130_000_000, 1_135_000_000)


@settings(max_examples=examples(60))
@given(zone=st.sampled_from(ZONES), moments=st.lists(MOMENTS, min_size=1, max_size=30))
def test_each_moment_counts_on_the_date_that_the_clock_shows(
    zone: str, moments: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    shown: Counter[str] = Counter()
    desk = Desk(tmp_path_factory.mktemp("timeline") / "memories.db")
    try:
        stores = [{"content": str(number), "created_at": moment} for number, moment in enumerate(moments)]
        desk.ask("memory.store_batch", {"memories": stores})
        found = _asked(desk, zone=zone)
    finally:
        desk.close()
    shown.update(
        datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone)).date().isoformat() for moment in moments
    )
    assert dict(zip(found["days"], found["groups"][0]["stored"], strict=True)) == shown
