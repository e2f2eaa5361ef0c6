"""The web address: where a client on this machine reaches the cluster over HTTP."""

from __future__ import annotations

from memmux.client.blocking import Client
from memmux.cluster import endpoint as endpoints
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.wire import http_address
from memmux.wire.http_address import HttpAddress

ASK_S = 2.0


def of(settings: Settings) -> str:
    """Return scheme, host and port: where a running cluster serves, or where the next one will."""
    running = endpoints.read(Places(settings))
    if running is not None and running.alive():
        with Client(settings=settings, name="cli", start=False, observer=True) as client:
            try:
                if found := client.status(timeout_s=ASK_S).http:
                    return found
            except MemmuxError:
                pass  # the settings tell, too
    address = (None if settings.http is None else http_address.parse(settings.http)) or HttpAddress()
    name = settings.http_hosts[0] if settings.http_hosts else ""
    return address.url(address.port, tls=settings.tls_cert is not None, name=name)
