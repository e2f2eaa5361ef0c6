"""The round trip: a memory goes all the way through the live cluster, and is purged again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.doctor import silent
from memmux.doctor.finding import Finding, Level
from memmux.errors import DatabaseInUseError, MemmuxError, NotFoundError
from memmux.wire.ids import uuid7
from memmux.wire.requests import Mode

NAMESPACE = "memmux-doctor"


def of_round_trip(settings: Settings) -> Iterator[Finding]:
    """Store, read, find, delete and purge a memory, and yield how each went; starts a cluster if none runs.

    One that is starting is waited for, and one that has served and answers nobody is not.
    """
    with Client(settings=settings, name="doctor") as client:
        try:
            if (held := silent.holder(settings)) is not None and held.listening:
                raise DatabaseInUseError(held.silence)
            yield from _steps(client)
        except MemmuxError as failure:
            yield Finding("round_trip", Level.ERROR, f"{failure.code}: {failure.message}")


def _steps(client: Client) -> Iterator[Finding]:
    began = time.monotonic()
    word = f"trip{uuid7().replace('-', '')}"  # one token, which is in no other memory
    content = f"{word} is what memmux doctor stored to see whether it is found again"
    stored = client.store(content, namespace=NAMESPACE)
    try:
        told = []
        if client.get(stored.id, namespace=NAMESPACE).content != content:
            told.append("it was read with another content")
        for mode in (Mode.EXACT, Mode.KEYWORD, Mode.HYBRID):
            hits = client.search(word, mode=mode, namespace=NAMESPACE).hits
            if stored.id not in [hit.memory.id for hit in hits]:
                told.append(f"a {mode} search did not find it")
    finally:
        client.delete(stored.id, namespace=NAMESPACE)
    try:
        client.get(stored.id, namespace=NAMESPACE)
        told.append("it could still be read after it was deleted")
    except NotFoundError:
        pass
    try:
        client.purge(stored.id, namespace=NAMESPACE)
    except MemmuxError as failure:
        yield Finding(
            "round_trip", Level.WARNING, f"its memory was deleted and not purged: {failure.code}: {failure.message}"
        )
    ms = (time.monotonic() - began) * 1000
    if told:
        yield Finding(
            "round_trip", Level.ERROR, f"a memory was stored, but {', '.join(told)}; run `memmux check --deep`"
        )
    else:
        yield Finding("round_trip", Level.OK, f"stored, read, found and removed in {ms:.0f} ms")
    status = client.status()
    if status.switch:
        yield Finding("switch", Level.WARNING if "lost" in status.switch else Level.OK, status.switching())
    degraded = status.degraded
    if degraded or stored.degraded:
        codes = ", ".join(sorted({*degraded, *stored.degraded}))
        yield Finding("degraded", Level.WARNING, f"the cluster serves without {codes}; `memmux status` says more")
