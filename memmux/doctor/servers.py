"""The servers of a database on PostgreSQL, each asked by itself: versions, roles, replication, rights, indexes."""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from memmux import named_queries
from memmux.config.settings import Settings
from memmux.config.usable import driver_missing
from memmux.doctor.finding import Finding, error, ok, warning
from memmux.postgres import own_tools

CONNECT_S = 5
OLDEST = 150_000  # PostgreSQL 15, as servers number their versions
CATCH_UP_S = 1.0  # in which a replica may replay what it lacks
LATE_BYTES, LATE_S = 16 << 20, 10.0  # of a replica, beyond which a warning is due
FULL = 0.9  # of the connections that a server takes
CHECK_MS = 20_000  # for all indexes

_SQL = named_queries.load(Path(__file__).parent / "sql" / "servers.sql")
_FOR_FILES = ("backups_dir", "backup_interval_s", "backup_keep", "wal_mb")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: where it is, the connection to it, and what it says of itself."""

    name: str
    connection: Any
    version: str
    number: int
    is_replica: bool


def of_servers(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield how the servers of the database are, one after the other, and what they are to each other.

    Nothing where the database is a file.
    """
    if settings.server is None:
        return
    try:
        import psycopg  # only where the database is on PostgreSQL
    except ImportError:
        yield error("servers", driver_missing())
        return
    yield ok("driver", f"psycopg {version('psycopg')} with libpq {psycopg.pq.version_pretty(psycopg.pq.version())}")
    yield from _password_file(environment)
    with ExitStack() as open_connections:
        servers: list[Server] = []
        for name, address in _addresses(settings):
            try:
                server = _connected(name, address)
            except psycopg.Error as failure:
                yield error("servers", f"{name}: {_said(failure)}")
                continue
            open_connections.callback(server.connection.close)
            servers.append(server)
            yield from _alone(server)
        yield from _together(servers, settings.server)
    yield from _without_effect(settings)


def _addresses(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each server that the URLs name, once: what people call it, and how to connect to it alone."""
    from psycopg.conninfo import conninfo_to_dict

    seen = set()
    for url in (settings.server, settings.read_server):
        given = {**conninfo_to_dict(url or ""), "target_session_attrs": "any", "connect_timeout": CONNECT_S}
        hosts, ports = (str(given.get(name) or "").split(",") for name in ("host", "port"))
        for place, host in enumerate(hosts):
            port = ports[place] if len(ports) == len(hosts) else ports[0]
            name = f"{host or 'local socket'}{f':{port}' if port else ''}"
            if name not in seen:
                seen.add(name)
                yield name, {**given, "host": host or None, "port": port or None}


def _connected(name: str, address: dict[str, Any]) -> Server:
    import psycopg

    connection = psycopg.connect(autocommit=True, application_name="memmux doctor", **address)
    try:
        text, number, is_replica, *_ = _row(connection, "server")
    except BaseException:
        connection.close()
        raise
    return Server(name, connection, text.partition(" ")[0], number, is_replica)


def _alone(server: Server) -> Iterator[Finding]:
    """Yield what a server is, and what of its settings would lose what is acknowledged."""
    _, _, _, encrypted, local, encoding, fsync, pages, most, used = _row(server.connection, "server")
    role, how = "replica" if server.is_replica else "primary", "TLS" if encrypted else "no TLS"
    said = f"{server.name}: PostgreSQL {server.version}, {role}, {how}, {used} of {most} connections"
    if server.number < OLDEST:
        yield error("servers", f"{said}; memmux needs PostgreSQL 15 or later")
    elif used >= FULL * most:
        yield warning("servers", f"{said}; raise max_connections, or have fewer readers")
    else:
        yield ok("servers", said)
    if not encrypted and not local:
        yield warning(
            "servers", f"{server.name}: what it is told is not encrypted; add ?sslmode=verify-full to the URL"
        )
    if encoding != "UTF8":
        yield error("servers", f"{server.name}: the database has the encoding {encoding}; make it anew with UTF8")
    for name, value in (("fsync", fsync), ("full_page_writes", pages)):
        if value == "off":
            yield error(
                "servers", f"{server.name}: {name} is off, so a crash can lose what was acknowledged; set it on"
            )


def _together(servers: Sequence[Server], url: str) -> Iterator[Finding]:
    """Yield what the servers are to each other."""
    primaries = [server for server in servers if not server.is_replica]
    if not primaries:
        yield error(
            "primary", "no server takes writes: promote a replica, or start the primary; `memmux docs scale` says how"
        )
        return
    if len(primaries) > 1:
        names = " and ".join(server.name for server in primaries)
        yield error("primary", f"{names} take writes, each by itself; stop the one of before at once")
        return
    (primary,) = primaries
    replicas = [server for server in servers if server.is_replica]
    yield from _rights(primary)
    yield from _replication(primary, len(replicas))
    for replica in replicas:
        yield _lag(primary, replica)
    yield _indexes(primary, own_tools.amcheck(url))


def _rights(primary: Server) -> Iterator[Finding]:
    """Yield what the user may not do."""
    _, _, read_only, user, schema, creates, _ = _row(primary.connection, "primary")
    denied = [name for (name,) in primary.connection.execute(_SQL["denied"]).fetchall()]
    if read_only:
        yield error("rights", f"transactions of {user} only read by default (default_transaction_read_only); unset it")
    if schema is None or not creates:
        yield error("rights", f"{user} may make no tables; run: ALTER DATABASE … OWNER TO {user}")
    elif denied:
        yield error(
            "rights",
            f"{user} may not write {', '.join(denied)}; run: GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {user}",
        )
    else:
        yield ok("rights", f"{user} may make and write the tables in {schema}")


def _replication(primary: Server, known: int) -> Iterator[Finding]:
    """Yield whether what is acknowledged is on a replica, too."""
    names, commit, *_, monitors = _row(primary.connection, "primary")
    followers = primary.connection.execute(_SQL["followers"]).fetchall()
    waited_for = [name for name, _, sync in followers if sync in ("sync", "quorum")]
    said = (
        f"{primary.name} is followed by {', '.join(name or 'one without a name' for name, *_ in followers) or 'none'}"
    )
    if not names:
        text = f"{said}, and waits for none: what it just acknowledged is lost with it"
        yield (
            warning("replication", f"{text}; name one in synchronous_standby_names")
            if known
            else ok(
                "replication", f"{said}; a replica, named in synchronous_standby_names, would keep what is acknowledged"
            )
        )
    elif waited_for:
        yield ok("replication", f"{said}; each commit waits for {', '.join(waited_for)} ({commit})")
    elif followers and not monitors:
        yield ok("replication", f"{said}; synchronous_standby_names is {names}; grant pg_monitor to see whom it meets")
    else:
        yield error(
            "replication",
            f"{said}, and none of synchronous_standby_names ({names}) is there, so each commit waits for ever; start "
            "one, or name others and reload",
        )


def _lag(primary: Server, replica: Server) -> Finding:
    """Return how late a replica is."""
    (at,) = _row(primary.connection, "position")
    deadline = time.monotonic() + CATCH_UP_S
    while True:
        replayed, newest, receives, paused = _row(replica.connection, "replica")
        # By the primary's clock alone, as the replica's may be another.
        behind, seconds = _row(primary.connection, "behind", at=at, replayed=replayed or at, newest=newest)
        if behind <= 0 or not receives or paused or time.monotonic() > deadline:
            break
        time.sleep(0.1)  # what was written a moment ago, after hours without a change, is no delay of hours
    behind = max(behind, 0)
    said = f"{replica.name} is {behind / (1 << 20):.1f} MiB behind"
    if paused:
        return warning("lag", f"{said}, and its replay is paused; run: SELECT pg_wal_replay_resume()")
    if not receives:
        return error("lag", f"{said}, and receives nothing; look at primary_conninfo and at its log")
    late = seconds if behind and seconds is not None else 0.0
    if behind > LATE_BYTES or (late > LATE_S and math.isfinite(late)):
        return warning("lag", f"{said}, {late:.0f} s; readers ask the primary instead; look at its disk and network")
    return ok("lag", said)


def _indexes(primary: Server, line: str) -> Finding:
    """Have PostgreSQL look through the indexes, if it can; line: the command that does it otherwise."""
    import psycopg

    connection = primary.connection
    if not _row(connection, "amcheck")[0]:
        return ok("indexes", f"not looked at: amcheck is not there; as a superuser, {line} installs and runs it")
    indexes = connection.execute(_SQL["indexes"]).fetchall()
    try:
        connection.execute(f"SET statement_timeout = {CHECK_MS}")
        for _, index in indexes:
            connection.execute(_SQL["check_index"], {"index": index})
    except psycopg.errors.InsufficientPrivilege:
        return ok("indexes", f"not looked at: the user may not run amcheck; {line} does it as a superuser")
    except psycopg.errors.QueryCanceled:
        return ok("indexes", f"they are too large to be looked at here; as a superuser, {line} does it")
    except psycopg.Error as failure:
        return error("indexes", f"{_said(failure)}; run REINDEX DATABASE, and `memmux backup` names backups")
    return ok("indexes", f"amcheck found nothing in {len(indexes)}")


def _password_file(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a password file that libpq takes for none, as others may read it."""
    file = Path(environment.get("PGPASSFILE") or "~/.pgpass").expanduser()
    with suppress(OSError):
        if file.stat().st_mode & _OTHERS:
            yield warning("password", f"others may open {file}, so it is not heeded; run `chmod 600 {file}`")
        elif not os.access(file, os.R_OK):
            yield warning("password", f"{file} can't be read; give yourself read permission")


def _without_effect(settings: Settings) -> Iterator[Finding]:
    """Yield the settings that are for files."""
    usual = Settings()
    named = [name for name in _FOR_FILES if getattr(settings, name) != getattr(usual, name)]
    if named:
        yield warning("settings", f"{', '.join(named)}: without effect for a database on PostgreSQL; they can be unset")


def _row(connection: Any, query: str, **values: object) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(_SQL[query], values).fetchone()
    return row


def _said(failure: Exception) -> str:
    """Return what PostgreSQL says, in a line."""
    return " ".join(str(failure).split())
