"""The arena: a throwaway cluster in a folder of its own, which processes are its own, and the signals they are sent."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.harness.measure import until
from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.errors import ClusterError, ClusterUnreachableError
from memmux.logs import log
from memmux.processes import alive, command_lines

STOP_S = 240.0  # for the cluster to hear that it shall stop
END_S = 240.0  # what the processes of a stopped cluster may take to be gone
_LOOK_S = 0.05
_PROC = sys.platform == "linux"


class Arena:
    """A folder with one cluster's database, sockets and logs.

    kept: set it to leave the folder behind, for a look at what went wrong.
    """

    def __init__(self, **changes: Any) -> None:
        # Sockets have short paths: everything stands right in the folder.
        self.folder = Path(tempfile.mkdtemp(prefix="memmux-")).resolve()
        self.settings: Settings = replace(
            load(),
            database=self.folder / "bench.db",
            adopt_from=None,  # never what is in a developer's home
            runtime_dir=self.folder / "run",
            state_dir=self.folder / "state",
            **changes,
        )
        self.kept = False
        log.configure("bench", self.settings)

    def stop(self) -> bool:
        """Stop the cluster, if one runs and answers; return whether one did."""
        with suppress(ClusterUnreachableError), Client(settings=self.settings, name="bench", start=False) as client:
            client.stop()
            return True
        return False

    def end(self) -> None:
        """Stop the cluster, and say so again to one that is too busy to hear it; raise TimeoutError if it goes on."""
        with until(STOP_S, "stopping") as wait:
            while True:
                with suppress(ClusterError):  # it was late to answer, or to exit
                    if self.stop():
                        return
                if not self.pids("router"):
                    return
                wait()

    def running(self) -> dict[int, str]:
        """Return the command lines, by pid, of all processes that belong here, except this one."""
        flag = f"--database={self.settings.database}"
        return {pid: line for pid, line in command_lines() if flag in line.split() and pid != os.getpid()}

    def kill(self) -> None:
        """End everything that runs here at once."""
        bound = time.monotonic() + END_S
        while (running := self.running()) and time.monotonic() < bound:
            for pid in running:  # of a router that is killed the workers end by themselves
                self.strike(pid, signal.SIGKILL)
            time.sleep(_LOOK_S)

    def left(self) -> dict[int, str]:
        """Return what still runs when everything had its time to end; nothing of it runs any more after that."""
        bound = time.monotonic() + END_S
        while (running := self.running()) and time.monotonic() < bound:
            time.sleep(_LOOK_S)
        self.kill()
        return running

    def pids(self, role: str) -> list[int]:
        """Return the processes of a role, as `roles` names it, that run."""
        return [pid for pid, line in self.running().items() if _role(line.split()) == role]

    def strike(self, pid: int, number: signal.Signals) -> bool:
        """Send a signal to a process if it is one of this arena; return whether it was."""
        if not alive(pid) or pid not in self.running():
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    def remove(self) -> None:
        """Remove the folder, unless it is to be kept; then say where it is."""
        if self.kept:
            sys.stderr.write(f"database, ledgers and logs are kept in {self.folder}\n")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def arena(**changes: Any) -> Iterator[Arena]:
    """Give an arena whose settings are this machine's with these changes; at the end nothing of it runs any more."""
    made = Arena(**changes)
    try:
        yield made
    except Exception:
        made.kept = True
        raise
    except (KeyboardInterrupt, SystemExit):  # nobody waits for a cluster that is thrown away
        made.kill()
        raise
    finally:
        with suppress(Exception):  # whatever is wrong with the cluster, its processes must not outlive this one
            made.end()
        made.left()
        made.remove()


def roles(left: Mapping[int, str]) -> str:
    """Return what processes are, by their command lines: `router 4711, write 4712` and the like."""
    return ", ".join(sorted(f"{_role(line.split())} {pid}" for pid, line in left.items()))


def _role(words: Sequence[str]) -> str:
    """Return what a process is: its module, of a worker its kind, and of the MCP server how it serves."""
    if "-m" not in words[:-1]:
        return "relay" if "mcp" in words else " ".join(words[:1])
    module, *arguments = words[words.index("-m") + 1 :]
    if module == "workers" and arguments:
        return arguments[0]
    if module == "mcp_dealer" and arguments:
        return f"gateway {arguments[0].partition('=')[0]}"
    return "relay" if module == "memmux" and "mcp" in arguments else module
