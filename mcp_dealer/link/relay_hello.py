"""The HELLO of a relay: it says where its host is; the environment of this process, which has many hosts, does not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Self

from memmux import when
from memmux.config.settings import Settings, parse_flags
from memmux.relay.frames import Frame, unpack_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayHello:
    """What a relay says of itself and of the host that started it, in its first frame.

    session: a name that no other relay has. version: of the relay's memmux. pid, host_pid: of the relay and the host; 0
    where unknown. settings: as they are where the host started it. folder: its working directory. environment: of its
    variables those that matter to a server. offered: the number of the last line that an earlier gateway was sent.
    deaths: how many connections to gateways ended in a row, each soon after it began.
    """

    settings: Settings
    session: str
    version: str = ""
    pid: int = 0
    host_pid: int = 0
    folder: Path = Path("/")
    environment: Mapping[str, str]
    offered: int = 0
    deaths: int = 0

    @classmethod
    def of(cls, frame: Frame, peer_pid: int = 0) -> Self:
        """Return what the frame says; raise SettingInvalidError.

        peer_pid: as which this process knows the relay, or 0. One in a container may know itself by another; then its
        pids mean nothing here.
        """
        fields = unpack_fields(frame.payload)
        said = dict(fields)
        flags = [value for name, value in fields if name == "flag"]
        pid = _number(said.get("pid"))
        known = peer_pid in (0, pid)
        return cls(
            settings=parse_flags(flags, strict=False),
            session=said.get("session", ""),
            version=said.get("version", ""),
            pid=pid if known else 0,
            host_pid=_number(said.get("host_pid")) if known else 0,
            folder=Path(said.get("folder") or "/"),
            environment=dict(_variable(value) for name, value in fields if name == "env"),
            offered=frame.number,
            deaths=_number(said.get("deaths")),
        )

    def zone(self) -> tzinfo:
        """Return the time zone of the host."""
        return when.zone_of(self.environment.get("TZ"))

    def path(self, text: str) -> Path:
        """Return the path that a text means where the host is."""
        home = self.environment.get("HOME")
        if home and (text == "~" or text.startswith("~/")):
            return Path(home + text[1:])
        return Path(os.path.join(self.folder, text)) if not text.startswith("~") else Path(text)  # noqa: PTH118 - a text, of anybody's making

    def about(self) -> dict[str, object]:
        """Return what the cluster is told of the relay and its host."""
        known: dict[str, object] = {"relay_pid": self.pid, "host_pid": self.host_pid, "relay_version": self.version}
        return {name: value for name, value in known.items() if value}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0


def _variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value
