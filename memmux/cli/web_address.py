"""The web address: where a client on this machine reaches the cluster over HTTP."""

from __future__ import annotations

from memmux.config.settings import Settings

DEFAULT = "http://127.0.0.1:8765"


def of(settings: Settings) -> str:
    """Return scheme, host and port: as the setting `http` says, or as they are where it says nothing."""
    said = str(getattr(settings, "http", "") or "")
    if not said:
        return DEFAULT
    host, _, port = said.rpartition(":") if ":" in said else (said, "", "8765")
    scheme = "https" if getattr(settings, "tls_cert", None) else "http"
    return f"{scheme}://{host if host not in ('', '0.0.0.0', '[::]', '*') else '127.0.0.1'}:{port}"  # noqa: S104
