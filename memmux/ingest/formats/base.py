"""A document as it is read: its parts, and the counting of its characters while they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from memmux import limits
from memmux.errors import ArgumentInvalidError


@dataclass(frozen=True, slots=True)
class Part:
    """A text that is cut into chunks of its own; page: counted from 1, of a PDF."""

    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document; title: its own, empty if it says none. tags: those that it gives itself.

    remark: what was not as it should be, though the document could be read; empty if all was.
    """

    title: str
    parts: tuple[Part, ...]
    tags: tuple[str, ...] = ()
    remark: str = ""


class Budget:
    """The characters that a document may still have; what is read is counted while it comes, not when all is there."""

    def __init__(self) -> None:
        self._used = 0

    def spend(self, text: str) -> str:
        """Return the text; raise ArgumentInvalidError once there are too many characters."""
        self._used += len(text)
        if self._used > limits.INGEST_CHARACTERS:
            raise ArgumentInvalidError(
                f"its text has more than {limits.INGEST_CHARACTERS} characters, the most; split it"
            )
        return text

    def counted(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield the texts; raises as `spend` does."""
        for text in texts:
            yield self.spend(text)


def clean(text: str) -> str:
    """Return a text with line feeds only, without zeros and lone surrogates."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def one(text: str, *, title: str = "", tags: tuple[str, ...] = (), remark: str = "") -> Document:
    """Return a document that is all one part; raise ArgumentInvalidError if it has too many characters."""
    return Document(title, (Part(Budget().spend(text)),), tags, remark)


def unreadable(what: str, error: Exception) -> ArgumentInvalidError:
    """Return the error that says that a file is not what its name says."""
    return ArgumentInvalidError(f"it can't be read as {what}: {type(error).__name__}: {error}"[:1000])
