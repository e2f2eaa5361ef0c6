from __future__ import annotations

import psycopg
import pytest

from memmux.errors import (
    ArgumentInvalidError,
    DatabaseCorruptError,
    DatabaseMissingError,
    DatabaseUnreachableError,
    MemmuxError,
    SchemaWrongError,
    SettingInvalidError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
)
from workers.storage.postgres.errors import errors, mapped


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", StorageFullError),
        ("53300", StorageBusyError),
        ("53200", StorageBusyError),
        ("53400", StorageBusyError),
        ("40001", StorageBusyError),
        ("40P01", StorageBusyError),
        ("55P03", StorageBusyError),
        ("42501", StoragePermissionError),
        ("28P01", StoragePermissionError),
        ("3D000", DatabaseMissingError),
        ("XX001", DatabaseCorruptError),
        ("XX002", DatabaseCorruptError),
        ("58030", StorageError),
        ("57014", StorageError),
        ("57P01", DatabaseUnreachableError),
        ("57P03", DatabaseUnreachableError),
        ("08006", DatabaseUnreachableError),
        ("25006", DatabaseUnreachableError),
        ("25P03", DatabaseUnreachableError),
        ("25P04", DatabaseUnreachableError),
        ("26000", SettingInvalidError),
        ("42P05", SettingInvalidError),
        ("3F000", SettingInvalidError),
        ("42P01", SchemaWrongError),
        ("42703", SchemaWrongError),
        ("42804", SchemaWrongError),
        ("23514", SchemaWrongError),
        ("0A000", SchemaWrongError),
        ("P0001", SchemaWrongError),
        ("22P02", SchemaWrongError),
        ("XX000", StorageError),
    ],
)
def test_a_state_of_the_server_is_said_as_what_it_means(state: str, kind: type[MemmuxError]) -> None:
    assert type(mapped(psycopg.errors.lookup(state)("what it says\nDETAIL: a secret"))) is kind


def test_a_connection_that_is_gone_may_be_tried_again() -> None:
    found = mapped(psycopg.OperationalError("server closed the connection unexpectedly\n\tThis probably means"))
    assert isinstance(found, DatabaseUnreachableError)
    assert found.retryable
    assert found.message.endswith("(PostgreSQL: server closed the connection unexpectedly)")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('password authentication failed for user "ann"', StoragePermissionError),
        ('no pg_hba.conf entry for host "::1", user "ann", database "memmux", no encryption', StoragePermissionError),
        ('role "ann" does not exist', StoragePermissionError),
        ('permission denied for database "memmux"', StoragePermissionError),
        ('database "memmux" does not exist', DatabaseMissingError),
        ("connection requires a valid client certificate", StoragePermissionError),
        ("the database system is starting up", DatabaseUnreachableError),
        ("sorry, too many clients already", DatabaseUnreachableError),
        ('too many connections for role "ann"', DatabaseUnreachableError),
        ('too many connections for database "memmux"', DatabaseUnreachableError),
        ("remaining connection slots are reserved for roles with SUPERUSER", DatabaseUnreachableError),
        ('database "memmux" is not currently accepting connections', DatabaseUnreachableError),
        ("Passwort-Authentifizierung für Benutzer »ann« fehlgeschlagen", DatabaseUnreachableError),
    ],
)
def test_who_is_refused_at_the_door_is_told_why(said: str, kind: type[MemmuxError]) -> None:
    error = psycopg.OperationalError(f'connection failed: connection to server on socket "/x" failed: FATAL:  {said}')
    assert type(mapped(error)) is kind


def test_a_server_that_takes_no_more_connections_is_said_to() -> None:
    for said in ("sorry, too many clients already", 'too many connections for role "ann"'):
        found = mapped(psycopg.OperationalError(f"connection failed: FATAL:  {said}"))
        assert "max_connections" in str(found)


def test_what_a_server_says_in_another_language_is_known_by_its_state() -> None:
    found = mapped(psycopg.errors.lookup("53100")("konnte Datei nicht erweitern: kein Platz"))
    assert isinstance(found, StorageFullError)


_AT = 'connection failed: connection to server at "::1", port 5432 failed: '


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError(f"{_AT}server does not support SSL, but SSL was required"),
        psycopg.OperationalError(f'{_AT}root certificate file "/root/.postgresql/root.crt" does not exist'),
        psycopg.OperationalError(f"{_AT}SSL error: certificate verify failed"),
        psycopg.OperationalError(f'{_AT}server certificate for "h1" does not match host name "h2"'),
        psycopg.OperationalError(f"{_AT}channel binding required, but SSL not in use"),
        psycopg.OperationalError(f'{_AT}FATAL:  unrecognized configuration parameter "x"'),
        psycopg.OperationalError('connection is bad: invalid sslmode value: "always"'),
        psycopg.OperationalError('connection is bad: definition of service "memmux" not found'),
        psycopg.OperationalError("could not match 3 port numbers to 2 hosts"),
        psycopg.ProgrammingError('invalid URI query parameter: "x"'),
        psycopg.ProgrammingError('invalid percent-encoded token: "%zz"'),
    ],
)
def test_a_connection_that_can_not_be_made_as_it_is_asked_for_is_a_fault_of_the_setting(error: psycopg.Error) -> None:
    found = mapped(error)
    assert isinstance(found, SettingInvalidError)
    assert not found.retryable
    assert str(error).rpartition(": ")[2] in found.message


@pytest.mark.parametrize(
    ("second", "kind"), [("Connection refused", DatabaseUnreachableError), ("certificate expired", SettingInvalidError)]
)
def test_of_several_servers_one_that_may_come_back_is_waited_for(second: str, kind: type[MemmuxError]) -> None:
    said = f"{_AT}SSL error: certificate verify failed\nMultiple connection attempts failed. All failures were:\n"
    each = f"- host: 'a', port: None: {_AT}SSL error: certificate verify failed\n- host: 'b', port: None: {second}"
    assert type(mapped(psycopg.OperationalError(said + each))) is kind


def test_nul_is_a_fault_of_the_request() -> None:
    refused = mapped(psycopg.errors.lookup("22021")('invalid byte sequence for encoding "UTF8": 0x00'))
    assert isinstance(refused, ArgumentInvalidError)
    assert "NUL" in refused.message
    assert isinstance(
        mapped(psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")), ArgumentInvalidError
    )


@pytest.mark.parametrize("state", ["22P02", "P0001", "38000"])
def test_what_may_repeat_a_memory_is_not_repeated(state: str) -> None:
    found = mapped(psycopg.errors.lookup(state)("a secret"))
    assert "secret" not in str(found)
    assert state in str(found)


@pytest.mark.parametrize("error", [psycopg.DataError("x"), psycopg.ProgrammingError()])
def test_a_mistake_of_ours_stays_one(error: psycopg.Error) -> None:
    assert mapped(error) is None
    with pytest.raises(type(error)), errors():
        raise error
