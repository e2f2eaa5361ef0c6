"""What bash completes, driven as a person does: keys are typed into a terminal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from memmux import Client
from tests.bounds import BOUND_S

BASH = shutil.which("bash") or ""
pytestmark = pytest.mark.skipif(not BASH, reason="bash is not installed")
Type = Callable[[str, str], str]
CLEARED = "\x15"  # the key that empties the line


@pytest.fixture
def typed(settings_env: dict[str, str], short_tmp: Path) -> Iterator[Type]:
    """Type into a bash that completes memmux, until it shows something; return all that it has shown since."""
    program = short_tmp / "bin" / "memmux"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m memmux "$@"\n')
    program.chmod(0o755)
    env = {**settings_env, "PATH": f"{program.parent}:{os.environ['PATH']}", "TERM": "dumb", "PS1": "> "}
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        os.chdir(short_tmp)
        os.execve(BASH, ["bash", "--norc", "--noprofile", "-i"], env)  # noqa: S606 - it is one

    def shown(until: str) -> str:
        text, end = "", time.monotonic() + BOUND_S
        while until not in text:
            ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
            assert ready, text
            text += os.read(terminal, 1 << 16).decode(errors="replace")
        return text

    def type_(keys: str, until: str) -> str:
        os.write(terminal, keys.encode())
        return shown(until)

    type_("bind 'set bell-style none'; bind 'set page-completions off'\n", "off")
    type_('eval "$(_MEMMUX_COMPLETE=bash_source memmux)"; echo rea""dy\n', "ready")
    yield type_
    os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    os.waitpid(pid, 0)


def test_commands_modes_hosts_namespaces_settings_pages_and_files(typed: Type, client: Client, short_tmp: Path) -> None:
    client.store("one", namespace="laptops")
    (short_tmp / "exported.jsonl").write_text("")
    for keys, until in (
        ("memmux sea\t", "search"),
        ("memmux search --mode ke\t", "keyword"),
        ("memmux search --mod\tse\t", "semantic"),
        ("memmux install claude-d\t", "claude-desktop"),
        ("memmux --embedder ha\t", "hash"),
        ("memmux --log-level wa\t", "warning"),
        ("memmux import --from chat\t", "chatgpt"),
        ("memmux docs opera\t", "operations"),
        ("memmux explain poiso\t", "poisoned"),
        ("memmux import expor\t", "exported.jsonl"),
        ("memmux key li\t", "list"),
    ):
        assert until in typed(CLEARED + keys, until)
    _complete_patiently(typed, "memmux list --namespace lap", "tops")


def _complete_patiently(typed: Type, keys: str, rest: str) -> None:
    """Have keys completed by the rest, again and again: it is silent where a busy cluster does not answer soon enough.

    What is typed behind them is shown once bash is done with them.
    """
    end = time.monotonic() + BOUND_S
    for number in count():
        behind = f"#{number}#"
        if rest in (shown := typed(f"{CLEARED}{keys}\t{behind}", behind)):
            return
        assert time.monotonic() < end, shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(typed: Type, shell: str) -> None:
    assert "_MEMMUX_COMPLETE" in typed(f"_MEMMUX_COMPLETE={shell}_source memmux; echo do''ne\n", "done")
