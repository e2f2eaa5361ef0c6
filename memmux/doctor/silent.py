"""The router that has the database and answers nobody, for which a client waits as long as for one that starts."""

from __future__ import annotations

from memmux.cluster import endpoint as endpoints
from memmux.cluster.holder import Holder
from memmux.cluster.ping import full, ping
from memmux.config.paths import Places
from memmux.config.settings import Settings


def holder(settings: Settings) -> Holder | None:
    """Return the router that holds the database, if it is starting, or does not answer although it has served."""
    if settings.remote is not None:
        return None
    places = Places(settings)
    held, endpoint = Holder.of(places), endpoints.read(places)
    if held is None or not held.listening or endpoint is None:
        return held
    if full(endpoint) or ping(endpoint):
        return None
    return Holder.of(places)  # it may have ended meanwhile
