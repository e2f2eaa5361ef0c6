"""The command line in processes of its own: shapes of `--json`, exit codes, and codes of bad input."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from memmux import Client, limits
from memmux.config.settings import Settings
from memmux.processes import alive
from tests import commands
from tests.bounds import BOUND_S, pause
from tests.commands import MEMMUX, Ended
from tests.integration.helpers import complete, settled, status_until
from tests.sums import added

Memmux = Callable[..., Ended]


@pytest.fixture
def memmux(settings_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str, stdin: bytes = b"") -> Ended:
        return commands.run(arguments, settings_env, cwd=short_tmp, stdin=stdin)

    return run


@pytest.fixture
def sharing(own_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` in a namespace of the test's own, of a cluster that the tests of this module share."""

    def run(*arguments: str, stdin: bytes = b"") -> Ended:
        return commands.run(arguments, own_env, cwd=short_tmp, stdin=stdin)

    return run


def _json(ended: Ended) -> Any:
    assert ended.returncode == 0, ended.stderr.decode()
    return json.loads(ended.stdout)


def _refused(ended: Ended, exit_code: int) -> str:
    """The code of the one line that says why."""
    assert ended.returncode == exit_code, ended
    assert ended.stdout == b""
    (line,) = ended.stderr.decode().splitlines()
    name, code, message = line.split(": ", 2)
    assert name == "memmux"
    assert message
    return code


def test_a_stored_memory_is_found_read_changed_and_deleted(memmux: Memmux, settings: Settings) -> None:
    stored = _json(memmux("store", "the ferry leaves at nine", "--tag", "travel", "--tag", "sea", "--json"))
    assert set(stored) >= {"id", "content_hash", "seq", "status", "indexed"}
    assert stored["status"] == "created"
    assert uuid.UUID(stored["id"]).version == 7
    assert _json(memmux("store", "the ferry leaves at nine", "--json"))["status"] == "duplicate"
    with Client(settings=settings) as client:
        status_until(client, settled)

    found = _json(memmux("search", "ferry", "--tag", "sea", "--json"))
    assert set(found) == {"mode", "degraded", "hits", "notes"}
    assert found["mode"] == "hybrid"
    (hit,) = found["hits"]
    assert set(hit) == {"score", "similarity", "memory"}
    assert hit["memory"]["id"] == stored["id"]

    updated = _json(memmux("update", stored["id"], "--metadata", '{"pier": 4}', "--type", "fact", "--json"))
    assert updated["seq"] > stored["seq"]
    memory = _json(memmux("get", stored["id"], "--json"))
    assert set(memory) >= {"id", "content", "tags", "type", "metadata", "created_at", "updated_at"}
    assert memory["content"] == "the ferry leaves at nine"
    assert (memory["tags"], memory["type"], memory["metadata"]) == (["travel", "sea"], "fact", {"pier": 4})

    page = _json(memmux("list", "--after", "2020-01-01", "--json"))
    assert [listed["id"] for listed in page["memories"]] == [stored["id"]]
    assert page["total"] == 1

    assert _json(memmux("delete", stored["id"], "--json"))["id"] == stored["id"]
    assert _refused(memmux("get", stored["id"]), 1) == "not_found"
    assert _json(memmux("list", "--json")) == {
        "memories": [],
        "total": 0,
        "notes": [],
        "deletions": [],
        "degraded": [],
    }


def test_a_search_says_what_each_score_is_the_sum_of(sharing: Memmux, own_client: Client) -> None:
    status_until(own_client, complete)
    for text in ("the ferry leaves at nine", "a ferry of wood", "the ferryman sleeps"):
        sharing("store", text)
    status_until(own_client, lambda status: status.pending == 0)  # else a search has no meaning to go by
    hits = _json(sharing("search", "wooden ferry", "--why", "--json"))["hits"]
    assert hits
    assert all(added(hit["why"].values()) == hit["score"] for hit in hits)
    shown = sharing("search", "wooden ferry", "--why").stdout.decode().splitlines()
    head = shown.index("why") + 1
    assert shown[head].split() == ["score", "words", "meaning", "memory"]
    best = hits[0]
    *parts, short = shown[head + 1].split()
    assert parts == [f"{value:.3f}" for value in (best["score"], *best["why"].values())]
    assert best["memory"]["id"].startswith(short)


def test_a_new_version_hides_the_old_one_and_a_forget_deletes_both(memmux: Memmux) -> None:
    old = _json(memmux("store", "the ferry leaves at nine", "--tag", "travel", "--json"))
    newer = _json(memmux("update", old["id"], "--content", "the ferry leaves at ten", "--versioned", "--json"))
    shown = memmux("get", old["id"]).stdout.decode()
    assert f"replaced  by {newer['id']}" in shown

    def found(*options: str) -> list[str]:
        answer = _json(memmux("search", "ferry", "--mode", "keyword", *options, "--json"))
        return [hit["memory"]["id"] for hit in answer["hits"]]

    assert found() == [newer["id"]]
    both = found("--include-superseded")
    assert set(both) == {old["id"], newer["id"]}
    assert found("--include-superseded", "--offset", "1") == both[1:]
    assert found("--min-score", "1.5") == []
    assert _json(memmux("list", "--hide-superseded", "--json"))["total"] == 1
    assert _json(memmux("list", "--json"))["total"] == 2

    elsewhere = _json(memmux("store", "another ferry", "--namespace", "other", "--json"))
    assert set(found("--all-namespaces")) == {newer["id"], elsewhere["id"]}
    assert found("--namespace", "OTHER") == [elsewhere["id"]]

    assert _refused(memmux("forget"), 2) == "argument_invalid"
    *meant, last = memmux("forget", "--tag", "travel", "--dry-run").stdout.decode().splitlines()
    assert [line.split()[0] for line in meant[::2]] == [old["id"], newer["id"]]
    assert [line.strip() for line in meant[1::2]] == ["the ferry leaves at nine", "the ferry leaves at ten"]
    assert last == "2 would be deleted"
    assert _json(memmux("forget", "--tag", "travel", "--json"))["count"] == 2
    assert _json(memmux("list", "--all-namespaces", "--json"))["total"] == 1


def test_a_store_names_what_says_nearly_the_same_if_asked(sharing: Memmux) -> None:
    first = _json(sharing("store", "the ferry leaves at nine", "--json"))
    second = _json(sharing("store", "the ferry leaves at nine !", "--similar", "--json"))
    assert second["status"] == "created"
    if first["indexed"] and second["indexed"]:  # else there was no embedder yet
        assert [one["id"] for one in second["similar"]] == [first["id"]]
    assert _json(sharing("store", "something else", "--json"))["similar"] == []


def test_text_can_come_from_standard_input(sharing: Memmux) -> None:
    stored = _json(sharing("store", "-", "--json", stdin="zwölf Äpfel\nund ein Kern\n".encode()))
    assert _json(sharing("get", stored["id"], "--json"))["content"] == "zwölf Äpfel\nund ein Kern"
    changed = _json(sharing("update", stored["id"], "--content", "-", "--json", stdin=b"one pear"))
    assert _json(sharing("get", changed["id"], "--json"))["content"] == "one pear"


def test_content_hash_names_a_memory_too(sharing: Memmux) -> None:
    stored = _json(sharing("store", "by its hash", "--json"))
    assert _json(sharing("get", stored["content_hash"], "--json"))["id"] == stored["id"]


def test_text_for_people_shows_the_memory_and_hides_its_control_characters(sharing: Memmux) -> None:
    memory_id = sharing("store", "a bell \x07 and \x1b[31mred", "--tag", "noise").stdout.split()[0].decode()
    for shown in (sharing("search", "bell"), sharing("list"), sharing("get", memory_id)):
        assert shown.returncode == 0
        assert b"#noise" in shown.stdout
        assert b"a bell \\x07 and \\x1b[31mred" in shown.stdout
        assert b"\x1b" not in shown.stdout
    assert b"degraded" in sharing("search", "bell").stderr  # the hash embedder has no meaning


def _status_when_complete(memmux: Memmux, settings: Settings) -> Any:
    with Client(settings=settings, start=False) as client:
        status_until(client, complete)
    return _json(memmux("status", "--json"))


def test_status_shows_the_running_cluster_and_stop_ends_it(memmux: Memmux, settings: Settings, short_tmp: Path) -> None:
    memmux("store", "something")
    status = _status_when_complete(memmux, settings)
    assert set(status) >= {"state", "pid", "version", "endpoint", "database", "seq", "memories", "model", "workers"}
    assert status["memories"] == 1
    assert status["database"] == str((short_tmp / "data" / "memories.db").resolve())
    assert {worker["kind"] for worker in status["workers"]} == {"embed", "read", "write"}
    assert all({"kind", "pid", "state", "restarts"} <= set(worker) for worker in status["workers"])
    assert {"name", "pid"} <= set(status["clients"][0])
    page = memmux("status")
    assert page.returncode == 0
    assert str(status["pid"]).encode() in page.stdout

    assert _json(memmux("stop", "--json"))["was_running"] is True
    assert not alive(status["pid"])
    assert not any(alive(worker["pid"]) for worker in status["workers"])


def test_status_without_a_cluster_exits_with_three_and_starts_none(memmux: Memmux) -> None:
    stopped = memmux("status", "--json")
    assert stopped.returncode == 3
    assert json.loads(stopped.stdout)["state"] == "stopped"
    assert memmux("status").returncode == 3


def test_stop_without_a_cluster_is_no_failure(memmux: Memmux) -> None:
    stopped = memmux("stop")
    assert stopped.returncode == 0
    assert b"no cluster runs" in stopped.stdout


def test_database_is_accepted_before_and_after_the_command(memmux: Memmux, short_tmp: Path) -> None:
    for arguments in (
        ("--database", "other.db", "status", "--json"),
        ("status", "--database", "other.db", "--json"),
        ("--database", "wrong.db", "status", "--database", "other.db", "--json"),
    ):
        assert json.loads(memmux(*arguments).stdout)["database"] == str((short_tmp / "other.db").resolve())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("store", ""), "content_empty"),
        (("store", " \n"), "content_empty"),
        (("store", "x", "--metadata", "{"), "metadata_invalid"),
        (("store", "x", "--metadata", "[1]"), "metadata_invalid"),
        (("store", "x", "--metadata", '{"a": NaN}'), "metadata_invalid"),
        (("store", "x", "--tag", ""), "tag_invalid"),
        (("search", "x", "--mode", "psychic"), "unknown_mode"),
        (("search", "x", "--limit", "0"), "limit_out_of_range"),
        (("search", "x", "--limit", "many"), "argument_invalid"),
        (("search", "x", "--after", "teatime"), "time_not_understood"),
        (("list", "--limit", "1000000"), "limit_out_of_range"),
        (("list", "--offset", "-1"), "limit_out_of_range"),
        (("update", "some-id"), "argument_invalid"),
        (("search",), "argument_invalid"),
        (("search", "x", "--colour", "red"), "unknown_field"),
        (("remember", "x"), "unknown_operation"),
        (("--readers", "0", "status"), "setting_invalid"),
        (("--embedder", "psychic", "status"), "setting_invalid"),
    ],
)
def test_wrong_usage_exits_with_two_and_one_line_with_its_code(
    memmux: Memmux, arguments: tuple[str, ...], code: str
) -> None:
    assert _refused(memmux(*arguments), 2) == code
    as_json = memmux(*arguments, "--json")
    assert as_json.returncode == 2
    assert json.loads(as_json.stderr)["error"]["code"] == code
    assert memmux("status").returncode == 3, "wrong usage started a cluster"


def test_standard_input_that_is_too_long_or_no_text_is_refused(memmux: Memmux) -> None:
    assert _refused(memmux("store", "-", stdin=b"x" * (limits.CONTENT_BYTES + 1)), 2) == "content_too_long"
    assert _refused(memmux("store", "-", stdin=b"\xff\xfe"), 2) == "argument_invalid"


def test_failure_exits_with_one_and_is_json_when_asked(sharing: Memmux) -> None:
    sharing("store", "x")
    missing = sharing("get", "no-such-memory", "--json")
    assert missing.returncode == 1
    error = json.loads(missing.stderr)["error"]
    assert error["code"] == "not_found"
    assert error["retryable"] is False
    assert _refused(sharing("delete", "no-such-memory"), 1) == "not_found"


def test_reader_that_goes_away_is_no_failure_to_talk_about(sharing: Memmux, own_env: dict[str, str]) -> None:
    sharing("store", "long enough " * 50)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [*MEMMUX, "list", "--json"],
            env=own_env,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=BOUND_S,
            check=False,
        )
    finally:
        os.close(writing)
    assert ended.stderr == b""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="who holds a lock can be seen on Linux")
def test_serve_runs_in_the_foreground_until_interrupted(
    memmux: Memmux, settings: Settings, settings_env: dict[str, str]
) -> None:
    with subprocess.Popen([*MEMMUX, "serve"], env=settings_env, stdout=subprocess.PIPE) as server:
        try:
            _until_locked(Path(f"{settings_env['MEMMUX_DATABASE']}.lock"), server.pid)
            # A client that waits for a cluster in the making finds this one, and starts none of its own.
            memmux("store", "served")
            status = _status_when_complete(memmux, settings)
            assert status["pid"] == server.pid
            assert _refused(memmux("serve"), 1) == "database_in_use"
        finally:
            server.send_signal(signal.SIGINT)
            output, _ = server.communicate(timeout=BOUND_S)
    assert output == b""
    assert not any(alive(worker["pid"]) for worker in status["workers"])


def _until_locked(path: Path, pid: int) -> None:
    """Return once the process holds the lock; to try it oneself could keep that process from getting it."""
    until, locks = time.monotonic() + BOUND_S, Path("/proc/locks")
    while not (path.exists() and re.search(rf" {pid} \S+:{path.stat().st_ino} ", locks.read_text(encoding="ascii"))):
        assert time.monotonic() < until, f"nobody ever held {path}"
        pause()


def _left_on(screen: FileIO) -> bytes:
    """Return what was written to a terminal that nobody writes to any more."""
    shown = b""
    with suppress(OSError):  # on Linux, as which the end is told
        while part := screen.read(1 << 16):
            shown += part
    return shown


def test_terminal_gets_a_table(sharing: Memmux, own_env: dict[str, str]) -> None:
    sharing("store", "something to count")
    main, terminal = pty.openpty()
    try:
        ended = subprocess.run(
            [*MEMMUX, "status"],
            env={**own_env, "TERM": "xterm", "COLUMNS": "120"},
            stdout=terminal,
            timeout=BOUND_S,
            check=False,
        )
    finally:
        os.close(terminal)
        with os.fdopen(main, "rb", buffering=0) as screen:
            shown = _left_on(screen)
    assert ended.returncode == 0
    assert b"\x1b[" in shown
    assert b"embed" in shown


def test_a_namespace_is_named_once_and_found_in_any_case(memmux: Memmux) -> None:
    stored = _json(memmux("--namespace", "Tianda", "store", "the gate opens at nine", "--tag", "Gate", "--json"))
    assert _json(memmux("get", stored["id"], "--namespace", "tianda", "--json"))["namespace"] == "Tianda"
    assert _json(memmux("--namespace", "TIANDA", "list", "--json"))["total"] == 1
    memmux("store", "elsewhere")
    assert memmux("namespaces").stdout.decode().splitlines() == ["1  Tianda", "1  default", "2 of 2"]
    assert _json(memmux("namespaces", "--limit", "1", "--json"))["total"] == 2
    assert memmux("tags", "--namespace", "tianda").stdout.decode().splitlines() == ["1  Gate", "1 of 1"]
    assert _json(memmux("tags", "--all-namespaces", "--json"))["tags"] == [{"name": "Gate", "count": 1}]
    nowhere = memmux("search", "gate", "--mode", "keyword", "--namespace", "garden")
    assert nowhere.stdout.decode() == "nothing found\n"
    assert "memmux: no such namespace 'garden'; there are 'Tianda', 'default'" in nowhere.stderr.decode()
    assert b"there are 'Tianda', 'default'" in memmux("get", stored["id"], "--namespace", "garden").stderr


def test_settings_say_where_each_comes_from_and_what_the_cluster_has(memmux: Memmux) -> None:
    def told(*arguments: str) -> dict[str, Any]:
        return {one["name"]: one for one in _json(memmux(*arguments, "--json"))["settings"]}

    alone = told("settings")
    parts = ("value", "source", "cluster")
    assert [alone["readers"][part] for part in parts] == ["2", "default", None]
    assert alone["database"]["source"] == "MEMMUX_DATABASE"
    memmux("store", "one")
    beside = told("--readers", "3", "settings", "readers", "database")
    assert list(beside) == ["database", "readers"]
    assert [beside["readers"][part] for part in parts] == ["3", "--readers", "2"]
    assert beside["database"]["cluster"] is None  # which is each client's own
    changed = told("settings", "--changed", "--slow-ms", "7")
    assert changed["slow_ms"]["cluster"] == "1000"
    assert "wal_mb" not in changed
    assert _refused(memmux("settings", "reeders"), 2) == "argument_invalid"


def test_a_flag_that_a_running_cluster_does_not_go_by_says_so(memmux: Memmux) -> None:
    assert b"no effect" not in memmux("--readers", "3", "store", "one").stderr  # which started the cluster so
    ended = memmux("list", "--readers", "1", "--json")
    assert ended.returncode == 0
    assert ended.stderr.decode().splitlines() == [
        "memmux: --readers 1 has no effect on the running cluster, which has 3; `memmux restart --readers 1` changes it"
    ]
    for arguments in (("--readers", "3"), ("--namespace", "x"), ("--request-timeout-s", "9")):
        assert b"no effect" not in memmux("list", *arguments).stderr, arguments
    assert memmux("restart", "--readers", "1").returncode == 0
    assert b"no effect" not in memmux("list", "--readers", "1").stderr


def test_the_clusters_of_this_machine_are_listed(memmux: Memmux, settings_env: dict[str, str], short_tmp: Path) -> None:
    assert _json(memmux("clusters", "--json")) == {"clusters": []}
    assert memmux("clusters").stdout == b"no cluster runs; the next client starts one\n"
    memmux("store", "one")
    memmux("--database", str(short_tmp / "other.db"), "store", "two")
    memmux("--database", str(short_tmp / "other.db"), "store", "three")
    found = {cluster["path"]: cluster for cluster in _json(memmux("clusters", "--json"))["clusters"]}
    own = settings_env["MEMMUX_DATABASE"]
    assert {path: cluster["count"] for path, cluster in found.items()} == {own: 1, str(short_tmp / "other.db"): 2}
    assert alive(found[own]["pid"])
    assert found[own]["since"].endswith("+00:00")
    shown = memmux("clusters").stdout.decode()
    assert f"pid {found[own]['pid']}, since " in shown
    for path in found:
        memmux("--database", path, "stop")
    assert _json(memmux("clusters", "--json")) == {"clusters": []}
