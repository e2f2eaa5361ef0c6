"""Worker tasks: what a command has a worker process do once, since only workers open the database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import orjson

from memmux import interpreter
from memmux.config import usable
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, error_from_json

_WITHOUT_DATABASE = ("environment", "setup")  # tasks that open none


def run(kind: str, settings: Settings, *arguments: str, told: Callable[[int, int], None] | None = None) -> Any:
    """Run `python -P -m workers KIND ARGUMENTS… FLAGS…` to its end and return the JSON that it prints.

    told: is told how much of the work is done, and of how much, by a task that says so. Raises the error that it
    reports. What it writes to standard error goes to ours.
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
                answer = _decoded(line)
                if told is not None and isinstance(answer, dict) and "progress" in answer:
                    told(*answer["progress"])
        except BaseException:
            task.kill()
            raise
    if answer is None:
        raise MemmuxError(
            f"`workers {kind}` ended with {task.returncode} and no answer; see what it wrote to standard error"
        )
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        raise error_from_json(answer["error"])
    return answer


def _decoded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
