"""What a process of memmux has from the environment: nothing of it comes before memmux's own modules.

Only built-in modules are imported here, since a relay imports it, and since it decides what others are found.
"""

from __future__ import annotations

import os
import sys

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  # pathlib is an import
"""The folder that memmux and the packages beside it are in."""

PATH = "PYTHONPATH"
_OTHERS = ("PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "PYTHONCASEOK")
"""Variables by which Python finds or runs something else than it would by itself."""


def environment() -> dict[str, str]:
    """Return the environment for a process that runs a module of ours: this one's, without another Python's variables.

    A project may name folders in PYTHONPATH that hold a `router/`, a `zmq.py` or a `sitecustomize.py` of its own. Only
    where memmux itself is found by it are they kept, behind memmux.
    """
    kept = {name: value for name, value in os.environ.items() if name not in (PATH, *_OTHERS)}
    if HOME in (named := _named()):
        kept[PATH] = os.pathsep.join([HOME, *(entry for entry in named if entry != HOME)])
    return kept


def trust_path() -> None:
    """Have this process, too, import nothing from the working directory and, as above, from PYTHONPATH.

    MCP hosts start servers inside users' projects, which may hold a `router.py` or a `workers/` of their own.
    """
    named = _named()
    if HOME in named:
        sys.path[:] = [HOME, *(entry for entry in sys.path if entry != HOME)]
        named = []
    try:
        here = os.getcwd()  # noqa: PTH109  # pathlib is an import
    except FileNotFoundError:  # the working directory was removed, and holds nothing
        here = ""
    unsafe = {*named, *(() if sys.flags.safe_path else ("", here))} - {HOME}
    sys.path[:] = [entry for entry in sys.path if entry not in unsafe]


def _named() -> list[str]:
    """Return the folders in PYTHONPATH, as Python puts them on its path."""
    if sys.flags.ignore_environment:
        return []
    given = os.environ.get(PATH, "")
    return [os.path.abspath(entry) for entry in given.split(os.pathsep)] if given else []  # noqa: PTH100  # as above
