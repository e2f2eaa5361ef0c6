"""What reaches a terminal: no text of a memory, a path or an error forges a line, and no stream ends in a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from tests import commands
from tests.bounds import BOUND_S
from tests.commands import MEMMUX
from tests.integration.helpers import complete, status_until

FORGED = "FORGED"
EVIL = "".join(
    f"{mark}{FORGED}" for mark in ("\n", "\r", "\x1b[2K\x1b[1A", "\u2028", "\u2029", "\x85", "\x9b1A", "\x0b", "\x08")
)
EVIL += "\u202e\u2066\u2067\u2068\u2069\tEND"
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

Ended = subprocess.CompletedProcess[str]
Memmux = Callable[..., Ended]


@pytest.fixture
def memmux(settings_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str, **env: str) -> Ended:
        return commands.text(commands.run(arguments, {**settings_env, **env}, cwd=short_tmp))

    return run


def _harmless(ended: Ended) -> None:
    """Fail if something that was printed begins a line of its own, or is obeyed by a terminal."""
    for shown in (ended.stdout, ended.stderr):
        assert not OBEYED.search(shown), ended
        assert not re.search(f"(?m)^[ \t]*{FORGED}", shown), ended
        assert "Traceback" not in shown, ended


def test_no_listing_is_forged_by_what_was_stored(memmux: Memmux, settings_env: dict[str, str], short_tmp: Path) -> None:
    settings = load(environment=settings_env)
    # A path is one component's bytes: no longer than a file name, and without a slash.
    source = short_tmp / f"a{EVIL}.md"
    source.write_text(f"# title{EVIL}\n", encoding="utf-8")
    with Client(settings=settings, name="test") as client:
        namespace = f"space{EVIL}"
        stored = client.store(
            f"ferry{EVIL}",
            tags=[f"tag{EVIL}"],
            type=f"type{EVIL}",
            metadata={f"key{EVIL}": EVIL},
            namespace=namespace,
        )
        client.search("ferry", namespace=namespace)
        change = client.history(stored.id, namespace=namespace)[0].seq
        place = ("--namespace", namespace)
        for arguments in (
            ("list", *place),
            ("search", "ferry", *place),
            ("history", stored.id, *place),
            ("status",),
            ("top", "--once"),
            ("tail", "--lines", "all"),
            ("tail", "--lines", "all", "--client", f"client{EVIL}"),
            ("doctor",),
            ("ingest", str(source), *place),
            ("ingest", str(short_tmp / f"none{EVIL}"), *place),
            ("forget", "--source", str(short_tmp / f"none{EVIL}"), *place),
            ("update", stored.id, "--type", f"other{EVIL}", *place),
            ("key", "add", f"name{EVIL}", "--role", "read", "--endpoint", "tcp://127.0.0.1:1"),
            ("key", "add", "ada", "--role", "read", *place, "--endpoint", "tcp://h:1", "--out", f"{source}.key"),
            ("key", "list"),
            ("key", "revoke", f"name{EVIL}"),
            ("connect", str(short_tmp / f"none{EVIL}")),
            ("export", str(short_tmp / f"out{EVIL}.jsonl")),
            ("import", str(short_tmp / f"out{EVIL}.jsonl")),
            ("import", str(short_tmp / f"none{EVIL}")),
            ("backup", "--to", str(short_tmp / f"to{EVIL}")),
            ("restore", str(short_tmp / f"none{EVIL}")),
            ("check",),
            ("service", "status"),
            ("install", "cursor", "--project", str(short_tmp / f"none{EVIL}")),
            ("install", f"nosuch{EVIL}"),
            ("install", "--shadow", "--to", str(short_tmp / f"to{EVIL}")),
            ("get", f"none{EVIL}"),
            ("undo", str(change)),
            ("purge", stored.id, "--yes", *place),
            (f"command{EVIL}",),
            ("list", f"--option{EVIL}"),
            ("list", "--limit", f"many{EVIL}"),
            ("list", "--when", f"then{EVIL}"),
        ):
            _harmless(memmux(*arguments))


def test_no_line_is_forged_by_the_name_of_a_database(memmux: Memmux, short_tmp: Path) -> None:
    named = ("--database", str(short_tmp / f"d{EVIL}.db"))
    try:
        for arguments in (
            ("status",),
            ("stop",),
            ("top", "--once"),
            ("tail",),
            ("check",),
            ("key", "list"),
            ("service", "status"),
            ("store", "something"),
            ("status",),
            ("backup",),
            ("restart",),
            ("restore", "--newest"),
        ):
            _harmless(memmux(*named, *arguments))
    finally:
        memmux(*named, "stop")


def test_memory_that_is_shown_whole_is_obeyed_by_no_terminal(memmux: Memmux, settings_env: dict[str, str]) -> None:
    with Client(settings=load(environment=settings_env), name="test") as client:
        stored = client.store(f"ferry{EVIL}", type=f"type{EVIL}", tags=[EVIL], metadata={"key": EVIL})
    ended = memmux("get", stored.id)
    assert not OBEYED.search(ended.stdout.replace("\tEND", "END")), ended
    head, _, content = ended.stdout.partition("\n\n")
    assert not re.search(f"(?m)^[ \t]*{FORGED}", head), head
    assert content.startswith(f"ferry\n{FORGED}")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8:strict"])
def test_characters_that_the_encoding_lacks_are_escaped(memmux: Memmux, own_env: dict[str, str], encoding: str) -> None:
    stored = json.loads(memmux("store", "日本 ✓", "--type", "né", "--tag", "тег", "--json", **own_env).stdout)
    for arguments in (
        ("list",),
        ("search", "日本"),
        ("get", stored["id"]),
        ("status",),
        ("top", "--once"),
        ("doctor",),
    ):
        ended = subprocess.run(
            [*MEMMUX, *arguments],
            env={**own_env, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            capture_output=True,
            timeout=BOUND_S,
            check=False,
        )
        assert b"Traceback" not in ended.stderr
        ended.stdout.decode(encoding.partition(":")[0])
        if arguments[0] in ("list", "search", "get") and not encoding.startswith("utf"):
            assert rb"\u65e5\u672c" in ended.stdout
    as_json = memmux("list", "--json", **own_env, PYTHONIOENCODING=encoding, LC_ALL="C", PYTHONUTF8="0")
    assert json.loads(as_json.stdout)["memories"][0]["content"] == "日本 ✓"


def _shell(env: dict[str, str], line: str) -> Ended:
    """Run a line of a shell, in which `memmux` is the command, to its end."""
    command = f'memmux() {{ "{sys.executable}" -P -m memmux "$@"; }}\n{line}'
    return subprocess.run(
        ["/bin/bash", "-c", command], env=env, capture_output=True, encoding="utf-8", timeout=BOUND_S, check=False
    )


def _failure(ended: Ended) -> str:
    """The message of the one line that says that standard output failed."""
    (line,) = ended.stderr.splitlines()
    if line.startswith("{"):
        error = json.loads(line)["error"]
        assert error["code"] == "output_failed"
        return str(error["message"])
    assert line.startswith("memmux: output_failed: "), line
    return line.removeprefix("memmux: output_failed: ")


LISTINGS = ["status", "list", "list --json", "top --once", "tail", "--help"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_output_that_does_not_fit_is_a_failure_that_says_so(own_client: Client, own_env: dict[str, str]) -> None:
    own_client.store("something")
    for listing in [*LISTINGS, "export -"]:
        ended = _shell(own_env, f"memmux {listing} >/dev/full")
        assert _failure(ended).startswith("standard output can't be written: no space left"), listing
        assert ended.returncode == 1


def test_output_that_is_closed_is_a_failure_that_says_so(own_client: Client, own_env: dict[str, str]) -> None:
    own_client.store("something")
    for listing in [*LISTINGS, "export -"]:
        ended = _shell(own_env, f"memmux {listing} >&-")
        assert _failure(ended).startswith("standard output can't be written: it is closed"), listing
        assert ended.returncode == 1


def test_reader_that_has_seen_enough_ends_a_command_quietly(own_client: Client, own_env: dict[str, str]) -> None:
    status_until(own_client, complete)  # or else a listing says what more it lacks
    for number in range(30):
        own_client.store(f"memory {number}: " + "long " * 500)
    for listing in [*LISTINGS, "list --limit 30 --json", "export -"]:
        ended = _shell(own_env, f'memmux {listing} | true; exit "${{PIPESTATUS[0]}}"')
        assert ended.stderr == "" or ended.stderr.startswith("memmux: degraded: hash_embedder: "), listing
        assert ended.returncode in (0, 141), listing


@pytest.mark.parametrize("broken", ["2>/dev/full", "2>&-", "2> >(true)", "<&- 2>&-"])
def test_errors_that_nobody_can_read_change_nothing(own_client: Client, own_env: dict[str, str], broken: str) -> None:
    if "full" in broken and not Path("/dev/full").exists():
        pytest.skip("a device that is always full")
    own_client.store("something")
    found = _shell(own_env, f"memmux search something {broken}")
    assert (found.returncode, "something" in found.stdout) == (0, True), found
    missing = _shell(own_env, f"memmux get none {broken}")
    assert (missing.returncode, missing.stdout) == (1, ""), missing
    assert _shell(own_env, f"memmux list --limit 0 {broken}").returncode == 2


def test_closed_standard_input_is_an_empty_one(settings_env: dict[str, str]) -> None:
    ended = _shell(settings_env, "memmux store - <&-")
    assert ended.stderr.startswith("memmux: content_empty: ")
    assert ended.returncode == 2


def test_document_is_json_whatever_bytes_a_path_has(settings_env: dict[str, str], short_tmp: Path) -> None:
    path = os.fsencode(short_tmp) + b"/d\xff.db"
    ended = subprocess.run(
        [*MEMMUX, "--database", path, "status", "--json"],
        env=settings_env,
        capture_output=True,
        timeout=BOUND_S,
        check=False,
    )
    assert ended.returncode == 2, ended
    assert json.loads(ended.stdout or ended.stderr)["error"]["code"] == "setting_invalid"
