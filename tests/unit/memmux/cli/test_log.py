"""What did a client store: the change log, the lists of one client, and the short names of memories."""

from __future__ import annotations

import re

import orjson
import pytest

from memmux.cli import memory_options
from memmux.errors import ArgumentInvalidError
from tests.unit.memmux.cli.desk_client import Typed
from tests.unit.workers.desk import Desk


@pytest.fixture
def filled(desk: Desk, typed: Typed) -> list[str]:
    """The ids of memories of two clients, of which one was changed and one deleted."""
    stored = [
        desk.answer("memory.store", {"content": text, "tags": tags}, client=client).frames[0]
        for text, tags, client in (
            ("the ferry leaves at nine", ["sea"], "claude-code"),
            ("the pier is closed", ["sea", "pier"], "Claude Desktop"),
            ("tea is at four", [], "cursor"),
        )
    ]
    ids = [orjson.loads(answer)["id"] for answer in stored]
    typed("update", ids[0], "--content", "the ferry leaves at ten")
    typed("delete", ids[1])
    return ids


def _told(typed: Typed, *arguments: str) -> list[tuple[int, str, str]]:
    code, out, _ = typed("log", "--json", *arguments)
    assert code == 0
    return [(change["seq"], change["kind"], change["client"]) for change in orjson.loads(out)["changes"]]


def test_a_list_as_of_a_change_has_what_was_there_then(typed: Typed, filled: list[str]) -> None:
    _, out, _ = typed("list", "--as-of", "3", "--json")
    found = orjson.loads(out)
    assert [memory["id"] for memory in found["memories"]] == filled[::-1]
    assert found["memories"][2]["content"] == "the ferry leaves at nine"
    assert "the pier is closed" in typed("list", "--as-of", "3", "--tag", "pier")[1]
    code, _, err = typed("list", "--as-of", "3", "--deleted")
    assert (code, "as_of goes with neither" in err) == (2, True)


@pytest.mark.usefixtures("filled")
def test_the_log_says_who_did_what_newest_first(typed: Typed) -> None:
    everything = [
        (5, "deleted", "cli"),
        (4, "changed", "cli"),
        (3, "stored", "cursor"),
        (2, "stored", "Claude Desktop"),
        (1, "stored", "claude-code"),
    ]
    assert _told(typed) == everything
    assert _told(typed, "--limit", "2") == everything[:2]
    assert _told(typed, "--client", "CLAUDE") == everything[3:]
    assert _told(typed, "--client", "%") == []
    assert _told(typed, "--kind", "stored", "--limit", "1") == everything[2:3]
    assert _told(typed, "--tag", "sea") == [everything[place] for place in (0, 1, 3, 4)]
    assert _told(typed, "--since", "4") == everything[:2]
    assert _told(typed, "--after", "2020-01-01") == everything
    assert _told(typed, "--since", "2999-01-01") == []
    assert _told(typed, "--namespace", "other") == []


@pytest.mark.usefixtures("filled")
def test_a_log_that_is_cut_says_so(typed: Typed) -> None:
    for arguments, more in (
        (["--limit", "4"], True),
        (["--limit", "5"], False),
        (["--limit", "2", "--since", "3"], True),
        (["--limit", "3", "--since", "3"], False),
        (["--limit", "1", "--client", "cli"], True),
        (["--limit", "1", "--kind", "deleted"], False),
        (["--limit", "1", "--tag", "pier", "--kind", "stored"], False),
        (["--since", "2999-01-01"], False),
    ):
        assert orjson.loads(typed("log", "--json", *arguments)[1])["more"] is more, arguments
        assert ("there are more before these" in typed("log", *arguments)[2]) is more, arguments


def test_a_log_that_is_cut_when_it_is_followed_says_so(
    typed: Typed, filled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    assert filled
    monkeypatch.setattr("memmux.cli.log.time.sleep", stop)
    for arguments in (["--since", "2"], ["--since", "2", "--json"]):
        assert "there are more before these" in typed("log", "-f", "--limit", "3", *arguments)[2]
        assert "there are more" not in typed("log", "-f", "--limit", "4", *arguments)[2]
    assert "there are more" not in typed("log", "-f", "--limit", "3")[2]


def test_the_log_for_people_shows_the_memory_and_the_line_that_undoes(typed: Typed, filled: list[str]) -> None:
    lines = typed("log")[1].splitlines()
    assert len(lines) == 10
    seq, at, hour, kind, short, by, client, tag, *_ = lines[2].split()
    assert (seq, kind, by, client, tag) == ("4", "changed", "by", "cli", "#sea")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", f"{at} {hour}")
    assert orjson.loads(typed("get", short, "--json")[1])["id"] == filled[0]
    assert lines[3].strip() == "the ferry leaves at ten"
    assert typed("undo", seq, "--yes")[0] == 0
    assert orjson.loads(typed("get", filled[0], "--json")[1])["content"] == "the ferry leaves at nine"


def test_the_log_says_what_an_undo_did(typed: Typed, filled: list[str]) -> None:
    for seq in ("5", "4", "3"):
        assert typed("undo", seq, "--yes")[0] == 0
    told = [line for line in typed("log", "--kind", "undone")[1].splitlines() if "undone" in line]
    assert [re.sub(r".*by cli(: [a-z ]*[a-z]).*", r"\1", line) for line in told] == [
        ": deleted",
        ": changed content",
        ": brought back",
    ], filled


@pytest.mark.usefixtures("filled")
def test_since_and_after_are_one_option(typed: Typed) -> None:
    for name in ("list", "log"):
        assert typed(name, "--since", "2020-01-01", "--json") == typed(name, "--after", "2020-01-01", "--json")
        assert typed(name, "--since", "10 min ago")[0] == 0
        assert typed(name, "--since", "10m")[0] == 0


@pytest.mark.parametrize("arguments", [("list",), ("search", "ferry"), ("log",), ("list", "--all-namespaces")])
@pytest.mark.usefixtures("filled")
def test_a_tag_that_nothing_has_is_named(typed: Typed, arguments: tuple[str, ...]) -> None:
    where = "" if "--all-namespaces" in arguments else " in the namespace 'default'"
    for any_tag in () if arguments == ("log",) else (["--tag", "sea", "--any-tag"], []):
        _, _, err = typed(*arguments, "--tag", "seaa", *any_tag)
        assert f"no memory has the tag 'seaa'{where}; did you mean 'sea'?" in err
    assert "no memory has the tag" not in typed(*arguments, "--tag", "SEA")[2]
    assert typed(*arguments, "--tag", "zzz")[2].strip().endswith(f"no memory has the tag 'zzz'{where}")
    if where:
        assert "no memory has the tag" not in typed(*arguments, "--tag", "zzz", "--namespace", "none")[2]


@pytest.mark.parametrize("name", ["list", "log"])
@pytest.mark.usefixtures("filled")
def test_a_client_of_which_there_is_nothing_is_named(typed: Typed, name: str) -> None:
    _, _, err = typed(name, "--client", "curser")
    assert "nothing is of a client 'curser'; did you mean 'cursor'?" in err
    assert "nothing is of a client" not in typed(name, "--client", "CURS")[2]


def test_what_is_stored_later_takes_no_short_name_away(typed: Typed) -> None:
    typed("store", "the first")
    (short,) = re.findall(r"\b0[0-9a-f]{7}[0-9a-f-]*", typed("list")[1])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}", short)
    for number in range(20):
        typed("store", f"number {number}")
    assert typed("get", short)[0] == 0


def test_a_list_of_one_client_has_what_it_stored_and_nothing_else(typed: Typed, filled: list[str]) -> None:
    def listed(*arguments: str) -> list[str]:
        return [memory["id"] for memory in orjson.loads(typed("list", "--json", *arguments)[1])["memories"]]

    assert listed("--client", "claude") == [filled[0]]  # that another one changed it makes no difference
    assert listed("--client", "claude", "--deleted") == [filled[1]]
    assert listed("--client", "cursor") == [filled[2]]
    assert listed("--client", "cli") == []
    assert listed("--client", "claude", "--tag", "pier") == []


def test_the_names_that_are_shown_are_short_and_name_one_memory(typed: Typed, desk: Desk) -> None:
    same = [f"0198c5a2-6f1e-7c3a-9d42-5b8e1f2a3c4{digit}" for digit in "de"]
    near = ["0198c5a2-7000-7c3a-9d42-5b8e1f2a3c4d", "0298c5a2-7000-7c3a-9d42-5b8e1f2a3c4d"]
    for number, memory_id in enumerate([*same, *near]):
        desk.store(f"ferry {number}", id=memory_id)
    for arguments in (("list",), ("search", "ferry", "--mode", "keyword"), ("log",)):
        shown = re.findall(r"\b0[12]98[0-9a-f-]+", typed(*arguments)[1])
        assert sorted(shown) == sorted([*same, "0198c5a2-7000", "0298c5a2-7000"]), arguments
        for short in shown:
            assert typed("get", short)[0] == 0
    assert "short" not in orjson.loads(typed("list", "--json")[1])


def test_a_history_tells_what_each_change_took_away_and_put_there(typed: Typed, filled: list[str]) -> None:
    typed("update", filled[0], "--tag", "land", "--metadata", '{"pier": 4}')
    lines = typed("history", filled[0])[1].splitlines()
    assert lines[0] == filled[0]
    told = [line[8:] if line.startswith("        ") else line.split("  ")[-1] for line in lines[1:]]
    assert told == [
        "changed tags, metadata, by cli",
        "- tags: sea",
        "+ tags: land",
        '+ metadata: {"pier":4}',
        "changed content, by cli",
        "- the ferry leaves at nine",
        "+ the ferry leaves at ten",
        "stored, by claude-code",
        "+ the ferry leaves at nine",
        "+ tags: sea",
    ]
    deleted = typed("history", filled[1])[1].splitlines()
    assert [line.split("  ")[-1].strip() for line in deleted[1:]] == [
        "deleted, by cli",
        "stored, by Claude Desktop",
        "+ the pier is closed",
        "+ tags: sea, pier",
    ]


def test_a_slip_of_the_pen_is_refused_with_the_words_that_an_option_takes() -> None:
    with pytest.raises(ArgumentInvalidError, match=r"is not a time; .*Words, like .* are taken, too"):
        memory_options.moment("0000-00-00")
