"""A guest: who is at the other end of HTTP, for people who look at the clients of a cluster. Nothing goes by it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

CHARACTERS: Final = 64  # of what an application says that it is
_READ: Final = 512  # characters of a User-Agent; some are made to be searched for minutes
_BROWSERS: Final = re.compile(r"\b(Edg|OPR|Firefox|Chrome)/([0-9]+)|\b(Version)/([0-9]+)[0-9.]* .*Safari/")
_NAMES: Final[Mapping[str, str]] = {"Edg": "Edge", "OPR": "Opera", "Version": "Safari"}


@dataclass(frozen=True, slots=True)
class Guest:
    """Where a request came from, and which application sent it, as that says itself; empty where it is not known."""

    address: str = ""
    application: str = ""

    @classmethod
    def of(cls, address: str, user_agent: str) -> Self:
        """Return who sent a request, by the beginning of its User-Agent, or by the browser that this names."""
        said = user_agent[:_READ]
        if said.startswith("Mozilla/"):
            found = {name or other: version or second for name, version, other, second in _BROWSERS.findall(said)}
            best = next((name for name in ("Edg", "OPR", "Firefox", "Chrome", "Version") if name in found), "")
            said = f"{_NAMES.get(best, best)} {found[best]}" if best else "browser"
        return cls(address, _shown(said.partition(" (")[0].partition(" ")[0] if "/" in said else said))

    def running(self, name: str, version: str) -> Guest:
        """Return the same with the application that a client of MCP says that it is."""
        return Guest(self.address, _shown(f"{name} {version}"))

    def about(self) -> dict[str, object]:
        """Return what the cluster is told of it."""
        said: dict[str, object] = {"address": self.address, "application": self.application}
        return {name: value for name, value in said.items() if value}


def _shown(said: str) -> str:
    return "".join(filter(str.isprintable, said)).strip()[:CHARACTERS]


UNKNOWN: Final = Guest()
