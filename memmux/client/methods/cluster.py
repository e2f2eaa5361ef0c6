"""The cluster: its state, its end, backups and repairs."""

from __future__ import annotations

from pathlib import Path

import orjson

from memmux.client.calls import TIMEOUT_MOST_S, Call
from memmux.config import typed
from memmux.wire import requests
from memmux.wire.answers import Backup, Rebuilt, Status, Verified
from memmux.wire.protocol import Message


def status(*, timeout_s: float | None = None) -> Call[Status]:
    """Return the state of the cluster, its workers and its clients.

    Returns a `Status`; a client with a key is told what its key lets it know.
    """
    return Call(operation="cluster.status", read=_status, timeout_s=timeout_s)


def stop(*, timeout_s: float | None = None) -> Call[None]:
    """Ask the cluster to answer what is in flight and to exit."""
    return Call(operation="cluster.stop", read=lambda _: None, timeout_s=timeout_s)


def backup(
    *, to: str | Path | None = None, key: str | None = None, timeout_s: float | None = TIMEOUT_MOST_S
) -> Call[Backup]:
    """Make a backup while the cluster serves, and check it.

    to: a folder of the machine of the database; None for that of the settings, where only so many backups are kept.

    Returns a `Backup`, once the file is there.

    Raises BackupFailedError, and StorageFullError where there is no room for it.
    """
    arguments = requests.Backup(to=None if to is None else str(typed.path(to)))
    return Call(operation="admin.backup", body=arguments.to_body(), read=_backup, key=key, timeout_s=timeout_s)


def rebuild(*, key: str | None = None, timeout_s: float | None = TIMEOUT_MOST_S) -> Call[Rebuilt]:
    """Build every index and counter anew from the memories; other writes wait meanwhile.

    Returns a `Rebuilt`.
    """
    body = requests.Nothing().to_body()
    return Call(operation="admin.rebuild", body=body, read=_rebuilt, key=key, timeout_s=timeout_s)


def verify(*, timeout_s: float | None = TIMEOUT_MOST_S) -> Call[Verified]:
    """Have one read worker compare the vectors that it keeps in memory with the database.

    Returns a `Verified`.
    """
    return Call(operation="admin.verify", body=requests.Nothing().to_body(), read=_verified, timeout_s=timeout_s)


def _status(message: Message) -> Status:
    return Status.from_body(message.body)


def _backup(message: Message) -> Backup:
    return Backup(**orjson.loads(message.body))


def _rebuilt(message: Message) -> Rebuilt:
    return Rebuilt(**orjson.loads(message.body))


def _verified(message: Message) -> Verified:
    return Verified(**orjson.loads(message.body))
