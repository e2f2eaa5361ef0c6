"""docs/tutorial.md, followed to the letter by a user who has nothing yet, all but the installation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.bounds import BOUND_S

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def _of(language: str) -> list[str]:
    return [text for known, text in BLOCKS if known == language]


def _script() -> str:
    """What is typed, with the file that is saved; the first commands install, and what they make is given here."""
    (program,) = _of("python")
    installing, *commands = _of("sh")
    assert "pip install" in installing
    saved = f"cat > second.py <<'END'\n{program}END\n"
    typed = "".join(saved + block if "second.py" in block else block for block in commands)
    return f"set -eu\ndeactivate() {{ :; }}\nmkdir ~/memmux-tutorial\n{typed}"


def _lines(output: str) -> set[str]:
    """Lines without what differs from run to run: ids, numbers, the state of an embedder."""
    without = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+|ready|starting", "X", output)
    return {" ".join(line.split()) for line in without.splitlines()} - {"", "…"}


def test_every_command_of_the_tutorial_works_and_prints_what_the_page_shows(
    settings_env: dict[str, str], short_tmp: Path
) -> None:
    unset = ("MEMMUX_DATABASE", "MEMMUX_STATE_DIR", "MEMMUX_CACHE_DIR")
    env = {name: value for name, value in settings_env.items() if name not in unset and not name.startswith("XDG_")}
    path = f"{Path(sys.executable).parent}:{env['PATH']}"
    ended = subprocess.run(
        ["bash"],  # noqa: S607  # the user's
        env={**env, "HOME": str(short_tmp), "PATH": path},
        cwd=short_tmp,
        input=_script(),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert _lines("".join(_of(""))) <= _lines(ended.stdout)
    assert not (short_tmp / "memmux-tutorial").exists()
