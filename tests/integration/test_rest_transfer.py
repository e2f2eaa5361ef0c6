"""Transfer over REST: exports, and files that are sent to be imported or made memories of."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mcp_dealer.http.rest import routes
from mcp_dealer.http.rest.upload_folders import PREFIX
from memmux import Client
from memmux.config.loader import load
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from tests.bounds import BOUND_S, pause
from tests.http_app import Served, serve

GRANTS = {
    "reader": Grant(name="reader", role=Role.READ),
    "bound": Grant(name="bound", role=Role.ADMIN, namespaces=("a",)),
}
LEGACY = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """REST before the cluster of this module, whose uploads are where those of no other are."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("uploads")))
        with serve(load(environment=shared_env), routes, grants=GRANTS) as served:
            yield served


def _no_leftovers() -> bool:
    return not list(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


def test_an_export_is_imported_again(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "=1+1 is a formula\nand more", "tags": ["x"]}).json
    exported = server.get("/api/export")
    assert exported.headers["content-type"].startswith("application/x-ndjson")
    assert exported.headers["content-disposition"].startswith("attachment; filename=")
    assert exported.headers["x-content-type-options"] == "nosniff"
    assert exported.lines[0]["format"] == "memmux"
    assert stored["id"] in [line["id"] for line in exported.lines[1:]]
    dry = server.ask("POST", "/api/import?dry_run=1", raw=exported.body).lines[-1]["report"]
    assert (dry["count"], dry["created"], dry["dry_run"]) == (len(exported.lines) - 1, 0, True)
    done = server.ask("POST", "/api/import", raw=exported.body).lines[-1]["report"]
    assert (done["created"], done["skipped"]) == (0, len(exported.lines) - 1)
    assert _no_leftovers()


def test_an_export_of_a_namespace_is_of_the_one_that_is_meant(server: Served) -> None:
    for name in ("Straße", "CAFÉ"):
        server.post("/api/memories", {"content": "exported", "namespace": name})
    for name, given in (("Straße", "strasse"), ("CAFÉ", "cafe\u0301"), ("CAFÉ", " CAFÉ")):
        lines = server.get(f"/api/export?namespace={quote(given)}").lines
        assert [line["namespace"] for line in lines[1:]] == [name], given


def test_conversations_are_recognised_in_an_archive(server: Served) -> None:
    message = {"uuid": "1", "sender": "human", "text": "how deep is the sea", "created_at": "2026-01-01T00:00:00Z"}
    chat = {"uuid": "c", "name": "sea", "created_at": "2026-01-01T00:00:00Z", "chat_messages": [message]}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("conversations.json", json.dumps([chat]))
    report = server.ask("POST", "/api/import?namespace=chats", raw=packed.getvalue()).lines[-1]["report"]
    assert (report["format"], report["created"]) == ("claude", 1)
    assert report["undo"]
    found = server.get("/api/memories?namespace=chats").json["memories"]
    assert [one["content"] for one in found] == ["user: how deep is the sea"]


def test_what_is_nothing_says_so_and_leaves_nothing(server: Served) -> None:
    answer = server.ask("POST", "/api/import", raw=b"what is this")
    assert answer.status == 200
    assert answer.lines[-1]["error"]["code"] == "argument_invalid"
    empty = server.ask("POST", "/api/import", raw=b"")
    assert (empty.status, empty.json["code"]) == (422, "argument_invalid")
    assert _no_leftovers()


def test_a_document_that_is_sent_again_is_brought_up_to_date(server: Served) -> None:
    path = "/api/ingest?filename=notes.md&tag=docs&namespace=docs"
    first = server.ask("POST", path, raw=b"# Notes\n\nThe sea is deep.\n").lines
    assert first[-1]["report"]["chunks"] == 1
    again = server.ask("POST", path, raw=b"# Notes\n\nThe sea is deep.\n").lines[-1]["report"]
    assert (again["chunks"], again["skipped"]) == (0, 1)
    changed = server.ask("POST", path, raw=b"# Notes\n\nThe sea is blue.\n").lines[-1]["report"]
    assert (changed["chunks"], changed["replaced"]) == (1, 1)
    (memory,) = server.get("/api/memories?namespace=docs").json["memories"]
    assert (memory["metadata"]["source"], memory["tags"]) == ("upload:notes.md", ["docs"])
    broken = server.ask("POST", "/api/ingest?filename=a.pdf", raw=b"%PDF-1.7 no").lines[-1]
    assert broken["error"]["code"] == "argument_invalid"
    assert _no_leftovers()


@pytest.mark.parametrize("name", ["there.md", "gone.md"])
def test_an_upload_does_not_tell_which_files_are_on_the_server(server: Served, tmp_path: Path, name: str) -> None:
    (tmp_path / "there.md").touch()
    source, text = str(tmp_path / name), f"What {name} says."
    asked = {"content": text, "memory_type": "document", "metadata": {"source": source}, "namespace": "unseen"}
    stored = server.post("/api/memories", asked).json["id"]
    report = server.ask("POST", "/api/ingest?filename=mine.md&namespace=unseen", raw=text.encode()).lines[-1]["report"]
    assert report["shared"] == 1
    assert server.get(f"/api/memories/{stored}").json["metadata"]["source"] == source


def test_the_changes_of_an_ingest_are_undone_together(server: Served) -> None:
    path = "/api/ingest?filename=tides.md&namespace=tides&chunk_size=100&chunk_overlap=0"
    first, second = (
        "\n\n".join(f"# {number}\n\nThe tide of day {number} is {word}." * 3 for number in range(3)).encode()
        for word in ("high", "low")
    )
    made = server.ask("POST", path, raw=first).lines[-1]["report"]
    before = _contents(server)
    changed = server.ask("POST", path, raw=second).lines[-1]["report"]
    assert changed["replaced"] > 0
    _undo(server, changed["undo"])
    assert _contents(server) == before
    _undo(server, made["undo"])
    assert _contents(server) == set()
    assert server.ask("POST", path, raw=first).lines[-1]["report"]["undo"]
    assert server.ask("POST", path, raw=first).lines[-1]["report"]["undo"] == []


def _contents(server: Served) -> set[str]:
    return {one["content"] for one in server.get("/api/memories?namespace=tides&page_size=100").json["memories"]}


def _undo(server: Served, ranges: list[str]) -> None:
    """Undo ranges as reports have them, a part at a time: more than some are refused."""
    for one in ranges:
        first, last = int(one.partition("-")[0]), int(one.rpartition("-")[2])
        for newest in range(last, first - 1, -500):
            answer = server.post("/api/undo", {"seq": max(first, newest - 499), "last_seq": newest})
            assert answer.json["undone"], answer.json


def test_documents_of_one_name_in_two_folders_are_two(server: Served) -> None:
    where = "namespace=folders"
    for folder in ("docs", "src"):
        text = f"# Read me\n\nThis is about {folder}.\n".encode()
        report = server.ask("POST", f"/api/ingest?filename={folder}/README.md&{where}", raw=text).lines[-1]["report"]
        assert (report["source"], report["chunks"], report["replaced"]) == (f"upload:{folder}/README.md", 1, 0)
    windows = server.ask("POST", f"/api/ingest?filename=docs%5CREADME.md&{where}", raw=b"Another one.").lines[-1]
    assert (windows["report"]["source"], windows["report"]["replaced"]) == ("upload:docs/README.md", 1)
    sources = {one["metadata"]["source"] for one in server.get(f"/api/memories?{where}").json["memories"]}
    assert sources == {"upload:docs/README.md", "upload:src/README.md"}


@pytest.mark.parametrize("name", ["../../etc/notes.md", "a/../b.md", "..", "%20", ".", "/"])
def test_a_name_that_is_none_is_refused(server: Served, name: str) -> None:
    refused = server.ask("POST", f"/api/ingest?filename={name}", raw=b"text")
    assert (refused.status, refused.json["code"]) == (422, "argument_invalid")


def test_a_document_of_a_key_that_only_reads_is_refused_at_once(server: Served) -> None:
    refused = server.ask("POST", "/api/ingest", headers={"X-Test-Caller": "reader"}, raw=b"text")
    assert (refused.status, refused.json["code"]) == (403, "not_allowed")


def test_an_export_with_a_byte_order_mark_is_read(server: Served) -> None:
    server.post("/api/memories", {"content": "exported with a mark", "namespace": "marks"})
    exported = server.get("/api/export?namespace=marks").body
    done = server.ask("POST", "/api/import", raw=b"\xef\xbb\xbf" + exported).lines[-1]["report"]
    assert (done["format"], done["skipped"], done["problems"]) == ("memmux", 1, [])


def test_an_upload_is_given_up_when_its_caller_goes(server: Served, shared_env: dict[str, str]) -> None:
    text = "\n\n".join(f"Paragraph {number} of a long document." for number in range(20_000)).encode()
    head = "POST /api/ingest?filename=long.txt&chunk_size=50&chunk_overlap=0&namespace=long HTTP/1.1\r\nHost: a\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as caller:
        caller.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        assert caller.recv(15) == b"HTTP/1.1 200 OK"
        with Client(settings=load(environment=shared_env), name="looks") as client:
            while not client.list(limit=1, namespace="long").total:
                pause()
    while not _no_leftovers():
        pause()
    assert server.get("/api/memories?namespace=long").json["total"] < 20_000


def _begun(server: Served, path: str, body: bytes) -> Iterator[dict[str, Any]]:
    """Send an upload, and yield the lines of its answer as they come."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=BOUND_S)
    connection.request("POST", path, body)
    with contextlib.closing(connection):
        for line in connection.getresponse():
            yield json.loads(line)


@pytest.mark.parametrize("of", ["import", "ingest"])
def test_what_is_stopped_reports_what_it_did_until_then_and_is_undone(server: Served, of: str) -> None:
    if of == "import":
        entity = {"type": "entity", "entityType": "stone", "observations": ["It is grey."]}
        body = "\n".join(json.dumps({**entity, "name": f"Stone {number}"}) for number in range(20_000)).encode()
    else:
        body = "\n\n".join(f"Stone {number} is as grey as all of them are." for number in range(20_000)).encode()
    place = f"stones-{of}"
    how = "&filename=stones.txt&chunk_size=50&chunk_overlap=0" if of == "ingest" else ""
    lines = _begun(server, f"/api/{of}?namespace={place}{how}", body)
    upload = next(lines)["upload"]
    while not server.get(f"/api/memories?namespace={place}").json["total"]:
        pause()
    refused = server.ask("POST", f"/api/uploads/{upload}/stop", headers={"X-Test-Caller": "bound"})
    assert (refused.status, refused.json["code"]) == (404, "not_found")
    assert server.ask("POST", f"/api/uploads/{upload}/stop").json == {"stopping": True}
    *_, last = lines
    assert last["report"]["stopped"]
    assert 0 < server.get(f"/api/memories?namespace={place}").json["total"] < 20_000
    _undo(server, last["report"]["undo"])
    assert server.get(f"/api/memories?namespace={place}").json["total"] == 0


def test_an_import_says_how_much_of_the_file_it_has_read_in_how_many_memories(server: Served) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(1500):
            archive.writestr(f"notes/{number}.md", f"# Note {number}\n\nIt is about the number {number}.\n")
    answer = server.ask("POST", "/api/import?namespace=notes&dry_run=1&filename=notes.zip", raw=packed.getvalue())
    _, *far, last = answer.lines
    assert last["report"]["count"] == 1500
    assert far[-1]["memories"] == 1500
    assert all(0 <= line["done"] <= line["total"] for line in far if line["total"])
    assert far[-1]["done"] == pytest.approx(far[-1]["total"], rel=0.2)


def test_a_file_that_is_nothing_is_called_as_its_sender_does(server: Served) -> None:
    error = server.ask("POST", "/api/import?filename=what.txt", raw=b"what is this").lines[-1]["error"]
    assert error["detail"].startswith("what.txt: it is nothing that is read here")


def test_a_file_that_is_too_large_is_refused(server: Served) -> None:
    answer = server.ask("POST", "/api/ingest", raw=bytes(65 << 20))
    assert (answer.status, answer.json["code"]) == (413, "message_too_large")
    assert _no_leftovers()


def test_backups_are_made_and_listed_by_name(server: Served) -> None:
    made = server.ask("POST", "/api/backups").json
    listed = server.get("/api/backups").json["backups"]
    assert listed[0]["name"] == made["name"]
    assert "/" not in made["name"]


def test_the_logs_tell_of_one_request(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "logged"}).json
    (change,) = server.get(f"/api/memories/{stored['id']}/history").json["changes"]
    lines = server.get(f"/api/log?request={change['request']}").json["lines"]
    assert "request_finished" in {line["event"] for line in lines}
    assert len(server.get("/api/log?lines=3").json["lines"]) == 3


@pytest.mark.parametrize("name", ["reader", "bound"])
@pytest.mark.parametrize("path", ["/api/log", "/api/backups"])
def test_what_is_of_the_whole_machine_is_not_for_a_limited_key(server: Served, name: str, path: str) -> None:
    refused = server.get(path, {"X-Test-Caller": name})
    assert (refused.status, refused.json["code"]) == (403, "not_allowed")
