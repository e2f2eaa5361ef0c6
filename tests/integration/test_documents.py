"""Every fenced command of the documents is run, in a fresh home, and prints what they show.

`tests.documents` says how blocks are marked. A page has one home, one shell after the other with the variables and the
folder of the one before, and so one cluster. Commands of memmux that need nothing of a shell are run without one, by
`tests.commands`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.errors import MemmuxError
from tests import commands, documents, forks
from tests.bounds import BOUND_S
from tests.conftest import stop_cluster
from tests.documents import MADE, PAGES, READ, ROOT, RUN, Block
from tests.integration.helpers import all_ready, status_until
from tests.ports import free_port

PORT = "7700"  # of the documents; each page has another one
# A line in which there is nothing for a shell to do.
_PLAIN = re.compile(r"""memmux(?: +(?:[\w./:,=@%+-]+|"[^"$`\\!]*"|'[^']*'))*\s*(?: #.*)?""")
_KEPT = (
    "LANG",
    "LC_ALL",
    "PYTHONUNBUFFERED",
    "TMPDIR",
    "TZ",
    forks.SERVER,
)  # of the variables of whoever runs the tests
PAGES_BY_NAME = {str(page.relative_to(ROOT)): page for page in PAGES if any(documents.blocks(page))}
RUN_PAGES = [
    name
    for name, page in PAGES_BY_NAME.items()
    if name not in MADE and any(block.fate in ("run", "file") or block.instead for block in documents.blocks(page))
]


def _plain(command: str) -> list[list[str]]:
    """Return the words of each line, if all are commands of memmux that no shell changes; otherwise nothing."""
    lines = [line for line in command.splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines] if all(map(_PLAIN.fullmatch, lines)) else []


class Reader:
    """Somebody who types what a page says. home: theirs. model: whether the real one is there."""

    def __init__(self, home: Path, cache: Path, *, model: bool) -> None:
        self._home, self._port, self._model = home, str(free_port()), model
        self._state = home.parent / "shell"
        kept = {name: value for name, value in os.environ.items() if name in _KEPT}
        self.env = {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "XDG_RUNTIME_DIR": str(home.parent / "run"),
            **({"MEMMUX_CACHE_DIR": str(cache)} if model else {}),
            "MEMMUX_IDLE_EXIT_S": f"{BOUND_S}",
            "MEMMUX_START_TIMEOUT_S": f"{BOUND_S}",
            "MEMMUX_REQUEST_TIMEOUT_S": f"{BOUND_S}",
            "MEMMUX_STALL_S": f"{BOUND_S}",
            "COLUMNS": "200",
            **({} if model else {"MEMMUX_EMBEDDER": "hash"}),
        }
        (home.parent / "run").mkdir(mode=0o700)
        self._variables = home.parent / "variables"  # that the last shell left, each with a zero at its end
        self._state.write_text(f"cd {shlex.quote(str(home))}\n")
        self._run("true")

    def write(self, block: Block) -> None:
        """Write the file that a block is."""
        folder = self._run("pwd").stdout.strip()
        file = Path(folder, block.file.replace("~", str(self._home), 1))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text.replace(PORT, self._port))

    def follow(self, block: Block) -> None:
        """Run a block, and compare what it prints with what the page shows."""
        where = f"{block.page}:{block.line}"
        for command, shown in block.commands:
            script = block.language == "python" and command == block.text
            said = self._run(f"python - <<'END'\n{command}\nEND" if script else command)
            refused = shown is not None and shown.startswith("memmux: ")
            assert bool(said.returncode) is refused, f"{where}: {command}\n{said.stdout}{said.stderr}"
            if shown is not None:
                told = [text.replace(str(self._home), "~") for text in (said.stdout, said.stderr + said.stdout)]
                differences = [documents.differs(text, shown, scores=self._model) for text in told]
                assert not all(differences), f"{where}: {command}\n{differences[-1]}"
            if self._model:
                self._settle()

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        command = command.replace(PORT, self._port)
        if plain := _plain(command):
            return self._run_plain(plain)
        state, variables = shlex.quote(str(self._state)), shlex.quote(str(self._variables))
        keep = f"{{ export -p; declare -f; printf 'cd %q\\n' \"$PWD\"; }} > {state}; env -0 > {variables}"
        script = f". {state}\nset -e\n{command}\n{keep}\n"
        return subprocess.run(
            ["/bin/bash", "-c", script], env=self.env, capture_output=True, text=True, timeout=BOUND_S, check=False
        )

    def _run_plain(self, lines: list[list[str]]) -> subprocess.CompletedProcess[str]:
        """Run commands of memmux one after the other until one fails; return the last, with what all of them said."""
        variables = dict(one.split("=", 1) for one in self._variables.read_text().split("\0") if one)
        out = err = ""
        for line in lines:
            ended = commands.text(commands.run(line[1:], variables, cwd=Path(variables["PWD"])))
            out, err = out + ended.stdout, err + ended.stderr
            if ended.returncode:
                break
        return subprocess.CompletedProcess(ended.args, ended.returncode, out, err)

    def _settle(self) -> None:
        """Return when the model is there, and everything has its vector: what the page shows, it shows then."""
        for settings in self._settings():
            with Client(settings=settings, name="reader", start=False) as client, suppress(MemmuxError):
                status_until(client, lambda status: not status.pending and all_ready(status))

    def _settings(self) -> Iterator[object]:
        for endpoint in self._home.rglob("*.endpoint"):
            yield load(environment={**self.env, "MEMMUX_DATABASE": str(endpoint.with_suffix(""))})

    def leave(self) -> None:
        """Stop every cluster that was started."""
        for settings in self._settings():
            stop_cluster(settings)


@pytest.fixture
def reader(short_tmp: Path, model_cache: Path, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """Somebody with a fresh home."""
    home = short_tmp / "home"
    home.mkdir()
    reader = Reader(
        home, model_cache, model=documents.assumes_model(PAGES_BY_NAME[request.node.callspec.params["page"]])
    )
    yield reader
    reader.leave()


@pytest.mark.parametrize("page", RUN_PAGES)
def test_every_command_of_a_page_does_what_it_shows(page: str, reader: Reader) -> None:
    for block in documents.blocks(PAGES_BY_NAME[page]):
        if block.fate == "file":
            reader.write(block)
        elif block.fate == "run" or block.instead:
            reader.follow(block)


@pytest.mark.parametrize("page", PAGES_BY_NAME)
def test_every_block_is_run_or_read_or_says_why_not(page: str, record_property: pytest.RecordProperty) -> None:
    found = list(documents.blocks(PAGES_BY_NAME[page]))
    for block in found:
        where = f"{page}:{block.line}"
        assert block.language in (*RUN, *READ, "", "yaml", "markdown", "{toctree}"), where
        assert not block.looks_run or page in MADE, f"{where}: say ```sh, or why it is not run"
        if block.language == "toml":
            tomllib.loads(block.text)
        if block.language == "json" and "…" not in block.text:
            json.loads(block.text)
    for fate, count in Counter(block.fate for block in found).items():
        record_property(fate, count)


def test_what_is_not_run_has_a_reason_that_lasts() -> None:
    """A reason is a thing that no machine for tests has, not a defect of the page."""
    reasons = {block.not_run for page in PAGES for block in documents.blocks(page) if block.not_run}
    lasting = re.compile(r"needs .+|takes .+|stays in front|is for .+|ends the .+|is a form")
    assert [reason for reason in reasons if not lasting.match(reason)] == []


def test_most_commands_are_run() -> None:
    counted = Counter(
        block.fate
        for name, page in PAGES_BY_NAME.items()
        if name not in MADE
        for block in documents.blocks(page)
        if block.language in RUN
    )
    assert counted["run"] > counted["not run"], counted
