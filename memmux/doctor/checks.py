"""The doctor's checks, each of which yields findings: installation, files, logs, settings, adoption, leftovers."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from memmux.client.blocking import Client
from memmux.cluster import endpoint as endpoints
from memmux.cluster import find
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.holder import Holder
from memmux.cluster.ping import full, ping
from memmux.cluster.steps import run
from memmux.config import mms_database, mms_variables, owner, unadopted, variables
from memmux.config.paths import Places
from memmux.config.settings import PREFIX, Settings
from memmux.doctor.finding import Finding, error, ok, warning
from memmux.errors import ClusterUnreachableError, MemmuxError
from memmux.files import presence, replacement
from memmux.mms.report import Report
from memmux.processes import alive
from memmux.trust import remotes
from memmux.version import __version__
from memmux.wire import protocol
from memmux.wire.counts import amount

ROOM_BYTES = 256 << 20  # of free disk, below which a warning is due
LATE = 3  # a newest backup older than so many intervals is a warning
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_CLOUDS = (
    "dropbox",
    "onedrive",
    "icloud",
    "mobile documents",
    "cloudstorage",
    "google drive",
    "googledrive",
    "nextcloud",
    "owncloud",
    "pcloud",
)
"""How the names of folders begin that a program copies to other machines, page by page and behind SQLite's back."""


def of_installation(found: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a worker process finds: interpreter, versions, SQLite, its extension, file system, model."""
    yield ok("interpreter", f"Python {found['python']}, {found['executable']}")
    yield ok("versions", ", ".join(f"{name} {version}" for name, version in found["versions"].items()))
    sqlite, extension = found["sqlite"], found["extension"]
    telling = [option for option in sqlite["options"] if option.startswith(("ENABLE_FTS5", "THREADSAFE", "OMIT_"))]
    if "error" in sqlite:
        yield error("sqlite", f"SQLite {sqlite['version']}: {sqlite['error']}; install apsw again")
    else:
        yield ok("sqlite", f"SQLite {sqlite['version']}, {', '.join(telling)}")
    if "error" in extension:
        yield error("extension", f"sqlite-vec does not load ({extension['error']}); install sqlite-vec again")
    else:
        yield ok("extension", f"sqlite-vec {extension['version']} loads")
    file_system = found["file_system"]
    if "error" in file_system:
        yield error("file_system", file_system["error"])
    else:
        yield ok("file_system", file_system["type"] or "unknown: this system does not tell")
    yield _model(found["model"])


def _model(model: Mapping[str, Any]) -> Finding:
    if "error" in model:
        return error("model", model["error"])
    if "folder" not in model:
        return warning("model", "the hash embedder knows no meaning and is for tests; unset MEMMUX_EMBEDDER")
    return ok("model", f"{model['name']} in {model['folder']}, which {model['backend']} runs")


def of_files(settings: Settings) -> Iterator[Finding]:
    """Yield what folders and files say: clouds, permissions, room, socket paths, and what a crash left behind."""
    places = Places(settings)
    cloud = next((part for part in places.database.parts[:-1] if part.lower().startswith(_CLOUDS)), None)
    if cloud is not None:
        yield error(
            "cloud",
            f"{places.database} is in a folder called {cloud}: a program that copies it to other machines "
            "meanwhile can damage it; name a place elsewhere with MEMMUX_DATABASE, and put backups there",
        )
    folders = {
        "database folder": places.database.parent,
        "state folder": settings.state_dir,
        "cache folder": settings.cache_dir,
    }
    if settings.server is None:
        folders["backups folder"] = places.backups
    for name, folder in folders.items():
        yield _folder(name, folder)
    for name, file in (("database", places.database), ("keys", places.keys), ("curve", places.curve)):
        if presence.seen(file):
            yield _file(name, file)
    yield _room(places.database.parent)
    try:
        clients, _ = places.sockets()
        yield ok("sockets", clients)
    except MemmuxError as failure:
        yield error("sockets", failure.message)
    if settings.server is None:
        yield from _backups(settings)


def of_logs(settings: Settings) -> Iterator[Finding]:
    """Yield where the logs are, how large they are, and whether they may hold contents."""
    folder = Places(settings).logs
    if settings.log_content:
        yield warning("logs", f"{folder} may hold what is stored and asked for; unset MEMMUX_LOG_CONTENT")
    elif folder.is_dir():
        taken = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
        yield ok("logs", f"{taken / (1 << 20):.1f} of {settings.log_mb} MiB in {folder}; `memmux tail` shows them")


def _folder(name: str, folder: Path) -> Finding:
    """Look whether a folder can be written, or made, and by us alone."""
    there = folder
    while not presence.seen(there) and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return error(name, f"{there} can't be written; give yourself write permission, or name another place")
    if there != folder:
        return ok(name, f"{folder} will be made")
    mode = folder.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        return warning(name, f"others can write {folder}; run `chmod go-w {folder}`")
    return ok(name, str(folder))


def _file(name: str, path: Path) -> Finding:
    found = path.stat()
    if whose := owner.of_another(path):
        return error(name, whose)
    if not os.access(path, os.R_OK | os.W_OK):
        return error(name, f"{path} can't be read and written; run `chmod 600 {path}`")
    if found.st_mode & _OTHERS:
        return warning(name, f"others may open {path}; run `chmod 600 {path}`")
    return ok(name, f"{path}, {found.st_size / (1 << 20):.1f} MiB")


def _room(folder: Path) -> Finding:
    while not presence.seen(folder) and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free >> 20} MiB free in {folder}"
    return ok("room", text) if free >= ROOM_BYTES else warning("room", f"{text}; free some space")


def _backups(settings: Settings) -> Iterator[Finding]:
    """Look how old the newest backup is."""
    places = Places(settings)
    try:
        found = [(path.stat().st_mtime, path) for path in places.backups.iterdir() if places.is_backup(path.name)]
    except OSError:
        found = []
    if not settings.backup_interval_s:
        yield warning("backups", "scheduled backups are off; unset MEMMUX_BACKUP_INTERVAL_S, or run `memmux backup`")
    elif not found:
        yield ok("backups", "none yet; the first is made a while after the first memory, or by `memmux backup`")
    else:
        at, path = max(found)
        newer = settings.database.stat().st_mtime - at if presence.seen(settings.database) else 0.0
        late = newer > LATE * settings.backup_interval_s
        text = f"the newest of {len(found)} is {path}"
        yield warning("backups", f"{text}, and old; run `memmux backup`") if late else ok("backups", text)


def _running(endpoint: Endpoint) -> Finding | None:
    """Look at the cluster that runs; None if none does."""
    if alive(endpoint.pid) and ping(endpoint):
        if endpoint.version != __version__ or endpoint.protocol != protocol.VERSION:
            return warning(
                "version skew",
                f"the cluster is memmux {endpoint.version}, this is {__version__}; run `memmux restart` to "
                "have one of this version take over",
            )
        return ok("cluster", f"pid {endpoint.pid} answers at {endpoint.address}, memmux {endpoint.version}")
    if full(endpoint):
        return warning(
            "cluster",
            f"pid {endpoint.pid} has as many connections as it may open files, and lets nobody more in; close clients, "
            "or raise the limit of open files (`ulimit -n`) and start it anew",
        )
    return None


def of_leftovers(settings: Settings) -> Iterator[Finding]:
    """Yield what processes left behind that are gone, and how the cluster that runs, if one does, fits to this one."""
    places = Places(settings)
    if whose := owner.of_another(places.endpoint):
        yield error("cluster", whose)
        return
    endpoint = endpoints.read(places)
    if endpoint is not None and (finding := _running(endpoint)) is not None:
        yield finding
        return
    if (held := Holder.of(places)) is not None:
        yield warning("cluster", f"{held.silence}; its logs are in {places.logs}")
        return
    yield ok("cluster", "none runs; the next client starts one")
    yield from _stale_files(places, endpoint)


def _stale_files(places: Places, endpoint: Endpoint | None) -> Iterator[Finding]:
    """Yield the files that are left while no cluster runs; endpoint: what its file says."""
    if presence.seen(places.endpoint):
        pid = f" of pid {endpoint.pid}, which does not answer" if endpoint is not None else ", which nobody can read"
        yield warning("stale files", f"{places.endpoint} is left{pid}; the next cluster replaces it")
    log = places.database.with_name(f"{places.database.name}-wal")
    if presence.seen(log) and log.stat().st_size:
        yield warning(
            "stale files", f"{log} holds changes that a cluster which did not stop left; the next takes them in"
        )
    with suppress(MemmuxError):
        for socket in (Path(address.removeprefix("ipc://")) for address in places.sockets()):
            if presence.seen(socket):
                yield warning("stale files", f"{socket} is left of a cluster that is gone; the next one replaces it")
    for partial in (*places.backups.glob("*.partial"), replacement.unfinished(places.database)):
        if presence.seen(partial):
            yield warning("stale files", f"{partial} is left of something that was interrupted; remove it")
    if presence.seen(restored := replacement.restored(places.database)):
        yield warning("restore", f"it was interrupted; the next cluster finishes it and serves {restored.name}")


def of_remote(settings: Settings) -> Iterator[Finding]:
    """Yield whether the cluster of another machine answers, and how it is; nothing of that machine's files."""
    assert settings.remote is not None
    remote = remotes.read(settings.remote)
    yield ok("remote", f"{settings.remote.stem} is {remote.endpoint}, with the key {remote.name!r}")
    began = time.monotonic()
    try:
        run(find.reach(remote, 0.0))
    except ClusterUnreachableError as failure:
        yield error("remote", failure.message)
        return
    yield ok("remote", f"it answers, {(time.monotonic() - began) * 1000:.0f} ms with the handshake")
    with Client(settings=settings, name="doctor", start=False) as client:
        status = client.status()
    if status.degraded:
        yield warning(
            "degraded", f"the cluster serves without {', '.join(status.degraded)}; look there what is missing"
        )


def of_adoption(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what came of the adoption that the database began with, and what the first start will adopt."""
    places = Places(settings)
    if not presence.seen(places.database):
        if settings.adopt_from is not None:
            yield ok(
                "adoption", f"the first start adopts {settings.adopt_from}; MEMMUX_ADOPT_FROM=none keeps it from it"
            )
        return
    if (said := unadopted.sentence(settings, environment)) is not None:
        yield ok("adoption", said)
    try:
        report = Report.from_json(orjson.loads(places.adoption.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return  # it began empty, or the state folder was cleaned
    held = f"{amount(report.found.memories, 'memory')} came from {report.source}"
    if report.left_out:
        yield warning("adoption", f"{held}, and {report.left_out} of them were left out; {places.adoption} says which")
    elif report.odd:
        yield ok("adoption", f"{held}; {sum(report.odd.values())} things were odd, see {places.adoption}")
    else:
        yield ok("adoption", held)


def of_mms(environment: Mapping[str, str], cwd: Path, home: Path) -> Iterator[Finding]:
    """Yield which variables of mcp-memory-service are set, with an effect and without."""
    known = mms_database.variables(environment, cwd, home)
    if honoured := mms_variables.honoured(known):
        effects = (f"{name} ({mms_variables.HONOURED[name]})" for name in honoured)
        yield ok("mcp-memory", f"variables of mcp-memory-service that are heeded: {', '.join(effects)}")
    if ignored := mms_variables.ignored(known):
        reasons = ", ".join(f"{name} ({why})" for name, why in ignored.items())
        yield warning("mcp-memory", f"set and without effect: {reasons}; they do no harm, and can be unset")


def of_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the variables that look like settings and are not read."""
    unread = variables.unread(environment)
    empty = sorted(name for name in environment if name.startswith(PREFIX) and not environment[name].strip())
    for name, remedy in unread.items():
        yield warning("settings", f"{name} is set and ignored; {remedy}")
    for name in (name for name in empty if name not in unread):
        yield warning("settings", f"{name} is set to nothing, which is ignored; unset it, or give it a value")
    if not unread and not empty:
        yield ok("settings", "every MEMMUX_ variable that is set is read")
