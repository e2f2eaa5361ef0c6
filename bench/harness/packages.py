"""Packages: what an installation without any extra consists of, and how much room each of them takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "memmux"


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package; bytes: of its files. compiled: of the Python that pip has compiled beside them."""

    name: str
    version: str
    bytes: int
    compiled: int


def light() -> list[Package]:
    """Return the packages that `pip install memmux` brings, by the metadata of those that are here; largest first."""
    found = [_package(metadata.distribution(name)) for name in needed(ROOT)]
    return sorted(found, key=lambda package: -package.bytes)


def needed(*wanted: str) -> set[str]:
    """Return the names of the packages that requirements bring, their own among them."""
    waiting = [Requirement(text) for text in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        next_one = waiting.pop()
        key = canonicalize_name(next_one.name), frozenset(next_one.extras)
        if key not in seen:
            seen.add(key)
            waiting += _requirements(next_one)
    return {name for name, _ in seen}


def _requirements(of: Requirement) -> Iterator[Requirement]:
    for text in metadata.requires(of.name) or ():
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *of.extras)):
            yield needed


def _package(found: metadata.Distribution) -> Package:
    sizes = {True: 0, False: 0}
    for file in found.files or ():
        path = file.locate()
        if path.is_file():  # type: ignore[attr-defined]  # it is a path wherever files are
            sizes[file.suffix == ".pyc"] += path.stat().st_size  # type: ignore[attr-defined]  # the same
    return Package(canonicalize_name(found.name), found.version, sizes[False], sizes[True])
