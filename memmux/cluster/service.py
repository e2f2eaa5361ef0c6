"""The service: a file by which systemd or launchd keeps a database's cluster running for its user.

What it runs is `memmux serve --take-over`, by the absolute path of the interpreter. It takes over from a cluster that a
client has started, and never exits for want of clients.
"""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from memmux.cluster.holder import STOP_S
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.config.values import NONE
from memmux.errors import ServiceError, ServiceForeignError
from memmux.files import durable, private

MARK = "Made by `memmux service install`; `memmux service uninstall` removes it."
RUN_S = 60.0  # for one command of the service manager
PAUSE_S = 0.1  # between two looks whether a service has ended
_BUS = (
    ". A user's services need a session of that user: log in as them, not with su or sudo, or run `loginctl "
    "enable-linger` for them"
)
_SPECIAL = {"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$", "\n": "\\n"}  # systemd.service(5), systemd.syntax(7)


@dataclass(frozen=True, slots=True)
class Service:
    """The service that keeps one cluster running.

    name: as the service manager knows it. path, content: its file. start, stop, look: the commands that take it up, end
    it, and say with their exit code whether it runs. resume: starts it again, in case its process has handed over.
    reloads: whether `start` takes up a file that has changed; if not, the service is ended first.
    """

    name: str
    path: Path
    content: bytes
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    look: tuple[str, ...]
    resume: tuple[str, ...]
    reloads: bool = True

    @property
    def installed(self) -> bool:
        """Whether its file is there, and of our making."""
        return self.path.is_file() and not self.foreign

    @property
    def foreign(self) -> bool:
        """Whether a file of its name is there that somebody else made."""
        return self.path.is_file() and MARK.encode() not in self.path.read_bytes()

    @property
    def managed(self) -> bool:
        """Whether the program that runs services is there."""
        return shutil.which(self.look[0]) is not None

    @property
    def active(self) -> bool:
        """Whether it runs now."""
        return self.managed and _run(self.look).returncode == 0


def of(
    settings: Settings,
    *,
    platform: str = sys.platform,
    home: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Service:
    """Return the service of the settings' database on this machine; raise ServiceError where there can be none."""
    home, environment = home or Path.home(), os.environ if environment is None else environment
    if platform == "darwin":
        return _agent(settings, home)
    if platform != "linux":
        raise ServiceError("services are for systemd and launchd; run `memmux serve` in another way here")
    config = environment.get("XDG_CONFIG_HOME") or home / ".config"
    return _unit(settings, Path(config))


def every(settings: Settings, **machine: Any) -> list[Service]:
    """Return the services that were installed for any database; machine: as of `of`. None where there can be none."""
    try:
        own = of(settings, **machine)
    except ServiceError:
        return []
    before, after = own.name.split(Places(settings).digest)
    named = own.path.name.removeprefix(own.name)  # nothing, or the extension that is not part of the name
    paths = sorted(own.path.parent.glob(f"{before}*{after}{named}"))
    services = [_renamed(own, path.name.removesuffix(named), path) for path in paths]
    return [service for service in services if service.installed]


def _renamed(service: Service, name: str, path: Path) -> Service:
    def commands(given: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        return tuple(
            tuple(part.replace(str(service.path), str(path)).replace(service.name, name) for part in command)
            for command in given
        )

    (look,), (resume,) = commands((service.look,)), commands((service.resume,))
    start, stop = commands(service.start), commands(service.stop)
    return replace(service, name=name, path=path, start=start, stop=stop, look=look, resume=resume)


def install(service: Service) -> list[tuple[str, ...]]:
    """Write the file and take the service up; return the commands that are left to be run, as there is no manager here.

    Raises ServiceForeignError, and ServiceError when the manager refuses: then everything is as it was.
    """
    _check(service)
    before = service.path.read_bytes() if service.installed else None
    missing = [folder for folder in service.path.parents if not folder.exists()]
    private.make_folder(service.path.parent)
    durable.write(service.path, service.content)
    if not service.managed:
        return list(service.start)
    if before is not None and not service.reloads:
        _end(service)
    if refused := _refusal(service.start):
        if before is not None:
            durable.write(service.path, before)
            if not service.reloads:
                _refusal(service.start)
            raise ServiceError(f"{refused}; the service is as it was")
        _run(service.stop[0])
        service.path.unlink()
        for folder in missing:
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise ServiceError(f"{refused}; nothing is left of it, so run this again then")
    return []


def uninstall(service: Service) -> bool:
    """End the service and remove its file; return whether there was one.

    Raises ServiceForeignError, and ServiceError when the manager refuses: the file is removed all the same.
    """
    _check(service)
    if not service.installed:
        return False
    refused = _refusal(service.stop[:1]) if service.managed else ""
    service.path.unlink()
    if service.managed and not refused:
        refused = _refusal(service.stop[1:])
    if refused:
        raise ServiceError(
            f"{refused}; {service.path} was removed all the same, and `memmux stop` ends what still runs"
        )
    return True


def resume(service: Service) -> bool:
    """Have an installed service that has handed over serve again; return whether it does."""
    return service.installed and service.managed and _run(service.resume).returncode == 0


def _end(service: Service) -> None:
    """End a service, and return once it has ended, or has had the time of one command."""
    _run(service.stop[0])
    until = time.monotonic() + RUN_S
    while service.active and time.monotonic() < until:
        time.sleep(PAUSE_S)


def _check(service: Service) -> None:
    if service.foreign:
        raise ServiceForeignError(
            f"{service.path} is there and is not ours, so it was left as it is; move it away and try again"
        )


def _arguments(settings: Settings) -> list[str]:
    """Return the command line: the database, and what differs from the defaults."""
    served, usual = replace(settings, idle_exit_s=0.0), Settings()
    told = ["database", "adopt_from", "idle_exit_s"]
    told += [known.name for known in fields(Settings) if getattr(served, known.name) != getattr(usual, known.name)]
    named = {f"--{name.replace('_', '-')}" for name in told}
    flags = [flag for flag in served.flags() if flag.partition("=")[0] in named and flag != f"--adopt-from={NONE}"]
    return [sys.executable, "-P", "-m", "memmux", *flags, "serve", "--take-over"]


def _unit(settings: Settings, config: Path) -> Service:
    name = f"memmux-{Places(settings).digest}.service"
    text = f"""\
# {MARK}
[Unit]
Description=memmux, the memory in {_written(settings.where)}

[Service]
Type=exec
ExecStart={" ".join(map(_quoted, _arguments(settings)))}
WorkingDirectory={_written(str(settings.database.parent))}
SyslogIdentifier=memmux
Restart=on-failure
RestartSec=1
TimeoutStopSec={settings.drain_s + STOP_S:.0f}
KillMode=mixed
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
    control = ("systemctl", "--user")
    return Service(
        name=name,
        path=config / "systemd" / "user" / name,
        content=text.encode(),
        start=((*control, "daemon-reload"), (*control, "enable", "--now", name)),
        stop=((*control, "disable", "--now", name), (*control, "daemon-reload")),
        look=(*control, "--quiet", "is-active", name),
        resume=(*control, "start", name),
    )


def _quoted(argument: str) -> str:
    return '"' + "".join(_SPECIAL.get(character, character) for character in argument) + '"'


def _written(text: str) -> str:
    """Return a text as the rest of a line, where only what stands for something else needs care."""
    return text.replace("%", "%%").replace("\n", " ")


def _agent(settings: Settings, home: Path) -> Service:
    label = f"memmux.{Places(settings).digest}"
    content = plistlib.dumps(
        {
            "Label": label,
            "ProgramArguments": _arguments(settings),
            "WorkingDirectory": str(settings.database.parent),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 1,
            "ExitTimeOut": round(settings.drain_s + STOP_S),
            "ProcessType": "Background",
            "Umask": 0o077,
            "StandardErrorPath": str(Places(settings).logs / "service.err"),
        },
        sort_keys=False,
    ).replace(b"<plist", f"<!-- {MARK} -->\n<plist".encode(), 1)
    domain = f"gui/{os.getuid()}"
    path = home / "Library" / "LaunchAgents" / f"{label}.plist"
    return Service(
        name=label,
        path=path,
        content=content,
        start=(("launchctl", "bootstrap", domain, str(path)),),
        stop=(("launchctl", "bootout", f"{domain}/{label}"),),
        look=("launchctl", "print", f"{domain}/{label}"),
        resume=("launchctl", "kickstart", f"{domain}/{label}"),
        reloads=False,
    )


def _refusal(commands: Sequence[tuple[str, ...]]) -> str:
    """Run commands up to the first that fails; return what it says, with the remedy, or nothing."""
    for command in commands:
        ended = _run(command)
        if ended.returncode:
            said = " ".join((ended.stderr or ended.stdout).split()) or f"exit code {ended.returncode}"
            return f"`{' '.join(command)}` failed: {said}{_BUS if 'bus' in said else ''}"
    return ""


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
