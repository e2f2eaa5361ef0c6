"""The arguments of an entry that runs memmux: the settings among them, and whether they start the MCP server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from memmux.config.settings import Settings

COMMAND = "mcp"
_FROM = "from"  # as adopt_from, which only `memmux mcp` takes
_KNOWN = {field.name for field in fields(Settings)}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What stands behind `memmux`.

    settings: by name. others: options that are no setting. bare: options whose value is missing. words: the rest.
    """

    settings: Mapping[str, str]
    others: tuple[str, ...]
    bare: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def parse(cls, given: Sequence[str]) -> Arguments:
        """Return what these arguments say; every option of ours takes a value, beside it or behind `=`."""
        settings, others, bare, words = {}, [], [], []
        left = list(given)
        while left:
            word = left.pop(0)
            if not word.startswith("-"):
                words.append(word)
                continue
            option, equals, value = word.partition("=")
            name = option.removeprefix("--").replace("-", "_")
            if not option.startswith("--") or name not in {*_KNOWN, _FROM}:
                others.append(option)
            elif not equals and not left:
                bare.append(option)
            else:
                settings["adopt_from" if name == _FROM else name] = value if equals else left.pop(0)
        return cls(settings, tuple(others), tuple(bare), tuple(words))

    def faults(self) -> Iterator[str]:
        """Yield what keeps them from starting the MCP server, each as the end of a sentence about the entry."""
        if not self.words:
            yield f"its arguments lack `{COMMAND}`"
        elif self.words[0] != COMMAND:
            yield f"it runs `memmux {self.words[0]}`, which serves no client; its arguments are to be `{COMMAND}`"
        elif self.words[1:]:
            yield f"`memmux {COMMAND}` does not take {' '.join(self.words[1:])}"
        for option in self.others:
            yield f"`memmux {COMMAND}` has no option {option}"
        for option in self.bare:
            yield f"{option} has no value"
