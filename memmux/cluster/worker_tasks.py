"""Worker tasks: what a command has a worker process do once, since only workers open the database."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import orjson

from memmux.config import usable
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, error_from_json


def run(kind: str, settings: Settings, *arguments: str) -> Any:
    """Run `python -P -m workers KIND ARGUMENTS… FLAGS…` to its end and return the JSON that it prints.

    Raises the error that it reports. What it writes to standard error goes to ours.
    """
    if kind != "environment":  # which opens no database
        usable.check(Places(settings))
    command = [sys.executable, "-P", "-m", "workers", kind, *arguments, *settings.flags()]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    try:
        answer = orjson.loads(ended.stdout)
    except orjson.JSONDecodeError:
        raise MemmuxError(
            f"`workers {kind}` ended with {ended.returncode} and no answer; see what it wrote to standard error"
        ) from None
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        raise error_from_json(answer["error"])
    return answer
