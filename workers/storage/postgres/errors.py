"""The errors of PostgreSQL and its driver, as memmux's: what each means to a user, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from memmux.errors import (
    ArgumentInvalidError,
    DatabaseCorruptError,
    DatabaseMissingError,
    DatabaseUnreachableError,
    DeadlineExceededError,
    MemmuxError,
    SchemaWrongError,
    SettingInvalidError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
)

UNPREPARED = ("26000", "42P05")  # a statement is not prepared, or is already, as somebody else has the session
READ_ONLY = "25006"  # what a primary of before says to a write

_BY_STATE: tuple[tuple[str, type[MemmuxError]], ...] = (
    ("53100", StorageFullError),
    ("53", StorageBusyError),  # no connection left, or no room for a temporary file
    ("40", StorageBusyError),  # of two transactions one must begin again, or a replica had to go on
    ("55P03", StorageBusyError),
    ("42501", StoragePermissionError),
    ("28", StoragePermissionError),  # the user, or the password
    ("3D000", DatabaseMissingError),
    ("XX001", DatabaseCorruptError),
    ("XX002", DatabaseCorruptError),
    ("58", StorageError),  # the system's
    ("08", DatabaseUnreachableError),
    ("57P", DatabaseUnreachableError),
    (READ_ONLY, DatabaseUnreachableError),
    ("25P03", DatabaseUnreachableError),  # the server ended a session that was idle, or slow, for too long
    ("25P04", DatabaseUnreachableError),
    ("57014", StorageError),  # cancelled, by none of ours
    ("22021", ArgumentInvalidError),  # NUL in a text
    ("22P05", ArgumentInvalidError),  # NUL in JSON
    ("26000", SettingInvalidError),
    ("42P05", SettingInvalidError),
    ("3F000", SettingInvalidError),
)
"""The beginnings of SQLSTATE, and what they mean; any other is `_OTHERS`, or a failure of the server's."""

_OTHERS = ("42", "23", "22", "55", "P0", "27", "44", "0A", "21", "2F", "38", "39")
"""What a server says that finds another object than memmux made: table, column, constraint, trigger, rule or type."""
_UNQUOTED = ("22", "P0", "38")
"""Of those the ones whose words may have what a memory says, or what a trigger makes of it."""

_CONNECTING: tuple[tuple[str, type[MemmuxError]], ...] = (
    ("53", DatabaseUnreachableError),  # it takes no more connections
    ("42704", SettingInvalidError),  # a parameter of the URL that the server does not know, or a value of one
    ("22023", SettingInvalidError),
)
"""What some mean to who connects."""

_REFUSED: tuple[tuple[str, type[MemmuxError]], ...] = (
    ("too many c", DatabaseUnreachableError),  # clients already, or connections for a role or a database
    ("connection slots are reserved", DatabaseUnreachableError),
    ("not currently accepting connections", DatabaseUnreachableError),
    ("authentication failed", StoragePermissionError),
    ("no password supplied", StoragePermissionError),
    ("no pg_hba.conf entry", StoragePermissionError),
    ("permission denied", StoragePermissionError),
    ('role "', StoragePermissionError),
    ("valid client certificate", StoragePermissionError),
    ('database "', DatabaseMissingError),
)
"""Parts of what a server says to who connects, in English; of any other `refusal` finds the SQLSTATE."""

_MISTAKEN = re.compile(
    r"SSL was required|encryption required|channel binding required|authentication method requirement"
    r"|\bcertificate\b|private key|definition of service|service file|invalid [\w ]*value\b|could not match \d+"
    r"|invalid URI|invalid percent-encoded|invalid connection option|unrecognized configuration parameter"
    r"|requires a value"
)
"""What is said of a connection that can't be made as it is asked for, which no waiting heals."""

NUL = "a text holds the character NUL, which PostgreSQL can't keep; leave it out"
_REMEDIES: dict[type[MemmuxError], str] = {
    DatabaseMissingError: "PostgreSQL has no such database; make it with createdb, or name another in MEMMUX_DATABASE",
    StoragePermissionError: (
        "PostgreSQL refuses this user; correct the user in MEMMUX_DATABASE or the password in ~/.pgpass, or grant it "
        "the rights"
    ),
    SettingInvalidError: (
        "no connection can be made as MEMMUX_DATABASE asks for it; correct its parameters, which are libpq's, or the "
        "files that they name, or the server"
    ),
    StorageFullError: "the disk of PostgreSQL is full; free some space and send the request again. Nothing was lost",
    StorageBusyError: "PostgreSQL is busy with others; send the request again",
    DatabaseCorruptError: "PostgreSQL found the database damaged; stop the cluster, and restore a backup or fail over",
}

_NO_POOLER = (
    "the connection has lost its prepared statements, as through a pooler in transaction mode, which does not work; "
    "name the servers themselves in MEMMUX_DATABASE, or a pooler in session mode"
)
NO_SCHEMA = (
    "the search_path of this user names no schema of its own; run: ALTER ROLE … RESET search_path, or the same of the "
    "database"
)
_CROWDED = (
    "a server takes no more connections; raise max_connections, or the limit of the role or the database, or have "
    "fewer readers. It is asked again"
)
_BY_CASE: Mapping[str, str] = {
    "26000": _NO_POOLER,
    "42P05": _NO_POOLER,
    "3F000": NO_SCHEMA,
    "53300": _CROWDED,
    "too many c": _CROWDED,
    "connection slots are reserved": _CROWDED,
}
"""What to do in a case of a kind that has another remedy, by its SQLSTATE or the part of what is said."""


def mapped(error: psycopg.Error) -> MemmuxError | None:
    """Return the error that a user should see; None if it is a mistake in this program, which no server has seen."""
    state = error.sqlstate
    if state is None:
        if isinstance(error, psycopg.DataError) and "NUL" in str(error):
            return ArgumentInvalidError(NUL)
        if _is_mistaken(error):
            return told(SettingInvalidError, error)
        if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return None
        fatal = str(error).partition("FATAL:")[2]
        part, kind = next(((part, kind) for part, kind in _REFUSED if part in fatal), ("", DatabaseUnreachableError))
        return told(kind, error, _BY_CASE.get(part))
    meant = next((kind for beginning, kind in _BY_STATE if state.startswith(beginning)), None)
    if meant is not None:
        return told(meant, error, _BY_CASE.get(state))
    kind = SchemaWrongError if state.startswith(_OTHERS) else StorageError
    said = f"SQLSTATE {state}" if state.startswith(_UNQUOTED) else first_line(error)
    return kind(f"{kind().message} (PostgreSQL: {said})")


def refused(error: psycopg.Error, state: str) -> MemmuxError:
    """Return the error of who can't connect, by the SQLSTATE with which a server says why."""
    known = (*_CONNECTING, *_BY_STATE)
    meant = next((kind for beginning, kind in known if state.startswith(beginning)), DatabaseUnreachableError)
    return told(meant, error, _BY_CASE.get(state))


def _is_mistaken(error: psycopg.Error) -> bool:
    """Return whether no server of those that were tried can be reached as it is asked for."""
    tried = [line for line in str(error).splitlines() if line.startswith("- host:")] or [str(error)]
    return all(_MISTAKEN.search(said) for said in tried) and "valid client certificate" not in str(error)


def told(kind: type[MemmuxError], error: psycopg.Error, remedy: str | None = None) -> MemmuxError:
    """Return the error of a kind with what PostgreSQL says; remedy: where it is another than that of the kind."""
    if kind is DeadlineExceededError:
        return kind()
    if kind is ArgumentInvalidError:
        return kind(NUL)
    return kind(f"{remedy or _REMEDIES.get(kind, kind().message)} (PostgreSQL: {first_line(error)})")


def first_line(error: psycopg.Error) -> str:
    """Return what PostgreSQL says, without what it says beside; it names no value, which could be a memory's."""
    said = error.diag.message_primary or str(error)
    return said.partition("\n")[0].strip()


@contextmanager
def errors() -> Iterator[None]:
    """Raise PostgreSQL's errors inside the block as memmux's."""
    try:
        yield
    except psycopg.Error as error:
        if (ours := mapped(error)) is not None:
            raise ours from error
        raise
