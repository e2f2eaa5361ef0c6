"""Markdown: its first heading is its title, unless what stands before the text says another, as YAML or TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from memmux.ingest.formats.base import Budget, Document, clean, one
from memmux.ingest.formats.encoding import decode
from memmux.ingest.formats.json_lines import blocks

_HEADING = re.compile(r"^#{1,6}[ \t]+(\S[^\n]*)", re.MULTILINE)
_MATTERS = {"---\n": ("\n---\n", "\n...\n"), "+++\n": ("\n+++\n",)}
"""How front matter begins, and how it ends: that of YAML and that of TOML."""
MATTER_CHARACTERS = 64 << 10  # of front matter
REMARK_CHARACTERS = 300
_TAGS = ("tags", "tag", "keywords")


def read(data: bytes, extension: str) -> Document:
    """Return the document; raise ArgumentInvalidError if it is no text."""
    del extension  # there is one
    text = clean(decode(data))
    said, text, remark = _matter(text)
    matter = {str(key): value for key, value in said.items()}
    lower = {key.lower(): key for key in matter}
    title, tags = "", list[str]()
    if isinstance(matter.get(lower.get("title", "")), str):
        title = str(matter.pop(lower["title"]))
    for name in _TAGS:
        if name in lower and (words := list(_words(matter[lower[name]]))):
            tags += words
            del matter[lower[name]]
    # What else is said there may be asked for as well.
    before = "\n".join(blocks(matter, Budget())) if matter else ""
    return one(f"{before}\n\n{text}" if before else text, title=title or heading(text), tags=tuple(tags), remark=remark)


def heading(text: str) -> str:
    """Return the first heading of a text, empty if it has none."""
    found = _HEADING.search(text)
    return found[1].rstrip("# \t") if found is not None else ""


def _matter(text: str) -> tuple[Mapping[Any, Any], str, str]:
    """Return what front matter says, the text after it, and why it could not be read.

    Of a text without, or with what is none, all of it is text.
    """
    ends = _MATTERS.get(text[:4])
    if ends is None:
        return {}, text, ""
    head = text[:MATTER_CHARACTERS] + ("\n" if len(text) < MATTER_CHARACTERS else "")
    end, mark = min(((place, mark) for mark in ends if (place := head.find(mark, 3)) >= 0), default=(-1, ""))
    if end < 0:
        return {}, text, ""  # a rule across the page, as a rule
    try:
        said = _toml(text[4 : end + 1]) if text.startswith("+") else _yaml(text[4 : end + 1])
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        return {}, text, f"its front matter can't be read and was taken as text: {why}"[:REMARK_CHARACTERS]
    return ({}, text, "") if said is None else (said, text[end + len(mark) :].lstrip("\n"), "")


def _yaml(text: str) -> Mapping[Any, Any] | None:
    """Return what YAML says; None if that is no object. Raises ValueError."""
    import yaml  # costs 20 ms, and most files have none

    try:
        # Its aliases are references to one object: nothing here follows them but `blocks`, which counts.
        said = yaml.load(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)  # noqa: S506 - safe
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    return said if isinstance(said, Mapping) else None


def _toml(text: str) -> Mapping[Any, Any]:
    """Return what TOML says; raise ValueError."""
    return {str(key): value for key, value in tomllib.loads(text).items()}


def _words(value: object) -> Iterator[str]:
    """Yield the tags that a value says: a list, or a text with commas, or of words."""
    if isinstance(value, str):
        values: list[object] = [*(value.split(",") if "," in value else value.split())]
    else:
        values = value if isinstance(value, list) else []
    for each in values:
        if isinstance(each, str | int | float):
            yield str(each).strip().removeprefix("#")
