"""The command `memmux docs`: the documents of this installation, or of the checkout that it runs from."""

from __future__ import annotations

import difflib
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import click

from memmux.cli import output
from memmux.cli.options import json_option
from memmux.errors import NotFoundError

_INSTALLED = Path(__file__).parents[1] / "manual"
_CHECKOUT = Path(__file__).parents[2]
_SHOWN = 3  # pages that are named in the place of one that is not there


@click.command()
@click.argument("page", metavar="[PAGE]", required=False)
@click.option("--open", "open_", is_flag=True, help="Open the file with the browser instead.")
@json_option
def docs(page: str | None, *, open_: bool, as_json: bool) -> None:
    """Print PAGE of the documents, or list them all.

    They are those of this version, and need no network. Dashboards and alert rules are among them: `memmux docs
    ops/alerts.yml > alerts.yml`.
    """
    if page is None and as_json:
        listed = [{"name": name, "title": _title(path), "path": str(path)} for name, path in pages().items()]
        output.document({"pages": listed})
        return
    if page is None:
        for name, path in pages().items():
            output.line(output.styled(name.ljust(28), bold=True), "  ", _title(path))
        return
    path = find(page)
    if open_:
        output.line(str(path))
        webbrowser.open(path.as_uri())
        return
    text = path.read_text(encoding="utf-8")
    if as_json:
        output.document({"path": str(path), "text": text})
        return
    if sys.stdout.isatty():
        click.echo_via_pager(text)
    else:
        output.block(text)


def pages() -> dict[str, Path]:
    """Return the files of the manual by their names: those of docs/ without the folder, and no `.md` at the end."""
    root = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    above = sorted(root.glob("*.md"))
    below = [
        path
        for pattern in ("*.md", "*/*.md", "ops/*", "examples/*.py")
        for path in sorted((root / "docs").glob(pattern))
    ]
    names = {path.relative_to(root).as_posix().removeprefix("docs/"): path for path in (*below, *above)}
    return {name.removesuffix(".md").lower(): path for name, path in names.items()}


def find(page: str) -> Path:
    """Return the file of a page, by its name or its path; raise NotFoundError, which names those that are like it."""
    known = pages()
    name = page.strip().lower().removeprefix("./").removeprefix("docs/").removesuffix(".md")
    found = known.get(name) or next((path for one, path in known.items() if one.rpartition("/")[2] == name), None)
    if found is None:
        raise NotFoundError(f"there is no page {page!r}; {_meant(name, list(known))}")
    return found


def _meant(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, _SHOWN)
    there = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{there}`memmux docs` lists them all"


def _title(path: Path) -> str:
    """Return the first heading of a page; of what is none, nothing."""
    if path.suffix != ".md":
        return ""
    with path.open(encoding="utf-8") as lines:
        return next((line.lstrip("# ").rstrip() for line in lines if line.startswith("# ")), "")
