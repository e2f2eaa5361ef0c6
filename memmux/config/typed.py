"""Typed: a path as somebody typed it."""

from __future__ import annotations

from pathlib import Path

from memmux.errors import ArgumentInvalidError


def path(text: str | Path) -> Path:
    """Return the path from the root, with `~` as a home folder; raise ArgumentInvalidError if it can't be told."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ArgumentInvalidError(
            f"{text} names the home folder of a user that there is not; if the name begins with ~, write ./{text}"
        ) from None
    except OSError:
        raise ArgumentInvalidError(
            f"{text} is from the working directory on, which is gone; change into another one, or write the whole path"
        ) from None
