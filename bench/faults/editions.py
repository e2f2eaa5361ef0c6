"""Editions: memmux as another version of itself, with an interpreter of its own that finds that one first."""

from __future__ import annotations

import compileall
import shutil
import site
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import memmux
from memmux.config.settings import Settings
from memmux.version import __version__

PACKAGES = ("memmux", "router", "workers", "mcp_dealer", "bench")


@dataclass(frozen=True, slots=True)
class Edition:
    """A version of memmux and the interpreter that runs it."""

    version: str
    python: Path

    def command(self, settings: Settings, *arguments: str) -> list[str]:
        """Return the command line of `memmux ARGUMENTS…` with these settings."""
        return [str(self.python), "-P", "-m", "memmux", *settings.flags(), *arguments]


def this() -> Edition:
    """Return the edition that runs this."""
    return Edition(__version__, Path(sys.executable))


def make(folder: Path, version: str) -> Edition:
    """Make an edition of that version in `folder`: a copy of the code that runs this, and a venv without pip."""
    code, home = folder / "code", folder / "venv"
    root = Path(memmux.__file__).parents[1]
    for name in PACKAGES:
        # With what Python has compiled, which need not be done again, but not what it is just writing.
        shutil.copytree(root / name, code / name, ignore=shutil.ignore_patterns("*.pyc.*"))
    told = code / "memmux" / "version.py"
    text = told.read_text(encoding="utf-8")
    told.write_text(text.replace(f'__version__ = "{__version__}"', f'__version__ = "{version}"'), encoding="utf-8")
    compileall.compile_dir(code, quiet=1)  # as pip does
    venv.EnvBuilder(symlinks=True, with_pip=False).create(home)
    (packages,) = home.glob("lib/python*/site-packages")
    # Folders that a .pth names are searched in its order; and the .pth files inside them are not, so the copy is first.
    lines = [code, *map(Path, site.getsitepackages())]
    (packages / "memmux.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Edition(version, home / "bin" / "python")


def later(version: str = __version__) -> str:
    """Return a version that comes after that one."""
    from packaging.version import Version

    return f"{Version(version).major + 1}.0.0"
