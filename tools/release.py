"""`make release` checks that this commit can be released, builds it into dist/, and says what a person does next.

It tags nothing and uploads nothing. A version that CHANGELOG.md still calls unreleased passes, with a note.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNRELEASED = "unreleased"


class NotReadyError(Exception):
    """Raised when something has to be done before a release; says what."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The heading of a version in CHANGELOG.md: `## 1.2.3 (2026-12-24)` or `## 1.2.3 (unreleased)`."""

    version: str
    when: str


def numbers(version: str) -> tuple[int, ...]:
    """Return what versions are compared by; versions here are three numbers."""
    if re.fullmatch(r"\d+\.\d+\.\d+", version) is None:
        raise NotReadyError(f"{version!r} is not of the form 1.2.3")
    return tuple(map(int, version.split(".")))


def version_path(root: Path) -> Path:
    """Return where the module is that says the version."""
    return root.joinpath(tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["version"]["path"])


def version_in(source: str) -> str:
    """Return the version that this module's source assigns."""
    found = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    if found is None:
        raise NotReadyError('no line __version__ = "…" in the file that [tool.hatch.version] names')
    return found[1]


def top_entry(changelog: str) -> Entry:
    """Return the first heading of a version."""
    found = re.search(r"^## (.*)$", changelog, re.MULTILINE)
    entry = re.fullmatch(r"(\S+) \((\S+)\)", found[1]) if found else None
    if entry is None:
        raise NotReadyError("the first ## of CHANGELOG.md is not of the form 1.2.3 (YYYY-MM-DD)")
    return Entry(version=entry[1], when=entry[2])


def check_tree(porcelain: str) -> None:
    """Raise unless `git status --porcelain` has nothing to say."""
    if porcelain:
        raise NotReadyError(f"commit or remove first:\n{porcelain.rstrip()}")


def check_entry(entry: Entry, version: str) -> None:
    """Raise unless the changelog begins with this version, unreleased or with a date."""
    if entry.version != version:
        raise NotReadyError(f"CHANGELOG.md begins with {entry.version}, the version is {version}")
    if entry.when == UNRELEASED:
        return
    try:
        date.fromisoformat(entry.when)
    except ValueError:
        raise NotReadyError(f"CHANGELOG.md: {entry.when} is neither a date nor {UNRELEASED!r}") from None


def check_tags(tags: Sequence[str], version: str) -> None:
    """Raise if the version has a tag, or one that is as new has."""
    released = [tag.removeprefix("v") for tag in tags if re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    if version in released:
        raise NotReadyError(f"v{version} is tagged: set a new version")
    newest = max(released, key=numbers, default="0.0.0")
    if numbers(version) < numbers(newest):
        raise NotReadyError(f"{version} is older than v{newest}, which is tagged: set a new version")


def next_steps(entry: Entry, today: date) -> list[str]:
    """Return what is left to a person, in order."""
    version = entry.version
    dated = (
        [f"change the heading in CHANGELOG.md to: ## {version} ({today})", "commit it", "make release"]
        if entry.when == UNRELEASED
        else []
    )
    return [
        *dated,
        f"git tag --sign v{version} --message 'memmux {version}'",
        f"git push origin main v{version}",
        ".venv/bin/twine upload dist/*",
    ]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; return what it prints, or raise with it."""
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise NotReadyError(f"{' '.join(map(str, command))}\n{ended.stdout}{ended.stderr}".rstrip())
    return ended.stdout


def build(root: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it, alone in dist/."""
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", dist, cwd=root)
    (sdist,) = dist.glob("*.tar.gz")
    (wheel,) = dist.glob("*.whl")
    return sdist, wheel


def installed_version(wheel: Path) -> str:
    """Return what `memmux --version` says where the wheel alone, with all that it needs, has been installed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder, with_pip=True)
        run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"memmux @ {wheel.as_uri()}", cwd=folder)
        return run(folder / "bin" / "memmux", "--version", cwd=folder).strip()


def release(root: Path) -> None:
    """Check, build, check what was built, and say what comes next; raise at the first thing that is not ready."""
    check_tree(run("git", "status", "--porcelain", cwd=root))
    print("ok    the tree is clean")
    version = version_in(version_path(root).read_text())
    check_tags(run("git", "tag", "--list", cwd=root).split(), version)
    print(f"ok    {version} is newer than what is tagged")
    entry = top_entry((root / "CHANGELOG.md").read_text())
    check_entry(entry, version)
    print(f"ok    CHANGELOG.md begins with {version}")
    if entry.when == UNRELEASED:
        print(f"note  CHANGELOG.md calls {version} unreleased: this is a rehearsal")
    sdist, wheel = build(root)
    print(f"ok    built {sdist.name} and {wheel.name} in dist/")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel, cwd=root)
    print("ok    twine finds nothing wrong with them")
    said = installed_version(wheel)
    if version not in said.split():
        raise NotReadyError(f"the version is {version}, but the installed wheel says {said!r}")
    print(f"ok    installed in a new environment: {said}")
    print("\nNothing is tagged or uploaded. Next, by hand:")
    for step in next_steps(entry, date.today()):  # noqa: DTZ011  # the day where the maintainer is
        print(f"  {step}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if all is well."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    try:
        release(ROOT)
    except NotReadyError as error:
        print(f"fail  {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
