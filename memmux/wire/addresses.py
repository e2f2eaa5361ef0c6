"""Addresses: `tcp://HOST:PORT`, where a cluster listens for other machines, and `ipc://PATH`, for its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from memmux.errors import SettingInvalidError

_FORM = re.compile(r"tcp://(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s\[\]/:@]+)):(?P<port>\d{1,5})")
_EXAMPLES = "tcp://10.0.0.5:7700, tcp://0.0.0.0:7700 or tcp://[fd00::5]:7700"
_PORTS = 65_535
ANYWHERE = ("*", "0.0.0.0", "::")  # noqa: S104 - to recognise it is not to bind it


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or number and without brackets, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if self.six else f"tcp://{self.host}:{self.port}"

    @property
    def six(self) -> bool:
        """Whether it is of IP version 6."""
        return ":" in self.host

    @property
    def anywhere(self) -> bool:
        """Whether it stands for every address of this machine, and so for none that a client could connect to."""
        return self.host in ANYWHERE

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it; a name other than localhost is taken for one that others reach."""
        import ipaddress  # costs 3 ms, and few processes ask

        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse(text: str, source: str = "the address") -> Address:
    """Return the address that a client connects to; raise SettingInvalidError, which names the source of the text."""
    found = _FORM.fullmatch(text)
    if found is None:
        hint = "; write an address of IP version 6 in brackets" if text.count(":") > 2 and "[" not in text else ""  # noqa: PLR2004 - after tcp and before the port
        raise SettingInvalidError(f"{source} is {text!r}; it must be like {_EXAMPLES}{hint}")
    port = int(found["port"])
    if not 0 < port <= _PORTS:
        raise SettingInvalidError(f"{source} is {text!r}; its port must be from 1 to {_PORTS}: clients must know it")
    address = Address(found["six"] or found["host"], port)
    if address.six:
        _number(address.host, text, source)
    return address


def parse_listen(text: str, source: str = "listen") -> Address:
    """Return the address that a cluster listens at: a number, `*` or localhost. Raises as `parse` does."""
    address = parse(text, source)
    if address.host == "localhost":
        return Address("127.0.0.1", address.port)
    if address.host == "*":
        return Address("0.0.0.0", address.port)  # noqa: S104 - what it means
    _number(address.host, text, source)
    return address


def path_of(address: str) -> Path:
    """Return where the socket of an ipc address is."""
    return Path(address.removeprefix("ipc://"))


def path_while_full(address: str) -> Path:
    """Return where the socket of an ipc address is while nobody more can be let in."""
    return Path(f"{address.removeprefix('ipc://')}.full")


def _number(host: str, text: str, source: str) -> None:
    import ipaddress  # as above

    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise SettingInvalidError(
            f"{source} is {text!r}; name an address of this machine by its number, like {_EXAMPLES}"
        ) from None
