"""The commands about keys: who of other machines, and who over HTTP, may come in."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import click

from memmux.cli import output, web_address
from memmux.cli.options import json_option, with_settings
from memmux.client.blocking import Client
from memmux.cluster import endpoint as endpoints
from memmux.cluster import find
from memmux.config import typed
from memmux.config.loader import config_file
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import (
    ArgumentInvalidError,
    ClusterError,
    ClusterUnreachableError,
    DeadlineExceededError,
    SettingInvalidError,
    of_system,
)
from memmux.files import durable
from memmux.trust import keys, tokens
from memmux.trust.key import EXPIRES_END, Key, check_name
from memmux.trust.remotes import Remote
from memmux.wire.addresses import Address, parse, parse_listen
from memmux.wire.checks import check_namespace
from memmux.wire.curve import KeyPair
from memmux.wire.grants import Grant
from memmux.wire.roles import Role
from memmux.wire.times import from_epoch, parse_time

_LONG = re.compile(r"(\d{1,5})([hdwy])")
_UNITS_S = {"h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0, "y": 365 * 86_400.0}
TAKEN_S = 3.0  # for a running cluster to know of a change
POLL_S = 0.02


@click.group()
def key() -> None:
    """Let clients of other machines, or over HTTP, in: make, list and revoke their keys; on the database's machine."""


@key.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([str(role) for role in Role]),
    required=True,
    help="What it may do: read; write, which includes it; or admin, which includes both.",
)
@click.option(
    "--namespace", "namespaces", metavar="NAME", multiple=True, help="Only there; several times for several. All: none."
)
@click.option("--requests-s", metavar="R", type=click.FloatRange(0, min_open=True), help="At most so many a second.")
@click.option("--in-flight", metavar="N", type=click.IntRange(1), help="At most so many requests at the same time.")
@click.option("--memories", metavar="N", type=click.IntRange(1), help="At most so many memories in a namespace.")
@click.option("--expires", metavar="TIME", help="When it ends: in so long, as 12h, 90d, 6w or 1y, or at a date.")
@click.option("--http", is_flag=True, help="For HTTP: its token is printed once, and no file is made.")
@click.option("--endpoint", metavar="ADDRESS", help="Where the client reaches the cluster: tcp://HOST:PORT.")
@click.option("--out", metavar="FILE", help="The file to write for the client; by default NAME.memmux.json here.")
@json_option
@with_settings
def add(
    settings: Settings,
    name: str,
    *,
    role: str,
    namespaces: tuple[str, ...],
    requests_s: float | None,
    in_flight: int | None,
    memories: int | None,
    expires: str | None,
    http: bool,
    endpoint: str | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Make the key NAME, and one file for its client, who takes it in with `memmux connect FILE`.

    The file has the client's secret: hand it over in private, and delete it here. It is kept nowhere else.
    A key has one way in: with --http that is a token instead, for clients that speak HTTP.
    """
    find.need_local(settings)
    check_name(name)
    for namespace in namespaces:
        check_namespace("--namespace", namespace)
    grant = Grant(
        name=name,
        role=Role(role),
        namespaces=tuple(dict.fromkeys(namespaces)) or None,
        requests_s=requests_s,
        in_flight=in_flight,
        memories=memories,
    )
    now = time.time()
    ends = None if expires is None else _expiry(expires, now)
    places = Places(settings)
    keys.refuse_taken(keys.read(places), name)
    if http:
        if endpoint is not None or out is not None:
            raise click.UsageError("--endpoint and --out are for keys without --http")
        _add_token(settings, grant, now, ends, as_json=as_json)
        return
    own = KeyPair.make()
    address = parse(endpoint, "--endpoint") if endpoint is not None else _proposed(settings)
    path = typed.path(out or f"{name}.memmux.json")
    remote = Remote(name=name, endpoint=str(address), server=keys.pair(places).public, own=own, role=grant.role)
    _create(path, remote.to_bytes())
    try:
        kept = keys.add(places, Key(grant=grant, public=own.public, created=now, expires=ends))
    except BaseException:
        path.unlink()  # of a key that is not valid
        raise
    listens = _known(settings, kept.serial)
    if as_json:
        ended = {} if ends is None else {"expires": from_epoch(ends)}
        output.document({**grant.to_json(), **ended, "endpoint": str(address), "path": str(path), "listens": listens})
        return
    output.line(f"{path} is the key {name!r} for {address}: hand it over in private, and delete it here")
    output.line(f"on the other machine: memmux connect {path.name}")
    if not listens:
        output.line(_not_yet(settings, address))


def _add_token(settings: Settings, grant: Grant, now: float, ends: float | None, *, as_json: bool) -> None:
    """Make a key with a token, and show that once, whatever the cluster says."""
    token, url = tokens.make(), web_address.of(settings)
    kept = keys.add(Places(settings), Key(grant=grant, token=tokens.digest(token), created=now, expires=ends))
    if as_json:
        ended = {} if ends is None else {"expires": from_epoch(ends)}
        output.document({**grant.to_json(), **ended, "token": token, "url": url})
    else:
        _show_token(grant.name, token, url, served=web_address.is_served(settings))
    _known(settings, kept.serial)


def _show_token(name: str, token: str, url: str, *, served: bool) -> None:
    output.line(f"{token} is the token of the key {name!r}; it is shown this once, and kept nowhere")
    output.line(f"for an MCP client, which asks for it: memmux install CLIENT --http --key {name}")
    if served:
        output.line(f"or: curl -H 'Authorization: Bearer {token}' {url}/api/health/detailed")
    else:
        output.line(f"HTTP is off: put `http = true` into {config_file()}, then run `memmux restart`")


def _expiry(text: str, now: float) -> float:
    """Return when a key ends, in seconds since 1970; raise ArgumentInvalidError."""
    if found := _LONG.fullmatch(text.strip()):
        at = now + int(found[1]) * _UNITS_S[found[2]]
    else:
        try:
            at = parse_time(text).timestamp()
        except ArgumentInvalidError:
            raise ArgumentInvalidError(f"--expires is {text!r}; write 12h, 90d, 6w or 1y, or a date") from None
    if not now < at < EXPIRES_END:
        raise ArgumentInvalidError(f"--expires is {text!r}, which is no time to come; name a later one")
    return at


def _not_yet(settings: Settings, address: Address) -> str:
    """Return what is to be done so that a cluster listens where the client of a new key will look for it."""
    running = endpoints.read(Places(settings))
    if running is not None and running.alive():
        if settings.listen:
            return f"the cluster does not listen yet, as it began before listen was {settings.listen}: `memmux restart`"
        return f"the cluster does not listen yet: put {_line(address)} into {config_file()}, then `memmux restart`"
    if settings.listen:
        return f"no cluster runs yet: the next one listens at {settings.listen}, as of `memmux serve`"
    return f"no cluster listens yet: put {_line(address)} into {config_file()}, or run `memmux serve {_flag(address)}`"


def _where(address: Address) -> str:
    """Return where to listen for clients that come to an address; a name is not listened at."""
    try:
        return str(parse_listen(str(address)))
    except SettingInvalidError:
        return f"tcp://*:{address.port}"


def _line(address: Address) -> str:
    return f'`listen = "{_where(address)}"`'


def _flag(address: Address) -> str:
    return f"--listen {_where(address)}"


def _proposed(settings: Settings) -> Address:
    """Return where a client reaches the cluster, as far as that can be told from here."""
    running = endpoints.read(Places(settings))
    listen = (running.listen if running is not None and running.alive() else "") or settings.listen
    if not listen:
        raise ArgumentInvalidError(
            "no cluster listens for other machines, so it is not known where it will; name the address that "
            "clients shall connect to with --endpoint tcp://HOST:PORT"
        )
    address = parse(listen)
    return Address(socket.gethostname(), address.port) if address.anywhere else address


def _create(path: Path, content: bytes) -> None:
    """Write a new file that only this user may open; it is on the disk before the key is valid, as no other copy is."""
    try:
        with durable.creating(path) as file:
            file.write(content)
    except FileExistsError:
        raise ArgumentInvalidError(
            f"{path} exists; remove it, if the key in it is revoked (see `memmux key list`), or name another file with "
            "--out"
        ) from None
    except OSError as error:
        raise of_system(error, f"{path} can't be written") from None


@key.command("list")
@json_option
@with_settings
def list_keys(settings: Settings, *, as_json: bool) -> None:
    """List the keys, revoked ones too."""
    find.need_local(settings)
    known = keys.read(Places(settings)).all
    if as_json:
        output.document({"keys": [_document(key) for key in known]})
        return
    columns = (
        *("name", "for", "role", "namespaces", "requests/s", "in flight", "memories"),
        *("created", "expires", "revoked"),
    )
    output.table("keys", columns, [_row(key) for key in known])


def _document(key: Key) -> dict[str, object]:
    fields = {name: value for name, value in key.to_json().items() if name != "token"}
    times = {"created": key.created, "expires": key.expires, "revoked": key.revoked}
    return {
        **fields,
        "http": bool(key.token),
        **{name: None if at is None else from_epoch(at) for name, at in times.items()},
        "valid": not key.why_not(time.time()),
    }


def _row(key: Key) -> list[object]:
    grant = key.grant
    return [
        grant.name,
        "HTTP" if key.token else "tcp",
        grant.role,
        "all" if grant.namespaces is None else ", ".join(grant.namespaces),
        grant.requests_s,
        grant.in_flight,
        grant.memories,
        *(None if at is None else output.local(from_epoch(at)) for at in (key.created, key.expires, key.revoked)),
    ]


@key.command()
@click.argument("name")
@json_option
@with_settings
def revoke(settings: Settings, name: str, *, as_json: bool) -> None:
    """Revoke the key NAME at once: when this returns, the cluster answers nothing more that comes with it."""
    find.need_local(settings)
    kept = keys.revoke(Places(settings), name, time.time())
    running = _known(settings, kept.serial)
    if as_json:
        output.document({"name": name, "revoked": True, "running": running})
    else:
        output.line(f"revoked {name!r}: it lets nobody in any more")


def _known(settings: Settings, serial: int) -> bool:
    """Return once a running cluster knows of the change of that number; False if none has looked at the keys."""
    until = time.monotonic() + TAKEN_S
    with Client(settings=settings, name="cli", start=False) as client:
        while time.monotonic() < until:
            try:
                known = client.status(timeout_s=TAKEN_S).keys
            except ClusterUnreachableError:
                return False
            except DeadlineExceededError:
                continue
            if known is None:
                return False
            if known >= serial:
                return True
            time.sleep(POLL_S)
    raise ClusterError(
        f"the key is changed, but the cluster has not said within {TAKEN_S:g} s that it knows; run `memmux stop`"
    )
