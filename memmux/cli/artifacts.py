"""Artifacts: what memmux has made on this machine for its user, and how each part is removed.

Nothing is taken for ours by its place alone: an entry of a client must run memmux, a service bears our mark, a database
our header, a folder of sockets or logs the name that is made of a database's, a model our lock beside it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from memmux.cli import client_keys, clusters, output, own_files
from memmux.cli.own_files import OwnFiles
from memmux.client.blocking import Client
from memmux.cluster import holder, service
from memmux.cluster.holder import Holder
from memmux.cluster.steps import run
from memmux.config import mms_database
from memmux.config.loader import config_file
from memmux.config.paths import Places, runtime_folder
from memmux.config.settings import Settings
from memmux.doctor.hosts import files
from memmux.errors import ClientFileError, ClusterUnreachableError, MemmuxError
from memmux.hosts import entry as entries
from memmux.hosts import install as plans
from memmux.hosts import shadow, toml_edit, writing
from memmux.hosts.catalogue import Host
from memmux.hosts.config_file import Document, Edit, Server
from memmux.hosts.entry import OURS
from memmux.hosts.machine import Machine
from memmux.trust import remotes, secret_files
from memmux.wire.counts import amount

CLIENT = "client"
DATA = "memories"  # the kind that is only removed when it is asked for
_DIGEST = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """One thing that memmux made. kind: of which sort. what: where it is, for people.

    stays: why it is never removed, as what stands among memmux's and is another's; empty for what may go.
    database: whose memories these are; None for everything else.
    """

    kind: str
    what: str
    remove: Callable[[], None] = field(repr=False)
    stays: str = ""
    database: Path | None = None


def every(settings: Settings, machine: Machine, executable: Path) -> Iterator[Artifact]:
    """Yield what there is, in the order in which it is to be removed: first what would start a cluster again.

    machine: whose clients' files count. executable: the interpreter, beside which console scripts are.
    """
    yield from _entries(settings, machine)
    yield from _scripts(executable.parent)
    for found in service.every(settings, home=machine.home, platform=machine.platform, environment=machine.environment):
        yield Artifact("service", str(found.path), _does(service.uninstall, found))
    known = list(dict.fromkeys((settings.database, *clusters.databases(settings))))
    for database in known:
        places = Places(replace(settings, database=database, server=None, adopt_from=None, remote=None))
        if Holder.of(places) is not None:
            yield Artifact("cluster", f"running for {database}", _does(_stop, places))
    for name, find in (("models", own_files.of_models), ("bench", own_files.of_bench)):
        yield from _found("cache", settings.cache_dir / name, partial(find, settings.cache_dir / name))
    yield from _sockets(settings, known)
    yield from _remotes(config_file())
    for database in known:
        yield from _data(replace(settings, database=database))
    yield from _logs(settings.state_dir / "logs")  # last, as they say which databases there are


def folders(settings: Settings) -> list[Path]:
    """Return the folders that memmux made for all of it, the innermost first: they go if nothing is left in them."""
    config = config_file().parent
    made = (
        *(settings.state_dir / "logs", settings.state_dir, settings.cache_dir, runtime_folder(settings)),
        *(config / "remotes", config, Settings().database.parent),
    )
    return [folder for folder in made if folder.is_dir() and not folder.is_symlink()]


def _does(act: Callable[[Any], object], thing: Any) -> Callable[[], None]:
    def remove() -> None:
        act(thing)

    return remove


def _entries(settings: Settings, machine: Machine) -> Iterator[Artifact]:
    """Yield the entries in clients' files, of the user and of the project in the working directory, and old copies."""
    seen = set[Path]()
    for client, file, _ in files(machine, mms_database.folders()[0]):
        if (real := file.resolve()) in seen:
            continue
        seen.add(real)
        try:
            document = Document.of(client, file)
            names = ", ".join(_called(document, server) for server in _servers(document))
            for server in document.servers(shadow.shadows):
                if stays := _stays(document, server):
                    yield Artifact(CLIENT, f"{_called(document, server)} in {file}", _nothing, stays)
        except ClientFileError:  # it is told when the entry is to go
            names = "an entry, perhaps, that can't be read,"
        if names:
            yield Artifact(CLIENT, f"{names} in {file}", _does(_leave, (settings, client, file)))
        for copy in writing.backups(file):
            yield Artifact("copy of a client's file", str(copy), _does(Path.unlink, copy))


def _servers(document: Document) -> list[Server]:
    """Return the entries of memmux that go."""
    found = document.servers(shadow.shadows)
    return [server for server in found if server.kind in OURS and not _stays(document, server)]


def _called(document: Document, server: Server) -> str:
    return server.name if server.path == document.at(server.name) else f"{server.name} for {server.path[1]}"


def _stays(document: Document, server: Server) -> str:
    """Return why an entry that runs memmux stays; empty if it goes, or runs something else."""
    if server.kind not in OURS:
        return ""
    if server.path != document.at(server.name) and not _is_here(server.path[1]):
        return "run this in the folder of that project"
    return "" if server.entry is None or entries.plain(server.entry) else "memmux did not write it"


def _is_here(folder: str) -> bool:
    try:
        return Path(folder).samefile(Path.cwd())
    except (OSError, ValueError):
        return False


def _leave(place: tuple[Settings, Host, Path]) -> None:
    """Take every entry of memmux out of a client's file."""
    settings, client, file = place
    document = Document.of(client, file)
    servers = _servers(document)
    if len(servers) == 1 and servers[0].path == document.at(servers[0].name):
        plan = plans.uninstall(document, shadow.shadows, name=servers[0].name)
    else:
        after = document.edited([Edit(server.path) for server in servers]).encode()
        plan = plans.Plan(file, "", plans.Status.REMOVED, document.content, after, private=document.private)
    copy = plan.apply(datetime.now().astimezone())
    for sentence in client_keys.end(settings, client, plan):
        output.note(sentence)
    if copy is not None and plan.after is None:
        copy.unlink(missing_ok=True)  # of a file that memmux had made


def _scripts(folder: Path) -> Iterator[Artifact]:
    for script in shadow.uninstall(folder, dry_run=True):
        if script.status is shadow.Status.REMOVED:
            yield Artifact("script", str(script.path), _does(Path.unlink, script.path))


def _stop(places: Places) -> None:
    with Client(settings=places.settings, name="cli", start=False) as client:
        try:
            client.stop()
        except ClusterUnreachableError:
            if (held := Holder.of(places)) is not None:
                run(holder.end(places, held))


def _named(folder: Path) -> list[Path]:
    """Return the folders in a folder that are named by a database's digest."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in inside if _DIGEST.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]


def _sockets(settings: Settings, known: Sequence[Path]) -> Iterator[Artifact]:
    """Yield the sockets of these databases, those that logs are of, and the remotes; others have theirs beside.

    Routes are of all that is there: they go with the last sockets.
    """
    ours = {Places(replace(settings, database=database)).digest for database in known}
    ours |= {path.name for path in _named(settings.state_dir / "logs")}
    kept = remotes.folder(config_file()).glob("*.json")
    ours |= {Places(replace(settings, remote=path.resolve())).mcp_socket.parent.name for path in kept}
    there = _named(runtime_folder(settings))
    meant = [path for path in there if path.name in ours]
    if meant:
        yield Artifact("sockets", f"{meant[0].parent} ({amount(len(meant), 'folder')})", _does(_remove_all, meant))
    if meant == there:
        routes = runtime_folder(settings) / "routes"
        yield from _found("sockets", routes, partial(own_files.of_routes, routes))


def _remotes(config: Path) -> Iterator[Artifact]:
    for path in sorted(remotes.folder(config).glob("*.json")):
        try:
            remotes.Remote.from_bytes(secret_files.read(path), path)
        except (OSError, MemmuxError):
            continue  # nothing that `memmux connect` wrote
        yield Artifact("key of a remote", str(path), _does(Path.unlink, path))
    text = config.read_text(encoding="utf-8-sig") if config.is_file() else ""
    if re.search(r"^remote\s*=", text, re.MULTILINE):
        yield Artifact("setting", f"remote in {config}", _does(_forget_remote, config))


def _forget_remote(config: Path) -> None:
    """Take the remote out of the settings; a file that says nothing else goes."""
    after = toml_edit.drop(config.read_bytes().decode(), ("remote",))
    if after.removeprefix("\ufeff").strip():
        secret_files.write(config, after.encode(), config.stat().st_mode & 0o777)
    else:
        config.unlink()


def _data(settings: Settings) -> Iterator[Artifact]:
    """Yield a database with all that belongs to it."""
    for found in _found(DATA, settings.database, partial(own_files.of_database, settings)):
        yield replace(found, database=settings.database) if found.kind == DATA else found


def _logs(folder: Path) -> Iterator[Artifact]:
    """Yield, as one, the logs of every database."""
    yield from _found("logs", folder, partial(own_files.of_logs, folder))


def _found(kind: str, place: Path, find: Callable[[], OwnFiles]) -> Iterator[Artifact]:
    """Yield what belongs to memmux as one, and what stands among it and stays; it is looked for again to be removed."""
    found = find()
    if found.files or found.folders:
        yield Artifact(kind, f"{place} ({found.described()})", lambda: find().remove())
    for other in found.others:
        link = f", a link to {other.readlink()}" if other.is_symlink() else ""
        yield Artifact("other", f"{other}{link}", _nothing, stays="memmux did not make it")


def _nothing() -> None:
    """Leave what is not memmux's."""


def _remove_all(paths: list[Path]) -> None:
    for path in paths:
        shutil.rmtree(path)
