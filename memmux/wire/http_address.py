"""The address at which the gateway serves HTTP, as the setting `http` has it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memmux.errors import SettingInvalidError
from memmux.wire.addresses import ANYWHERE

HOST, PORT = "127.0.0.1", 8765  # where a part is left out
_FORM = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s\[\]/:@]*))(?::(?P<port>\d{1,5}))?")
_EXAMPLES = "127.0.0.1:8765, :8765, [::1]:8765, or true for 127.0.0.1:8765"
_PORTS = 65_535
SWITCHED_OFF = ("false", "no", "off", "0", "none")
_SWITCHED_ON = ("true", "yes", "on", "1")
_SIX_COLONS = 2  # at least, in a number of IP version 6


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """A number of this machine, without brackets, and a port; 0 for any port that is free."""

    host: str = HOST
    port: int = PORT

    def __str__(self) -> str:
        return f"{self.bracketed}:{self.port}"

    @property
    def bracketed(self) -> str:
        """The host as it stands before a colon."""
        return _bracketed(self.host)

    @property
    def six(self) -> bool:
        """Whether it is of IP version 6."""
        return ":" in self.host

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        import ipaddress  # costs 3 ms, and few processes ask

        return ipaddress.ip_address(self.host).is_loopback

    def url(self, port: int, *, tls: bool = False, name: str = "") -> str:
        """Return the URL by which it is reached once its port is known; name: of the host, if there is one for it."""
        here = ("::1" if self.six else HOST) if self.host in ANYWHERE else self.host
        return f"{'https' if tls else 'http'}://{name or _bracketed(here)}:{port}"


def parse(text: str, source: str = "http") -> HttpAddress | None:
    """Return the address that a text names, None where it says that there is none; raise SettingInvalidError.

    Either part may be left out, so a number alone is a port. source: of the text, for the error's message.
    """
    said = text.strip()
    if said.lower() in SWITCHED_OFF:
        return None
    if said.lower() in _SWITCHED_ON:
        return HttpAddress()
    if said.isdecimal():
        said = f":{said}"
    elif "[" not in said and said.count(":") >= _SIX_COLONS:
        said = f"[{said}]"
    found = _FORM.fullmatch(said)
    port = PORT if found is None or found["port"] is None else int(found["port"])
    if found is None or not said or port > _PORTS:
        raise SettingInvalidError(f"{source} is {text!r}; it must be like {_EXAMPLES}, or none")
    import ipaddress  # as above

    host = found["six"] or {"": HOST, "localhost": HOST, "*": "0.0.0.0"}.get(found["host"], found["host"])  # noqa: S104 - what it means
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise SettingInvalidError(
            f"{source} is {text!r}; name an address of this machine by its number, like {_EXAMPLES}"
        ) from None
    return HttpAddress(host, port)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
