from __future__ import annotations

import stat
from collections.abc import Iterator

import orjson
import pytest
import structlog

from memmux import logs
from memmux.places import Places
from memmux.settings import LogLevel, Settings, load


@pytest.fixture(autouse=True)
def fresh_structlog() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    logs._logger = None


def test_line_is_json_and_says_which_process_wrote_it(settings: Settings) -> None:
    logs.configure("read-0", settings).info("worker_started", seq=7)
    path = Places(settings).logs / "read-0.jsonl"
    (line,) = map(orjson.loads, path.read_bytes().splitlines())
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert (line["event"], line["process"], line["kind"], line["seq"]) == ("worker_started", "read-0", "read", 7)
    assert line["timestamp"].endswith("Z")
    assert line["database"] == str(settings.database)


def test_log_is_private(settings: Settings) -> None:
    logs.configure("router", settings)
    folder = Places(settings).logs
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "router.jsonl").stat().st_mode) == 0o600


def test_levels_below_the_setting_are_left_out(settings_env: dict[str, str]) -> None:
    settings = load({"log_level": LogLevel.WARNING}, settings_env)
    logs.configure("router", settings).info("unimportant")
    logs.get().warning("important")
    (line,) = map(orjson.loads, (Places(settings).logs / "router.jsonl").read_bytes().splitlines())
    assert (line["event"], line["level"]) == ("important", "warning")


def test_file_is_rotated_by_size_and_no_line_is_torn(settings: Settings) -> None:
    folder = settings.database.parent
    folder.mkdir()
    path = folder / "x.jsonl"
    sink = logs.LogFile(path, most=100)
    for number in range(30):
        sink.msg(b'{"number":%d}' % number)
    sink.close()
    kept = [*path.with_name("x.jsonl.1").read_bytes().splitlines(), *path.read_bytes().splitlines()]
    numbers = [orjson.loads(line)["number"] for line in kept]
    assert numbers == list(range(numbers[0], 30))
    assert path.stat().st_size + path.with_name("x.jsonl.1").stat().st_size < 300
