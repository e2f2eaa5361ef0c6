"""The process that reads files: whatever a file does to it, the others are read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from memmux import limits, processes
from memmux.errors import ArgumentInvalidError, CancelledError
from memmux.ingest import parser_process
from memmux.ingest.parser import Parsed, Parser
from tests.bounds import BOUND_S, pause
from tests.unit.memmux.ingest.pdfs import pdf, slow_pdf


@pytest.fixture
def parser() -> Iterator[Parser]:
    with Parser((100, 0)) as started:
        yield started


def is_well(parser: Parser) -> bool:
    return parser.parse("a.md", b"# Title\n\nText.\n") == Parsed("Title", (), {"# Title\n\nText.": None})


def test_one_process_reads_file_after_file(parser: Parser) -> None:
    assert is_well(parser)
    pid = parser.pid
    with pytest.raises(ArgumentInvalidError, match="not JSON"):
        parser.parse("a.json", b"{")
    assert parser.parse("a.pdf", pdf(["One.", "Two."])).contents == {"One.": 1, "Two.": 2}
    assert is_well(parser)
    assert parser.pid == pid


@pytest.mark.slow
def test_file_that_takes_too_much_processor_time_is_given_up(monkeypatch: pytest.MonkeyPatch, parser: Parser) -> None:
    assert is_well(parser)
    monkeypatch.setattr(limits, "INGEST_CPU_S", 1.0)
    monkeypatch.setattr(limits, "INGEST_WALL", BOUND_S)
    with pytest.raises(ArgumentInvalidError, match=r"more than \d+ s of processor time.*split it"):
        parser.parse("a.pdf", slow_pdf())
    assert is_well(parser)


@pytest.mark.slow
def test_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch, parser: Parser) -> None:
    monkeypatch.setattr(limits, "INGEST_CPU_S", 60.0)
    monkeypatch.setattr(limits, "INGEST_CPU_S_PER_MIB", 0.0)
    monkeypatch.setattr(limits, "INGEST_WALL", 1 / 120)
    with pytest.raises(ArgumentInvalidError, match="took longer than"):
        parser.parse("a.pdf", slow_pdf())
    monkeypatch.undo()
    assert is_well(parser)


@pytest.mark.slow
def test_file_that_takes_too_much_memory_is_given_up(parser: Parser) -> None:
    with pytest.raises(ArgumentInvalidError, match="more than 768 MiB of memory"):
        parser.parse("a.json", b"[" + b'{"":0},' * 4_000_000 + b"1]")
    assert is_well(parser)


def test_file_that_ends_the_process_is_a_problem_of_its_own(parser: Parser) -> None:
    assert is_well(parser)
    assert parser.pid is not None
    os.kill(parser.pid, signal.SIGSEGV)
    with pytest.raises(ArgumentInvalidError, match=r"ended at it \(signal SIGSEGV\)"):
        parser.parse("a.txt", b"x" * 10_000_000)
    assert is_well(parser)


@pytest.mark.slow
def test_cancelling_ends_the_reading_at_once() -> None:
    left = threading.Event()
    with Parser((100, 0), left.is_set) as parser:
        assert is_well(parser)
        pid = parser.pid
        assert pid is not None
        threading.Timer(0.3, left.set).start()
        with pytest.raises(CancelledError):  # and not the error of a file that takes too long
            parser.parse("a.pdf", slow_pdf())
        assert not processes.alive(pid)


@pytest.mark.slow
def test_process_ends_when_its_parent_is_killed() -> None:
    script = (
        "from memmux.ingest.parser import Parser; from tests.unit.memmux.ingest.pdfs import slow_pdf\n"
        "parser = Parser((100, 0)); parser.parse('a.txt', b'x'); print(parser.pid, flush=True)\n"
        "parser.parse('a.pdf', slow_pdf())"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + BOUND_S
    while processes.alive(child) and time.monotonic() < until:
        pause()
    assert not processes.alive(child)


@pytest.mark.slow
def test_process_that_has_grown_ends_by_itself_where_the_system_does_not_end_it() -> None:
    script = (
        "import os, threading; from memmux.ingest import parser_process\n"
        "threading.Thread(target=parser_process.watch, args=(os.getppid(), 100 << 20), daemon=True).start()\n"
        "held = bytearray(200 << 20); threading.Event().wait()"
    )
    ended = subprocess.run([sys.executable, "-c", script], timeout=BOUND_S, check=False)
    assert ended.returncode == parser_process.OUT_OF_MEMORY
