"""Transfer: all memories as lines; and files that are sent here, to be imported or made memories of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, BinaryIO, Final, cast

import orjson
from pydantic import Field

from mcp_dealer.http.problem import of_status
from mcp_dealer.http.rest import answers, base, upload_folders, work
from mcp_dealer.http.rest.memories import Place
from mcp_dealer.http.rest.noted import Noted
from mcp_dealer.http.rest.operation import Asked, Done, Operation, Parameters, RefusedError, part
from mcp_dealer.http.rest.streaming import LINES, Streamed
from memmux import limits
from memmux.client.asynchronous import AsyncClient
from memmux.client.blocking import Client
from memmux.errors import ArgumentInvalidError, CancelledError, NotFoundError, of_system
from memmux.ingest.formats.base import clean
from memmux.ingest.run import CHUNK_OVERLAP, CHUNK_SIZE, LEAST_CHUNK, ingest_upload
from memmux.ingest.sources import UPLOAD
from memmux.transfer import any_file, jsonl
from memmux.wire.answers import Dumped
from memmux.wire.operations import OPERATIONS as CLUSTER

GROUP: Final = "transfer"
IMPORT_BYTES: Final = 1 << 30  # of one upload
NAME_CHARACTERS: Final = 255
WHOLE_BYTES: Final = 64 << 20  # of an upload that has to be read as a whole, in a process that serves others
UNNAMED: Final = "the file"
TOLD_EACH: Final = 500  # memories
_UNSAID: Final = ("path", "source")  # which are those of the upload
PIECE_BYTES: Final = 1 << 20  # that are written at once


class Export(Parameters):
    """What to export."""

    vectors: bool = False
    """With the vectors, so that an import need not make them again"""
    namespace: base.Namespace
    deleted: bool = True
    """Whether deleted ones that were not purged come along"""


class Import(Place):
    """How to import."""

    dry_run: bool = False
    """Whether only to count"""
    filename: Annotated[str | None, Field(max_length=NAME_CHARACTERS)] = None
    """Its name, which does not matter: what it is, is seen by what is in it"""


class Ingest(Place):
    """How to make memories of a document."""

    filename: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS)] = "document.txt"
    """Its name, with folders if it has some, by whose end its format is known; a document that was sent under the same
    name is brought up to date"""
    tag: Annotated[list[base.Tag] | None, Field(max_length=limits.TAGS)] = None
    chunk_size: Annotated[int, Field(ge=LEAST_CHUNK, le=limits.CHUNK_CHARACTERS)] = CHUNK_SIZE
    chunk_overlap: Annotated[int, Field(ge=0, le=limits.CHUNK_CHARACTERS)] = CHUNK_OVERLAP


async def export(asked: Asked) -> Done:
    """Answer with all memories, as `memmux export` writes them."""
    query: Export = asked.query
    first = await asked.client.dump(vectors=query.vectors, timeout_s=jsonl.TIMEOUT_S)
    namespace = await _meant(asked.client, part(query).get("namespace"))
    name = f"memmux-{datetime.now(UTC):%Y-%m-%d}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Streamed(_exported(asked.client, first, query, namespace), LINES, headers)


async def _meant(client: AsyncClient, named: str | None) -> str | None:
    """Return the namespace that the cluster means by a name: that of live memories, else of deleted ones."""
    for deleted in (False, True) if named is not None else ():
        for memory in await client.list(limit=1, deleted=deleted, namespace=named):
            return memory.namespace
    return named


async def _exported(client: AsyncClient, page: Dumped, query: Export, namespace: str | None) -> AsyncGenerator[bytes]:
    def wanted(memory: Mapping[str, Any]) -> bool:
        known = namespace in (None, memory["namespace"])
        return known and (query.deleted or memory["deleted_at"] is None)

    yield jsonl.header(vectors=query.vectors)
    while True:
        yield b"".join(map(jsonl.written, filter(wanted, page.memories)))
        if page.next is None:
            return
        page = await client.dump(after=page.next, vectors=query.vectors, timeout_s=jsonl.TIMEOUT_S)


async def import_file(asked: Asked) -> Done:
    """Import the file that is the body; answer with how far it is."""
    query: Import = asked.query
    await asked.client.dump(limit=1)  # which the cluster refuses to whom it refuses the import
    folder = await _received(asked, IMPORT_BYTES)
    namespace = part(query).get("namespace")

    def bring(client: Client, report: work.Report, running: work.Running) -> dict[str, Any]:
        far, file = _Far(report), folder / "file"
        with any_file.reading(file, far.read) as opened:
            source = any_file.look(opened, file, query.filename or UNNAMED, most=WHOLE_BYTES)
            way = any_file.Way(
                settings=client.settings,
                namespace=namespace,
                report=far.read,
                told=far.memory,
                stopped=running.over,
                copies=folder,
            )
            brought = source.bring(None if query.dry_run else client, way)
        said = {name: value for name, value in brought.to_json().items() if name not in _UNSAID}
        undo = [] if query.dry_run else brought.made.undo(client)
        more = {"undo": undo, "dry_run": query.dry_run, "stopped": running.stopped()}
        return {"format": source.format, **said, **more}

    return Streamed(_lines(asked, bring, folder))


class _Far:
    """How far an import is: told when more was read, or some memories were."""

    def __init__(self, report: work.Report) -> None:
        self._report = report
        self._done = self._total = self._memories = 0

    def read(self, done: int, total: int) -> None:
        """Note how much was read."""
        self._done, self._total = done, total
        self._report(done, total, self._memories)

    def memory(self, _: object) -> None:
        """Count a memory."""
        self._memories += 1
        if self._memories % TOLD_EACH == 0:
            self.read(self._done, self._total)


def _lines(asked: Asked, does: work.Work, folder: Path) -> AsyncGenerator[bytes]:
    return work.lines(asked.client, does, partial(upload_folders.remove, folder), asked.caller.identity)


async def stop_upload(asked: Asked) -> Done:
    """Have an upload of the caller's end with a report of what it did."""
    if not work.stop(asked.id, asked.caller.identity):
        raise NotFoundError("there is no such upload of yours under way; its own last line says what became of it")
    return {"stopping": True}


async def ingest(asked: Asked) -> Done:
    """Make memories of the document that is the body; answer with how far it is."""
    query: Ingest = asked.query
    asked.caller.grant.check(CLUSTER["memory.store_batch"])
    name = _named(query.filename)
    await asked.client.list(limit=1, **part(query))  # which the cluster refuses to whom it refuses the namespace
    folder = await _received(asked, limits.INGEST_FILE_BYTES)
    namespace = part(query).get("namespace")

    def read(client: Client, report: work.Report, running: work.Running) -> dict[str, Any]:
        noted = Noted(client)
        ingesting = partial(
            ingest_upload,
            cast("Client", noted),
            name,
            folder / "file",
            tags=query.tag or (),
            namespace=namespace,
            chunk_size=query.chunk_size,
            chunk_overlap=min(query.chunk_overlap, query.chunk_size // 2),
            progress=report,
            cancelled=running.over,
        )
        try:
            said: dict[str, Any] = orjson.loads(orjson.dumps(ingesting()))
        except CancelledError:
            if not running.stopped():
                raise
            said = {"stopped": True}
        return {"source": f"{UPLOAD}{name}", "stopped": False, **said, "undo": noted.made.undo(client)}

    return Streamed(_lines(asked, read, folder))


def _named(filename: str) -> str:
    """Return the name of a document, with its folders: others may have one of the same name in another folder."""
    name = PurePosixPath(clean(filename).replace("\\", "/"))
    if not name.name.strip(". ") or ".." in name.parts:
        raise ArgumentInvalidError("filename is not the name of a file; leave out .. where there is one")
    return str(name)


async def _received(asked: Asked, most: int) -> Path:
    """Return a private folder with the body in it, as `file`; the caller is refused if that is too large."""
    work.check_staying()
    try:
        folder = upload_folders.make()
    except OSError as error:
        raise of_system(error, "there is no place for an upload") from None
    try:
        with (folder / "file").open("xb") as file:
            await _write(asked, file, most)
    except OSError as error:
        upload_folders.remove(folder)
        raise of_system(error, "the upload can't be kept") from None
    except BaseException:
        upload_folders.remove(folder)
        raise
    return folder


async def _write(asked: Asked, file: BinaryIO, most: int) -> None:
    size, piece = 0, bytearray()
    async for chunk in asked.request.stream():
        work.check_staying()
        size += len(chunk)
        if size > most:
            detail = f"the file has more than {most} bytes, the most"
            raise RefusedError(of_status(413, detail, "message_too_large"))
        piece += chunk
        if len(piece) >= PIECE_BYTES:
            await asyncio.to_thread(file.write, bytes(piece))
            piece.clear()
    file.write(piece)
    if not size:
        raise ArgumentInvalidError("the body is empty; send the file as the body")


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/export",
        name="export",
        group=GROUP,
        summary="All memories of all namespaces, one JSON object a line",
        description="What `memmux export` writes, and an import reads. It needs the role admin.",
        does=export,
        query=Export,
        media=LINES,
    ),
    Operation(
        method="POST",
        path="/api/import",
        name="import",
        group=GROUP,
        summary="Import the file that is the body",
        description=(
            "Whatever `memmux import` reads: an export, a database or a backup of memmux, a database or an export of "
            "mcp-memory-service, memory.jsonl of server-memory, conversations of Claude or ChatGPT, or an archive. "
            "Lines say how far it is; the last one has the report, or the error. It needs the role admin."
        ),
        does=import_file,
        query=Import,
        gives=answers.Progress,
        media=LINES,
        upload=True,
        fails=(507,),
    ),
    Operation(
        method="POST",
        path="/api/ingest",
        name="ingest",
        group=GROUP,
        summary="Make memories of the document that is the body",
        description=(
            "Text, Markdown, code, JSON, CSV, HTML, notebooks, PDF, docx and EPUB. Lines say how far it is; the last "
            "one has the report, or the error; its undo has the changes, as those of an import."
        ),
        does=ingest,
        query=Ingest,
        gives=answers.Progress,
        media=LINES,
        upload=True,
        fails=(507,),
    ),
    Operation(
        method="POST",
        path="/api/uploads/{id}/stop",
        name="stop_upload",
        group=GROUP,
        summary="Have an import or an ingest end, with a report of what it did, which can be undone",
        description="The first line of an upload's answer has its id. Who breaks the connection off gets no report.",
        does=stop_upload,
        gives=answers.Stopping,
        fails=(404,),
    ),
)
