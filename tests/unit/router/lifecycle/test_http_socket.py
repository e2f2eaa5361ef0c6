"""The HTTP socket: bound, passed on to a successor with all that waits there, and refused where it is not safe."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import KeyNeededError, SettingInvalidError
from memmux.trust import keys, tokens
from memmux.trust.key import Key
from memmux.wire.grants import Grant
from router.lifecycle import http_socket
from router.lifecycle.http_socket import UNAVAILABLE, HttpSocket
from tests import certificate
from tests.bounds import BOUND_S
from tests.ports import free_port


@pytest.fixture
def place(settings: Settings) -> Path:
    settings.database.parent.mkdir()
    Places(settings).sockets()
    return Places(settings).mcp_socket.with_name("http")


@pytest.fixture
def served(settings: Settings) -> Settings:
    return replace(settings, http=f"127.0.0.1:{free_port()}")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_socket, "ASK_S", BOUND_S)


@contextmanager
def _passing_on(holder: HttpSocket) -> Iterator[None]:
    """Have the holder answer one that asks, as the router's loop does."""
    asked = holder.polled()
    assert asked is not None

    def answer() -> None:
        select.select([asked], [], [], BOUND_S)
        holder.pass_on()

    answering = threading.Thread(target=answer)
    answering.start()
    yield
    answering.join()


def _accepted(holder: HttpSocket) -> bytes:
    """What the first connection that waits at the holder's socket has said."""
    assert holder.descriptor is not None
    with closing(socket.fromfd(holder.descriptor, socket.AF_INET, socket.SOCK_STREAM)) as listener:
        select.select([listener], [], [], BOUND_S)
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(BOUND_S)
            return accepted.recv(16)


def _say(settings: Settings, word: bytes) -> None:
    assert settings.http is not None
    with socket.create_connection(("127.0.0.1", int(settings.http.rpartition(":")[2]))) as guest:
        guest.sendall(word)


def test_without_the_setting_there_is_none(settings: Settings, place: Path) -> None:
    none = HttpSocket(settings, place, successor=False)
    none.open(0.0)
    none.publish()
    assert (none.descriptor, none.url, none.troubles, none.polled()) == (None, "", (), None)


def test_a_successor_gets_the_very_socket_with_who_waits_there(served: Settings, place: Path) -> None:
    first, second = HttpSocket(served, place, successor=False), HttpSocket(served, place, successor=True)
    first.open(0.0)
    first.publish()
    _say(served, b"before")
    with _passing_on(first):
        second.open(0.0)
    first.close()
    _say(served, b"after")
    assert [_accepted(second), _accepted(second)] == [b"before", b"after"]
    assert second.url == f"http://{served.http}"
    second.close()


def test_any_port_stays_the_same_for_a_successor_and_another_host_is_bound_anew(
    settings: Settings, place: Path
) -> None:
    anywhere = replace(settings, http="127.0.0.1:0")
    with ExitStack() as ended:
        first = HttpSocket(anywhere, place, successor=False)
        ended.callback(first.close)
        first.open(0.0)
        first.publish()
        for wanted, same in (("127.0.0.1:0", True), (f"127.0.0.1:{free_port()}", False), ("127.0.0.2:0", False)):
            later = HttpSocket(replace(settings, http=wanted), place, successor=True)
            ended.callback(later.close)
            with _passing_on(first):
                later.open(0.0)
            assert (later.url == first.url) is same
            assert later.troubles == ()


def test_a_successor_of_a_router_that_passes_nothing_on_binds_its_own(served: Settings, place: Path) -> None:
    alone = HttpSocket(served, place, successor=True)
    alone.open(0.0)
    assert alone.url == f"http://{served.http}"
    alone.close()


def test_a_successor_of_a_router_that_stands_still_gets_the_socket_once_that_goes_on(
    served: Settings, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_socket, "ASK_S", 0.01)
    first, second = HttpSocket(served, place, successor=False), HttpSocket(served, place, successor=True)
    first.open(0.0)
    first.publish()
    _say(served, b"before")
    for _ in range(2):
        second.open(0.0)
        assert (second.descriptor, second.url, tuple(second.troubles)) == (None, "", (UNAVAILABLE,))
    first.pass_on()
    first.close()
    second.open(0.0)
    assert _accepted(second) == b"before"
    assert (second.url, tuple(second.troubles)) == (f"http://{served.http}", ())
    second.close()


def test_a_successor_of_a_router_that_ends_without_an_answer_binds_its_own(
    served: Settings, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_socket, "ASK_S", 0.01)
    first, second = HttpSocket(served, place, successor=False), HttpSocket(served, place, successor=True)
    first.open(0.0)
    first.publish()
    second.open(0.0)
    assert second.descriptor is None
    first.close()
    second.open(0.0)
    assert (second.url, tuple(second.troubles)) == (f"http://{served.http}", ())
    second.close()


def test_a_port_that_is_taken_is_said_and_tried_again(served: Settings, place: Path) -> None:
    assert served.http is not None
    late = HttpSocket(served, place, successor=False)
    with socket.create_server(("127.0.0.1", int(served.http.rpartition(":")[2]))):
        late.open(0.0)
        assert (late.descriptor, late.url, tuple(late.troubles)) == (None, "", (UNAVAILABLE,))
    late.open(http_socket.AGAIN_S / 2)
    assert late.troubles, "it is not tried all the time"
    late.open(http_socket.AGAIN_S)
    assert (late.url, tuple(late.troubles)) == (f"http://{served.http}", ())
    late.close()


def test_what_the_gateway_can_not_serve_has_no_url_and_is_said(settings: Settings, place: Path) -> None:
    held = HttpSocket(replace(settings, http="127.0.0.1:0"), place, successor=False)
    held.open(0.0)
    held.unserved = "tls_key /k.pem can't be read"
    assert (held.url, tuple(held.troubles)) == ("", (UNAVAILABLE,))
    assert held.descriptor is not None, "the gateway has it, and tries again"
    held.unserved, held.renewal_due = "", True
    assert held.troubles == ("certificate_renewal_due",)
    held.renewal_due = False
    assert held.url.startswith("http://")
    assert not held.troubles
    held.close()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "10.0.0.5:0"])
def test_beyond_this_machine_it_needs_tls_and_a_token(settings: Settings, place: Path, address: str) -> None:
    del place
    wide = replace(settings, http=address)
    with pytest.raises(SettingInvalidError, match=r"--tls-cert and --tls-key.*--behind-proxy.*127\.0\.0\.1"):
        http_socket.check(wide)
    http_socket.check(replace(wide, behind_proxy=True))


def test_with_tls_it_needs_a_token_yet(settings: Settings, place: Path, tmp_path: Path) -> None:
    del place
    pem = certificate.make(tmp_path)
    wide = replace(settings, http="0.0.0.0:0", tls_cert=pem, tls_key=pem)
    with pytest.raises(KeyNeededError, match="memmux key add NAME --http"):
        http_socket.check(wide)
    keys.add(Places(settings), Key(grant=Grant(name="guest"), token=tokens.digest("mmx_some"), created=0.0))
    http_socket.check(wide)
    with pytest.raises(SettingInvalidError, match="belong together"):
        http_socket.check(replace(wide, tls_key=None))
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(SettingInvalidError, match=r"no certificate and its key"):
        http_socket.check(replace(wide, tls_key=tmp_path / "no.pem"))


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "127.0.0.5:1"])
def test_on_this_machine_it_needs_neither(settings: Settings, address: str) -> None:
    http_socket.check(replace(settings, http=address))
