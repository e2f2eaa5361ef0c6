"""Who can't connect is told why by the SQLSTATE, whatever language the server speaks."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from memmux.errors import (
    DatabaseMissingError,
    DatabaseUnreachableError,
    MemmuxError,
    SettingInvalidError,
    StoragePermissionError,
)
from tests.bounds import BOUND_S
from workers.storage.postgres import engine, refusal
from workers.storage.postgres.engine import Role


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONNECT_S", int(BOUND_S))
    monkeypatch.setattr(engine, "ALL_S", int(BOUND_S))
    monkeypatch.setattr(engine, "REFUSAL_S", BOUND_S)


_ASKS_FOR_A_PASSWORD = b"R\x00\x00\x00\x08\x00\x00\x00\x03"


def refusing(state: str, said: str) -> bytes:
    """Return the message of a server that refuses, in its language."""
    fields = f"SFATAL\0VFATAL\0C{state}\0M{said}\0\0".encode()
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


@contextmanager
def server(answer: bytes) -> Iterator[str]:
    """A server that says the same to whoever connects; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    with listening.accept()[0] as guest:
                        guest.recv(4096)
                        guest.sendall(answer)
                        guest.recv(4096)  # until it has read that
                except OSError:
                    return

        Thread(target=serve, daemon=True).start()
        yield f"postgresql://ann@127.0.0.1:{listening.getsockname()[1]}/memmux?sslmode=disable&gssencmode=disable"
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("state", "said", "kind"),
    [
        ("28P01", "Passwort-Authentifizierung für Benutzer »ann« fehlgeschlagen", StoragePermissionError),
        ("28000", "Rolle »ann« existiert nicht", StoragePermissionError),
        ("42501", "keine Berechtigung für Datenbank »memmux«", StoragePermissionError),
        ("3D000", "Datenbank »memmux« existiert nicht", DatabaseMissingError),
        ("53300", "tut mir leid, schon zu viele Verbindungen", DatabaseUnreachableError),
        ("57P03", "das Datenbanksystem startet", DatabaseUnreachableError),
        ("42704", "unbekannter Konfigurationsparameter »x«", SettingInvalidError),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_a_refusal_is_known_by_its_state(role: Role, state: str, said: str, kind: type[MemmuxError]) -> None:
    with server(refusing(state, said)) as url, pytest.raises(MemmuxError) as refused:
        engine.connect(url, role)
    assert type(refused.value) is kind
    assert said in refused.value.message
    assert ("max_connections" in refused.value.message) is (state == "53300")


def test_a_password_that_is_asked_for_and_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    with server(_ASKS_FOR_A_PASSWORD) as url, pytest.raises(StoragePermissionError, match="pgpass"):
        engine.connect(url, Role.READ)


def test_where_nobody_listens_there_is_no_state() -> None:
    assert refusal.state({"host": "127.0.0.1", "port": "1"}, time.monotonic() + BOUND_S) == ""
