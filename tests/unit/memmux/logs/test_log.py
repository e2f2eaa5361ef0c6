from __future__ import annotations

import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import LogLevel, Settings
from memmux.errors import NotFoundError
from memmux.logs import log
from tests.bounds import BOUND_S

MARK = "xyzzy-the-content-of-a-memory"


def test_line_is_json_and_says_which_process_wrote_it(settings: Settings) -> None:
    log.configure("read-0", settings).info("worker_started", seq=7)
    path = Places(settings).logs / "read-0.jsonl"
    (line,) = map(orjson.loads, path.read_bytes().splitlines())
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert (line["event"], line["process"], line["kind"], line["seq"]) == ("worker_started", "read-0", "read", 7)
    assert line["timestamp"].endswith("Z")
    assert line["database"] == str(settings.database)


@pytest.mark.parametrize("there", [False, True])
def test_log_is_private(settings: Settings, there: bool) -> None:
    folder = Places(settings).logs
    if there:
        folder.mkdir(parents=True)
        (folder / "router.jsonl").touch(0o666)
    log.configure("router", settings)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "router.jsonl").stat().st_mode) == 0o600


def test_levels_below_the_setting_are_left_out(settings_env: dict[str, str]) -> None:
    settings = load({"log_level": LogLevel.WARNING}, settings_env)
    log.configure("router", settings).info("unimportant")
    log.get().warning("important")
    (line,) = map(orjson.loads, (Places(settings).logs / "router.jsonl").read_bytes().splitlines())
    assert (line["event"], line["level"]) == ("important", "warning")


def test_time_is_utc_and_always_of_one_length(settings: Settings) -> None:
    logger = log.configure("router", settings)
    for at_s in (1_764_093_845, 1_764_093_845.5, 1_764_093_846.999999):
        logger.info("x_happened", at_s=at_s)
    logger.info("x_happened", number=1 << 70)
    *given, last = [line["timestamp"] for line in _lines(settings, "router")]
    assert given == ["2025-11-25T18:04:05.000001Z", "2025-11-25T18:04:05.500000Z", "2025-11-25T18:04:06.999999Z"]
    assert len(last) == len(given[0])
    assert abs(datetime.fromisoformat(last) - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_json_can_not_hold_is_written_somehow(settings: Settings) -> None:
    logger = log.configure("router", settings)
    logger.info("odd_things_happened", path="\udcff", number=1 << 70, error=ValueError("x"))
    (line,) = _lines(settings, "router")
    assert (line["event"], line["number"], line["path"]) == ("odd_things_happened", 1 << 70, "?")


def test_traceback_has_no_word_of_what_the_error_says(settings: Settings) -> None:
    logger = log.configure("router", settings)
    try:
        _fail(NotFoundError(f"there is no {MARK}"), KeyError(MARK))
    except NotFoundError:
        logger.exception("x_failed")
    (line,) = _lines(settings, "router")
    assert MARK not in str(line)
    assert line["level"] == "error"
    assert line["exception"].count("Traceback") == 2
    assert line["exception"].endswith("NotFoundError: not_found")


def test_content_is_logged_only_if_the_setting_says_so(settings: Settings) -> None:
    for content in (False, True):
        logger = log.configure("router", replace(settings, log_content=content))
        try:
            _fail(ValueError(MARK))
        except ValueError:
            logger.exception("x_failed", arguments={"content": MARK}, query=MARK)
    without, with_it = _lines(settings, "router")
    assert MARK not in str(without)
    assert "arguments" not in without
    assert with_it["arguments"] == {"content": MARK}
    assert MARK in with_it["exception"]


@pytest.mark.slow
@pytest.mark.parametrize("factory", [None, "structlog.PrintLoggerFactory()"])
def test_nothing_is_written_to_standard_output_unless_a_program_has_configured_it(factory: str | None) -> None:
    own = "" if factory is None else f"import structlog; structlog.configure(logger_factory={factory})\n"
    program = f"{own}from memmux.logs import log; log.get().info('graph_made')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=BOUND_S)
    assert (b"graph_made" in ended.stdout, b"graph_made" in ended.stderr) == (bool(own), not own)


@pytest.mark.slow
def test_crash_of_a_process_is_logged_and_printed_without_content(settings: Settings) -> None:
    program = f"""
from memmux.logs import log
from memmux.errors import NotFoundError
from memmux.config.settings import parse_flags
import sys, threading
settings = parse_flags(sys.argv[1:])
log.configure("worker", settings)
log.catch_crashes(settings)
def crash(): raise ValueError("{MARK}")
thread = threading.Thread(target=crash)
thread.start()
thread.join()
crash()
"""
    ended = subprocess.run(
        [sys.executable, "-", *settings.flags()],
        input=program.encode(),
        capture_output=True,
        check=False,
        timeout=BOUND_S,
    )
    assert ended.returncode == 1
    assert ended.stderr.count(b"Traceback") == 2
    assert MARK.encode() not in ended.stderr
    lines = _lines(settings, "worker")
    assert [line["event"] for line in lines] == ["thread_crashed", "process_crashed"]
    assert MARK not in str(lines)


def _fail(error: Exception, cause: Exception | None = None) -> None:
    if cause is None:
        raise error
    try:
        raise cause
    except type(cause) as found:
        raise error from found


def _lines(settings: Settings, name: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (Places(settings).logs / f"{name}.jsonl").read_bytes().splitlines()]
