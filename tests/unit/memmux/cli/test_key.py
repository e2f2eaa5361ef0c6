"""Keys without a cluster: what no key is bound to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memmux.cli import key
from memmux.cli.main import USAGE, run
from memmux.cluster.endpoint import Endpoint
from memmux.config.loader import load
from memmux.wire import protocol
from tests.unit.memmux.client.peer import Peer


def test_no_key_is_bound_to_a_namespace_that_means_all(short_tmp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = short_tmp / "memories.db"
    assert run(["key", "add", "ada", "--role", "read", "--namespace", "*", "--database", str(database)]) == USAGE
    assert capsys.readouterr().err.startswith("memmux: argument_invalid: --namespace is '*', which means all of them")
    assert not list(short_tmp.iterdir())


@pytest.fixture
def database(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database that nobody has made yet, in the working directory."""
    for kind in ("RUNTIME", "STATE", "CACHE"):
        monkeypatch.setenv(f"MEMMUX_{kind}_DIR", str(short_tmp / kind))
    (short_tmp / "memmux.toml").touch()
    monkeypatch.setenv("MEMMUX_CONFIG", str(short_tmp / "memmux.toml"))
    monkeypatch.delenv("MEMMUX_LISTEN", raising=False)
    monkeypatch.chdir(short_tmp)
    return short_tmp / "memories.db"


def _add(database: Path, endpoint: str) -> int:
    return run(["--database", str(database), "key", "add", "ada", "--role", "read", "--endpoint", endpoint])


@pytest.mark.parametrize(
    ("endpoint", "proposed"),
    [
        ("tcp://127.0.0.1:7702", "tcp://127.0.0.1:7702"),
        ("tcp://localhost:7702", "tcp://127.0.0.1:7702"),
        ("tcp://[::1]:7702", "tcp://[::1]:7702"),
        ("tcp://10.0.0.5:7702", "tcp://10.0.0.5:7702"),
        ("tcp://desk.local:7702", "tcp://*:7702"),
    ],
)
def test_where_to_listen_is_proposed_by_where_the_client_comes_to(
    database: Path, endpoint: str, proposed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _add(database, endpoint) == 0
    said = capsys.readouterr().out
    assert f'listen = "{proposed}"' in said
    assert f"`memmux serve --listen {proposed}`" in said


@pytest.mark.parametrize("runs", [True, False])
def test_who_has_set_listen_is_not_told_to_set_it(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, runs: bool
) -> None:
    (database.parent / "memmux.toml").write_text('listen = "tcp://127.0.0.1:7702"\n')
    if runs:
        here = Endpoint("ipc:///nowhere", os.getpid(), "0", protocol.VERSION)
        monkeypatch.setattr(key.endpoints, "read", lambda _: here)
        monkeypatch.setattr(key, "_known", lambda *_: False)
    assert _add(database, "tcp://127.0.0.1:7702") == 0
    said = capsys.readouterr().out
    assert ("`memmux restart`" in said) is runs
    assert "listen = " not in said


def test_a_key_that_is_there_is_named_before_its_file(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _add(database, "tcp://127.0.0.1:7702") == 0
    assert _add(database, "tcp://127.0.0.1:7702") != 0
    assert "key_name_taken: there is a key 'ada'" in (said := capsys.readouterr().err)
    assert "`memmux key revoke ada`" in said
    assert run(["--database", str(database), "key", "revoke", "ada"]) == 0
    assert _add(database, "tcp://127.0.0.1:7702") == USAGE
    assert "remove it" in capsys.readouterr().err


def test_what_is_said_of_a_revoked_key_says_what_it_means(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _add(database, "tcp://127.0.0.1:7702") == 0
    capsys.readouterr()
    assert run(["--database", str(database), "key", "revoke", "ada"]) == 0
    assert capsys.readouterr().out == "revoked 'ada': it lets nobody in any more\n"


def test_the_token_of_a_new_key_is_shown_though_the_cluster_does_not_answer(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key, "TAKEN_S", 0.2)
    with Peer(load({"database": database}), lambda _: []):
        assert run(["--database", str(database), "key", "add", "ada", "--role", "read", "--http"]) == 1
    shown = capsys.readouterr()
    assert "is the token of the key 'ada'" in shown.out
    assert "the key is changed, but the cluster has not said" in shown.err


@pytest.mark.parametrize("http", ["none", "true"])
def test_who_has_no_http_is_told_to_switch_it_on_and_is_given_no_address(
    database: Path, capsys: pytest.CaptureFixture[str], http: str
) -> None:
    (database.parent / "memmux.toml").write_text(f'http = "{http}"\n')
    assert run(["--database", str(database), "key", "add", "ada", "--role", "read", "--http"]) == 0
    shown = capsys.readouterr().out
    assert ("http = true" in shown, "curl" in shown) == ((True, False) if http == "none" else (False, True))
