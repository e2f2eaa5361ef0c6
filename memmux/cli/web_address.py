"""The web address: where a client on this machine reaches the cluster over HTTP, and how that stays so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from memmux.client.blocking import Client
from memmux.cluster import endpoint as endpoints
from memmux.config.loader import config_file
from memmux.config.paths import Places
from memmux.config.settings import PREFIX, Settings
from memmux.errors import ArgumentInvalidError, MemmuxError, SettingInvalidError
from memmux.wire import http_address
from memmux.wire.answers import Status
from memmux.wire.http_address import HttpAddress

ASK_S = 2.0
SETTING = "http"
OF_HTTP = (SETTING, "tls_cert", "tls_key", "behind_proxy", "http_hosts")
"""The settings that say where and how HTTP is served."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """An address that clients' files can name.

    url: scheme, host and port. missing: settings that memmux.toml lacks, without which the next cluster does not serve
    there. notes: what may have it change all the same.
    """

    url: str
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def is_served(settings: Settings) -> bool:
    """Return whether a running cluster serves HTTP, or the next one will."""
    return settings.http is not None or _served(settings) is not None


def of(settings: Settings) -> str:
    """Return scheme, host and port: where a running cluster serves, or where the next one will."""
    served = _served(settings)
    return served.http if served is not None else _url(settings, _address(settings.http) or HttpAddress())


def lasting(settings: Settings, sources: Mapping[str, str], entries: Sequence[str]) -> Lasting:
    """Return the address for an entry: where the cluster serves now, or the settings say, or an entry leads already.

    sources: where settings come from, as of `load_with_sources`. entries: the URLs of clients' entries, of the one that
    is meant first. Raises ArgumentInvalidError where it is any port, and nothing serves yet.
    """
    kept = {name for name in OF_HTTP if _lasts(sources.get(name, ""))}
    said = _address(settings.http)
    if (served := _served(settings)) is not None:
        bound = _address(served.settings.get(SETTING)) or HttpAddress()
        here = HttpAddress(bound.host, urlsplit(served.http).port or HttpAddress().port)
        found = Lasting(served.http, {SETTING: str(here), **_beside(served.settings)})
    elif said is not None:
        if said.port == 0:
            raise ArgumentInvalidError(
                f"{sources[SETTING]} is port 0, any free one, which an entry can't name; name a port, or run "
                "`memmux restart` first"
            )
        found = Lasting(_url(settings, said), {SETTING: str(said), **_beside(settings.written())})
    elif entries:
        address = _local(entries[0])
        found = Lasting(entries[0], {} if address is None else {SETTING: str(address)})
    else:
        found = Lasting(_url(settings, HttpAddress()), {SETTING: str(HttpAddress())})
    notes = _notes(found, said, sources[SETTING]) if SETTING in kept else ()
    if SETTING in kept and (said is not None or sources[SETTING].startswith(PREFIX)):
        return Lasting(found.url, {}, notes)
    return Lasting(
        found.url, {name: value for name, value in found.missing.items() if name == SETTING or name not in kept}
    )


def _notes(found: Lasting, said: HttpAddress | None, source: str) -> tuple[str, ...]:
    """Return what is to be said of a setting that is not what is written into the entry."""
    served = found.missing.get(SETTING)
    if said is None:
        if not source.startswith(PREFIX):
            return ()
        return (f"{source} switches HTTP off, and wins over memmux.toml; unset it, then run `memmux restart`",)
    if said.port == 0:
        return (f'{source} is port 0, so each cluster has another port; put `http = "{served}"` into {config_file()}',)
    if served is not None and served != str(said):
        return (f"{source} is {said}, where the next cluster serves; run `memmux restart`, then this again",)
    return ()


def _lasts(source: str) -> bool:
    """Return whether a setting is the next cluster's, too, as that of a flag is not."""
    return bool(source) and not source.startswith("--")


def _served(settings: Settings) -> Status | None:
    """Return the status of a cluster that serves HTTP; None if none does."""
    running = endpoints.read(Places(settings))
    if running is None or not running.alive():
        return None
    with Client(settings=settings, name="cli", start=False, observer=True) as client:
        try:
            status = client.status(timeout_s=ASK_S)
        except MemmuxError:
            return None  # the settings tell, too
    return status if status.http else None


def _beside(written: Mapping[str, str]) -> dict[str, str]:
    """Return those settings of HTTP, but for the address, that are not the default."""
    default = Settings().written()
    return {name: written[name] for name in OF_HTTP[1:] if written.get(name, "") not in ("", default.get(name))}


def _address(text: str | None) -> HttpAddress | None:
    return None if text is None else http_address.parse(text)


def _url(settings: Settings, address: HttpAddress) -> str:
    name = settings.http_hosts[0] if settings.http_hosts else ""
    return address.url(address.port, tls=settings.tls_cert is not None, name=name)


def _local(url: str) -> HttpAddress | None:
    """Return the address that serves a URL, if the URL names a number of loopback."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        address = http_address.parse(f"{host}:{parts.port or HttpAddress().port}")
    except (ValueError, SettingInvalidError):
        return None
    return address if parts.scheme == "http" and address is not None and address.loopback else None
