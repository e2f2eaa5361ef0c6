"""The environment of a test: with its own file of settings, and nothing that this machine says."""

from __future__ import annotations

from pathlib import Path


def environment(config: Path, **variables: str) -> dict[str, str]:
    return {"MEMMUX_CONFIG": str(config), **variables}
