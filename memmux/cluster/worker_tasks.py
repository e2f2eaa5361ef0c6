"""Worker tasks: what a command has a worker process do once, since only workers open the database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from memmux import interpreter
from memmux.config import usable
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, error_from_json

_WITHOUT_DATABASE = ("dump", "environment", "fill", "setup")  # tasks that do not open that of the settings


def run(kind: str, settings: Settings, *arguments: str, told: Callable[[int, int], None] | None = None) -> Any:
    """Run a task to its end and return the JSON that it prints last.

    told: is told how much of the work is done, and of how much, by a task that says so. Raises as `answers` does.
    """
    answer: Any = None
    for answer in answers(kind, settings, *arguments):
        if told is not None and isinstance(answer, dict) and "progress" in answer:
            told(*answer["progress"])
    return answer


def answers(kind: str, settings: Settings, *arguments: str) -> Iterator[Any]:
    """Run `python -P -m workers KIND ARGUMENTS… FLAGS…` and yield each line of JSON that it prints, at least one.

    Raises the error that it reports. What it writes to standard error goes to ours.
    """
    if kind not in _WITHOUT_DATABASE:
        usable.check(Places(settings))
    command = [sys.executable, "-P", "-m", "workers", kind, *arguments, *settings.flags()]
    answer: Any = None
    env, nothing = interpreter.environment(), subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nothing, stdout=subprocess.PIPE, env=env) as task:
        assert task.stdout is not None
        try:
            for line in task.stdout:
                if (answer := _decoded(line)) is not None:
                    yield answer
        except BaseException:
            task.kill()
            raise
    if answer is None:
        raise MemmuxError(
            f"`workers {kind}` ended with {task.returncode} and no answer; see what it wrote to standard error"
        )


def _decoded(line: bytes) -> Any:
    """Return what a line says, None if it is no JSON; raise the error that it reports."""
    try:
        answer = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        raise error_from_json(answer["error"])
    return answer
