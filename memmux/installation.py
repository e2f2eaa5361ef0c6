"""The installation of memmux: the commands that add a package to it, and that remove it."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from importlib.metadata import Distribution


def adding(*arguments: str, prefix: str = sys.prefix) -> str:
    """Return the command that installs what `arguments` of pip name where memmux is.

    Another pip would install it elsewhere; to that one an extra, as `memmux[postgres]`, is of a package that it does
    not find.
    """
    named = shlex.join(arguments)
    if _uv(prefix):
        return f"uv pip install --python {shlex.quote(sys.executable)} {named}"
    return f"{shlex.quote(sys.executable)} -m pip install {named}"


def removal(prefix: str = sys.prefix) -> str:
    """Return how the package goes, by how it was installed."""
    parts = Path(prefix).parts
    if "pipx" in parts:
        return "pipx uninstall memmux"
    if _uv_tool(prefix):
        return "uv tool uninstall memmux"
    known = _distribution()
    if known is None:
        return "it was not installed: remove the folder that it runs from"
    with suppress(orjson.JSONDecodeError, TypeError, KeyError):
        origin = orjson.loads(known.read_text("direct_url.json") or "{}")
        if origin["dir_info"].get("editable"):
            return f"{sys.executable} -m pip uninstall memmux, and remove the checkout {origin['url']}"
    if _uv(prefix):
        return f"uv pip uninstall --python {sys.executable} memmux"
    own = f"{sys.executable} -m pip uninstall memmux"
    return own if prefix == sys.base_prefix else f"{own}; or remove {prefix}, if it is for memmux alone"


def _uv(prefix: str) -> bool:
    """Return whether uv installed memmux; its environments have no pip."""
    known = _distribution()
    return _uv_tool(prefix) or (known is not None and (known.read_text("INSTALLER") or "").strip() == "uv")


def _distribution() -> Distribution | None:
    from importlib.metadata import PackageNotFoundError, distribution  # costs 10 ms, and few processes ask

    try:
        return distribution("memmux")
    except PackageNotFoundError:
        return None


def _uv_tool(prefix: str) -> bool:
    parts = Path(prefix).parts
    return "uv" in parts and "tools" in parts
