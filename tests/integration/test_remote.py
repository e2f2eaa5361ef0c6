"""Clients of other machines, over loopback tcp and CURVE: real processes, real keys, and those who have none."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq

from memmux import AsyncClient, Client
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.errors import (
    AddressUnavailableError,
    ClusterUnreachableError,
    KeyNeededError,
    LocalOnlyError,
)
from memmux.trust import keys, remotes
from memmux.trust.key import Key
from memmux.wire import protocol, sockets
from memmux.wire.curve import Curve, KeyPair
from memmux.wire.grants import Grant
from memmux.wire.protocol import Header, Kind
from memmux.wire.roles import Role
from tests.acceptance.conftest import raw_server
from tests.bounds import AS_USERS, BOUND_S, pause
from tests.integration.helpers import gone, pids_of, status_until
from tests.integration.machines import clients, logged, logged_until, memmux, remote_settings
from tests.ports import free_port

SILENCE_MS = 1500  # without an answer, that a refused client is given to get one
SWEPT_S = 2.5  # twice the sweep, and more
LATE_S = 5.0  # a process that stood still for longer may have missed a heartbeat
ANSWER_MS = round(BOUND_S * 1000)  # that one who is let in waits for it


def test_a_client_with_a_key_works_with_everything(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str]
) -> None:
    with Client(settings=remote_settings(elsewhere, key("ada")), name="laptop") as client:
        stored = client.store("The ferry leaves at nine.", tags=["travel"])
        other = client.store("The parrot lives in Antwerp.")
        (hit,) = client.search("ferry", mode="keyword", why=True).hits
        assert (hit.memory.id, hit.why) == (stored.id, {"words": hit.score})
        assert client.get(stored.id).content == "The ferry leaves at nine."
        assert client.list().total == 2
        updated = client.update(stored.id, tags=["sea"])
        assert updated.seq in {change.seq for change in client.history(stored.id)}
        client.undo(updated.seq)
        assert client.get(stored.id).tags == ("travel",)
        client.delete(other.id)
        client.purge(other.id)
        dumped = client.dump(vectors=True)
        assert client.load(dumped.memories).skipped == 1
        assert client.backup().memories == 1
        assert client.rebuild().texts == 1
        assert client.verify().drifted == 0
        assert "laptop" in clients(client.status())
    assert server.get(stored.id).tags == ("travel",)
    status_until(server, lambda status: "laptop" not in clients(status))


def test_an_asyncio_client_with_a_key_works_and_says_goodbye(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str]
) -> None:
    async def work() -> str:
        async with AsyncClient(settings=remote_settings(elsewhere, key("ada")), name="laptop") as client:
            ids = await asyncio.gather(*(client.store(f"Number {number}.") for number in range(20)))
            assert (await client.list(limit=100)).total == 20
            return ids[0].id

    assert server.get(asyncio.run(work())).content.startswith("Number")
    status_until(server, lambda status: "laptop" not in clients(status))


@pytest.mark.shared
def test_an_mcp_server_with_a_key_works(server: Client, key: Callable[..., Path], elsewhere: dict[str, str]) -> None:
    async def talk() -> dict[str, Any]:
        async with raw_server({**elsewhere, "MEMMUX_REMOTE": str(key("ada", "admin"))}) as host:
            await host.shake_hands()
            stored = await host.call(1, "memory_store", content="The kettle is from 1931.")
            found = await host.call(2, "memory_search", query="kettle", mode="keyword", why=True)
            assert not found.get("isError"), found
            assert [hit["why"] for hit in found["structuredContent"]["hits"]] == [{"words": 1.0}]
            assert not (await host.call(3, "memory_health")).get("isError")
            assert await host.leave() == 0
            return stored

    stored = asyncio.run(talk())
    assert server.get(stored["structuredContent"]["id"]).content == "The kettle is from 1931."
    assert not Path(elsewhere["XDG_DATA_HOME"], "memmux", "memories.db").exists()


def test_connect_makes_it_the_default_and_local_goes_back(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str]
) -> None:
    config = Path(elsewhere["XDG_CONFIG_HOME"], "memmux", "memmux.toml")
    config.parent.mkdir(parents=True)
    config.write_text("# mine\nreaders = 3 # enough\n")
    file = key("ada")
    connected = memmux(elsewhere, "connect", str(file), "--name", "team", "--json")
    assert connected.returncode == 0, connected.stderr
    assert config.read_text().startswith("# mine\nreaders = 3 # enough\n")
    kept = config.parent / "remotes" / "team.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    file.unlink()

    assert memmux(elsewhere, "store", "The tide is at six.").returncode == 0
    assert server.list().total == 1
    shown = memmux(elsewhere, "status").stdout
    assert remotes.read(kept).endpoint in shown
    assert "'ada'" in shown
    doctor = json.loads(memmux(elsewhere, "doctor", "--json").stdout)
    assert doctor["healthy"], doctor
    assert "remote" in {finding["name"] for finding in doctor["findings"]}

    assert memmux(elsewhere, "connect", "--local").returncode == 0
    assert "remote" not in config.read_text()
    assert memmux(elsewhere, "status").returncode == 3
    assert memmux({**elsewhere, "MEMMUX_REMOTE": "team"}, "status").returncode == 0


@pytest.mark.shared
def test_whoever_names_a_database_means_that_one_and_not_the_remote(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str], short_tmp: Path
) -> None:
    del server
    settings = remote_settings(elsewhere, key("ada"))
    with Client(short_tmp / "own.db", settings=settings, start=False) as client:
        assert client.settings.remote is None
        with pytest.raises(ClusterUnreachableError, match=r"own\.db"):
            client.status()


@pytest.mark.shared
@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["stop"],
        ["check"],
        ["restore", "--newest"],
        ["backup", "--to", "/x"],
        ["key", "list"],
        ["key", "revoke", "ada"],
        ["key", "add", "eve", "--role", "read"],
    ],
)
def test_what_is_done_where_the_database_is_says_so(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str], command: list[str]
) -> None:
    env = {**elsewhere, "MEMMUX_REMOTE": str(key("ada"))}
    ended = memmux(env, *command)
    assert ended.returncode == 1
    assert ended.stderr.startswith("memmux: local_only: ")
    assert server.status().state != "draining"
    with Client(settings=load(environment=env)) as client, pytest.raises(LocalOnlyError):
        client.stop()


def _ask(address: str, curve: Curve | None, *, most_ms: int = SILENCE_MS) -> bool:
    """Return whether anybody answers a PING within that time."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        dealer = sockets.dealer(context, address, curve=curve)
        with suppress(zmq.Again):  # it was refused before it could say anything
            dealer.send_multipart(protocol.encode(Header(kind=Kind.PING)), zmq.NOBLOCK)
        return bool(dealer.poll(most_ms))
    finally:
        context.destroy(linger=0)


def test_whoever_has_no_valid_key_gets_silence_and_the_log_says_who(
    server: Client, server_env: dict[str, str], key: Callable[..., Path]
) -> None:
    ada, eve = remotes.read(key("ada")), remotes.read(key("eve"))
    assert memmux(server_env, "key", "revoke", "eve").returncode == 0
    address = server_env["MEMMUX_LISTEN"]
    assert _ask(address, ada.curve, most_ms=ANSWER_MS)

    assert not _ask(address, None)
    logged_until(server_env, "client_refused", lambda line: "no CURVE" in line["reason"])
    assert not _ask(address, Curve(KeyPair.make().public, ada.own))
    assert not _ask(address, Curve(ada.server, KeyPair.make()))
    logged_until(server_env, "client_refused", lambda line: line["reason"] == "unknown key")
    assert not _ask(address, eve.curve)
    line = logged_until(server_env, "client_refused", lambda line: line["reason"] == "revoked key")
    assert (line["key"], line["address"]) == ("eve", "127.0.0.1")
    assert logged(server_env, "client_authenticated")[0]["key"] == "ada"
    assert set(clients(server.status())) - {"cli"} == {"local"}  # that of a command may be there

    everything = (Places(load(environment=server_env)).logs / "router.jsonl").read_text()
    assert not [secret for secret in (ada.own.secret, eve.own.secret) if secret in everything]


@pytest.mark.shared
@pytest.mark.parametrize("who", ["wrong server key", "unknown key", "revoked key"])
def test_a_client_that_is_refused_says_so_within_its_time_with_the_remedy(
    server: Client, server_env: dict[str, str], key: Callable[..., Path], elsewhere: dict[str, str], who: str
) -> None:
    del server
    file = key("ada")
    remote = remotes.read(file)
    match who:
        case "wrong server key":
            file.write_bytes(replace(remote, server=KeyPair.make().public).to_bytes())
        case "unknown key":
            file.write_bytes(replace(remote, own=KeyPair.make()).to_bytes())
        case "revoked key":
            assert memmux(server_env, "key", "revoke", "ada").returncode == 0
    elsewhere = {**elsewhere, "MEMMUX_REQUEST_TIMEOUT_S": "2", AS_USERS: "1"}
    ended = memmux(elsewhere, "--remote", str(file), "list")
    assert ended.returncode == 1
    assert ended.stderr.startswith("memmux: cluster_unreachable: ")
    assert "memmux key list" in ended.stderr
    shown = memmux(elsewhere, "--remote", str(file), "status", "--json")
    assert (shown.returncode, json.loads(shown.stdout)["state"]) == (3, "unreachable")
    refused = memmux(elsewhere, "connect", str(file))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert not Path(elsewhere["XDG_CONFIG_HOME"], "memmux").exists()


def test_a_revoked_key_ends_an_open_session_at_once(
    server: Client, server_env: dict[str, str], key: Callable[..., Path], elsewhere: dict[str, str]
) -> None:
    # More than a client needs to hear that nobody is there: one that stood still meanwhile says that its time is over.
    settings = remote_settings(elsewhere, key("ada"), MEMMUX_REQUEST_TIMEOUT_S="30")
    with Client(settings=settings, name="laptop") as client:
        client.store("Before the key was revoked.", timeout_s=BOUND_S)
        ended = memmux(server_env, "key", "revoke", "ada", "--json")
        assert json.loads(ended.stdout) == {"name": "ada", "revoked": True, "running": True}
        # The command has returned: from now on nothing is done.
        status_until(server, lambda status: clients(status) == ["local"])
        with pytest.raises(ClusterUnreachableError, match="may be revoked"):
            client.store("After the key was revoked.")
    assert [memory.content for memory in server.list()] == ["Before the key was revoked."]
    line = logged_until(server_env, "key_refused", lambda _: True)
    assert (line["key"], line["reason"]) == ("ada", "revoked key")


def test_a_key_that_is_added_while_the_cluster_runs_is_good_at_once(
    server: Client, server_env: dict[str, str], key: Callable[..., Path], elsewhere: dict[str, str]
) -> None:
    del server, server_env
    for number in range(3):
        with Client(settings=remote_settings(elsewhere, key(f"key-{number}")), name="laptop") as client:
            assert client.status().keys == number + 1


@pytest.mark.shared
def test_a_client_waits_for_the_cluster_to_come_back_and_goes_on(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str]
) -> None:
    with Client(settings=remote_settings(elsewhere, key("ada")), name="laptop") as client:
        stored = client.store("The tide is at six.")
        before = server.status()
        os.kill(before.pid, signal.SIGKILL)
        gone(pids_of(before))
        assert server.status().pid != before.pid  # only a client there starts the next one
        assert client.get(stored.id).content == "The tide is at six."


SLEEPER = """
import sys
from memmux import Client
with Client(name="laptop") as client:
    client.status()
    print("here", flush=True)
    sys.stdin.read()
"""


@pytest.mark.shared
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_the_session_of_a_client_that_vanishes_is_ended(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str], end: signal.Signals
) -> None:
    env = {**elsewhere, "MEMMUX_REMOTE": str(key("ada"))}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SLEEPER]
    # In a group of its own, or the system lets it go on when the shell that began the tests in the background ends.
    with subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, process_group=0) as laptop:
        try:
            assert laptop.stdout is not None
            assert laptop.stdout.readline() == b"here\n"
            assert "laptop" in clients(server.status())
            laptop.send_signal(end)  # stopped, it answers as little as a laptop whose lid was closed
            status_until(server, lambda status: "laptop" not in clients(status))
        finally:
            laptop.kill()


@pytest.mark.shared
def test_an_idle_remote_client_keeps_its_session_though_no_process_here_has_its_pid(
    server: Client, key: Callable[..., Path], elsewhere: dict[str, str]
) -> None:
    with Client(settings=remote_settings(elsewhere, key("ada")), name="laptop") as client:
        client._session._hello = {**client._session._hello, "pid": (1 << 22) + 7}  # beyond what Linux gives
        client.status()
        looked = time.monotonic()
        swept = looked + SWEPT_S
        while looked < swept:
            there, before, looked = "laptop" in clients(server.status()), looked, time.monotonic()
            if looked - before > LATE_S:
                client.status()
                swept = looked + SWEPT_S
            else:
                assert there
            pause()
        client.status()


def test_a_cluster_that_nobody_could_use_does_not_begin_to_listen(server_env: dict[str, str]) -> None:
    env = {**server_env, "MEMMUX_LISTEN": f"tcp://0.0.0.0:{free_port()}"}
    ended = memmux(env, "serve")
    assert ended.returncode == 1
    assert ended.stderr.startswith("memmux: key_needed: ")
    assert "memmux key add" in ended.stderr
    with Client(settings=load(environment=env)) as client, pytest.raises(KeyNeededError, match="memmux key add"):
        client.status()
    places = Places(load(environment=env))
    keys.add(places, Key(grant=Grant(name="ada", role=Role.READ), public=KeyPair.make().public, created=1.0))
    with Client(settings=load(environment=env)) as client:
        assert client.status().listen == env["MEMMUX_LISTEN"]


def test_a_taken_port_is_a_clear_error(server_env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        env = {**server_env, "MEMMUX_LISTEN": f"tcp://127.0.0.1:{other.getsockname()[1]}"}
        with (
            Client(settings=load(environment=env)) as client,
            pytest.raises(AddressUnavailableError, match="another program"),
        ):
            client.status()


@pytest.mark.parametrize("listen", ["tcp://127.0.0.1:0", "tcp://::1:7700", "tcp://example.org:7700", "7700"])
def test_an_address_that_can_not_be_listened_at_is_refused_by_the_setting(
    server_env: dict[str, str], listen: str
) -> None:
    ended = memmux(server_env, "serve", "--listen", listen)
    assert ended.returncode == 2
    assert ended.stderr.startswith("memmux: setting_invalid: --listen is ")


def test_the_keys_are_listed_with_what_they_allow(server_env: dict[str, str], key: Callable[..., Path]) -> None:
    key("ada", "write", "--namespace", "a", "--namespace", "b", "--requests-s", "5", "--in-flight", "2")
    key("ci", "read", "--memories", "100")
    memmux(server_env, "key", "revoke", "ci")
    listed = json.loads(memmux(server_env, "key", "list", "--json").stdout)["keys"]
    assert [entry["name"] for entry in listed] == ["ada", "ci"]
    assert listed[0]["namespaces"] == ["a", "b"]
    assert (listed[0]["requests_s"], listed[0]["in_flight"], listed[0]["revoked"]) == (5.0, 2, None)
    assert listed[1]["memories"] == 100
    assert listed[1]["revoked"]
    table = memmux(server_env, "key", "list").stdout
    assert "a, b" in table


def test_a_key_is_not_made_without_its_file_nor_a_file_without_its_key(
    server_env: dict[str, str], key: Callable[..., Path], short_tmp: Path
) -> None:
    file = key("ada")
    before = file.read_bytes()
    taken = memmux(server_env, "key", "add", "eve", "--role", "read", "--out", str(file))
    assert (taken.returncode, file.read_bytes()) == (2, before)
    twice = memmux(server_env, "key", "add", "ada", "--role", "read", "--out", str(short_tmp / "again.json"))
    assert twice.stderr.startswith("memmux: key_name_taken: ")
    assert not (short_tmp / "again.json").exists()
    unknown = memmux({**server_env, "MEMMUX_LISTEN": ""}, "key", "add", "eve", "--role", "read")
    assert "--endpoint" in unknown.stderr
    assert [key.name for key in keys.read(Places(load(environment=server_env))).all] == ["ada"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_broken_file_of_keys_keeps_everybody_out_until_it_is_repaired(
    server: Client, server_env: dict[str, str], key: Callable[..., Path]
) -> None:
    ada = remotes.read(key("ada"))
    file = Places(load(environment=server_env)).keys
    file.chmod(0o644)
    server.status()  # looks at the keys
    assert not _ask(server_env["MEMMUX_LISTEN"], ada.curve)
    assert "chmod 600" in logged_until(server_env, "keys_unreadable", lambda _: True)["error"]
    file.chmod(0o600)
    assert _ask(server_env["MEMMUX_LISTEN"], ada.curve, most_ms=ANSWER_MS)


@pytest.mark.shared
def test_clients_of_another_machine_go_on_through_a_hand_over_which_they_can_not_ask_for(
    server: Client, server_env: dict[str, str], key: Callable[..., Path], elsewhere: dict[str, str]
) -> None:
    with Client(settings=remote_settings(elsewhere, key("ada")), name="laptop") as client:
        stored = client.store("before the handover")
        ended = memmux(server_env, "restart", "--json")
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        assert told["pid"] != told["before"]["pid"]
        assert client.get(stored.id).content == "before the handover"
        assert client.store("after it").seq > stored.seq
        assert server.status().pid == told["pid"]
        assert clients(server.status()).count("laptop") == 1
    refused = memmux({**elsewhere, "MEMMUX_REMOTE": str(key("bob"))}, "restart")
    assert refused.returncode != 0
    assert "machine where the database is" in refused.stderr
    assert server.status().pid == told["pid"]
