"""The command `memmux web`: the page of the memory, in a browser of this machine's owner."""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from dataclasses import replace

import click

from memmux.cli import browser, output
from memmux.cli.options import http_options, json_option, with_settings
from memmux.cli.web_address import OF_HTTP, lasting
from memmux.client.blocking import Client
from memmux.cluster import find, given
from memmux.cluster import replace as replacing
from memmux.cluster import service as services
from memmux.cluster.steps import pauses, run
from memmux.config.loader import config_file, load_with_sources
from memmux.config.paths import Places
from memmux.config.settings import Settings, parse_flags
from memmux.errors import AddressUnavailableError, ClusterStartError, ServiceError
from memmux.trust import logins
from memmux.trust.signing import Signer
from memmux.wire.answers import Status
from memmux.wire.http_address import HttpAddress

UNAVAILABLE = "http_unavailable"
OPENS_S = 60.0  # that a browser has to start and to open the page


@click.command()
@click.option("--no-open", is_flag=True, help="Only print the URL, and wait for no browser.")
@click.option("--logout", is_flag=True, help="Instead: let every browser that has opened the page see it no more.")
@json_option
@http_options
@with_settings(applied=True)
def web(settings: Settings, *, no_open: bool, logout: bool, as_json: bool) -> None:
    """Open the page of the memory in a browser: print a URL that works once, within 5 minutes.

    A cluster is started if none runs. One that serves no HTTP hands over to one that does, with the settings that it
    has and while its clients go on; it then stays until `memmux stop`, and so does the address, unless the setting http
    names it.
    """
    find.need_local(settings)
    if logout:
        _log_out(settings, as_json=as_json)
        return
    status = _served(settings)
    places, url = Places(settings), logins.new_url(settings, status.http)
    shown = not no_open and _has_display()
    with browser.led_to(url, places.logins.parent) if shown else nullcontext(enter_result=False) as opened:
        _say(settings, status, url, opened=opened, as_json=as_json)
        if opened and sys.stderr.isatty():
            output.note("a browser was called; this ends once it has opened the page")
        if opened and not _until_used(places, url):
            output.note(f"no browser has opened the page within {OPENS_S:g} s; open the URL yourself")


def _say(settings: Settings, status: Status, url: str, *, opened: bool, as_json: bool) -> None:
    if as_json:
        output.document({"url": url, "http": status.http, "opened": opened})
    else:
        output.line(url)
        if missing := lasting(settings, load_with_sources(click.get_current_context().obj)[1], ()).missing:
            output.note(
                "the page has this address as long as this cluster runs; to keep it, put "
                f'`http = "{missing["http"]}"` into {config_file()}'
            )


def _until_used(places: Places, url: str) -> bool:
    """Return whether the URL is used in time."""
    until, pause = time.monotonic() + OPENS_S, pauses()
    while logins.waits(places, url):
        if time.monotonic() >= until:
            return False
        time.sleep(next(pause))
    return True


def _log_out(settings: Settings, *, as_json: bool) -> None:
    """End every cookie, and sessions of MCP over HTTP, whose clients begin new ones; tokens stay as they are."""
    Signer(Places(settings)).renew()
    if as_json:
        output.document({"logged_out": True})
    else:
        output.line("every browser is logged out; `memmux web` opens the page again")


def _served(settings: Settings) -> Status:
    """Return the status of a cluster that answers over HTTP, which is started, or takes over, if need be."""
    wanted = settings if settings.http else replace(settings, http=str(HttpAddress()), idle_exit_s=0.0)
    with given.by_flags(() if settings.http else ("http",)), Client(settings=wanted, name="cli") as client:
        status = client.status()
        other = settings.http is not None and settings.http != status.settings.get("http")
        if not status.http and (UNAVAILABLE not in status.degraded or other):
            _hand_over(status, wanted)
        return _until_answered(client, wanted)


def _hand_over(status: Status, wanted: Settings) -> None:
    """Have a cluster take over that is as this one, and serves HTTP."""
    service = services.of(wanted)
    if service.installed and service.active:
        raise ServiceError(
            f"the cluster runs as the service {service.name} without HTTP; put `http = true` into {config_file()}, "
            "then `memmux restart`"
        )
    kept = parse_flags([f"--{name.replace('_', '-')}={value}" for name, value in status.settings.items()], strict=False)
    over_http = {name: getattr(wanted, name) for name in OF_HTTP}
    if sys.stderr.isatty():
        output.note("the cluster serves no HTTP yet, and hands over to one that does")
    run(replacing.restart(replace(kept, idle_exit_s=0.0, **over_http), (*OF_HTTP, "idle_exit_s")))


def _until_answered(client: Client, settings: Settings) -> Status:
    """Return the status once a gateway answers; raise AddressUnavailableError or ClusterStartError if none does."""
    until = time.monotonic() + settings.start_timeout_s
    for pause in pauses():
        status = client.status()
        if (status.gateway or {}).get("http", {}).get("error"):
            raise AddressUnavailableError(f"HTTP is {status.over_http()}")
        if UNAVAILABLE in status.degraded:
            raise AddressUnavailableError(
                f"{status.settings.get('http') or settings.http} is taken by another program; free it, or name another "
                "one: `memmux web --http :0`"
            )
        if status.http and (status.gateway or {}).get("state") == "ready":
            return status
        if time.monotonic() >= until:
            break
        time.sleep(pause)
    raise ClusterStartError(f"nothing answers over HTTP within {settings.start_timeout_s:g} s; see `memmux tail`")


def _has_display() -> bool:
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
