"""Confinement: each request is held to what its client may do, before anything of it reaches a storage engine.

The router reads no bodies, so it checks only whether a client may ask for an operation at all, and says with each
request what the client's key allows (`memmux.wire.grants`). Here, in the loop of every worker, the body is made into
one that stays inside the key's namespaces, or refused. What has no rule here is refused to a key that is bound to
namespaces: an operation that is added later can't be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from memmux.errors import MemmuxError, NotAllowedError
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import OPERATIONS
from memmux.wire.protocol import Header
from memmux.wire.requests import (
    BODIES,
    DEFAULT_NAMESPACE,
    Backup,
    Changes,
    Delete,
    Duplicates,
    Filter,
    Forget,
    Get,
    Graph,
    History,
    List,
    Namespaces,
    Purge,
    Search,
    Store,
    StoreBatch,
    Superseded,
    Tags,
    Timeline,
    Undo,
    Update,
    Use,
)
from memmux.wire.roles import Role
from workers.runtime.jobs import Job

NamingT = TypeVar("NamingT", Filter, Tags, Get, Delete, Graph, History, Changes, Update)
_NOTHING = Grant(role=Role.READ, namespaces=())  # what a client may do whose grant can't be read


def grant_of(header: Header) -> Grant:
    """Return what the client of a request may do, as the router says; nothing, if that makes no sense."""
    if not header.grant:
        return LOCAL
    try:
        return Grant.from_json(header.grant)
    except MemmuxError:
        return _NOTHING


def key_of(header: Header, grant: Grant) -> str:
    """Return the idempotency key of a request: each client's key has its own, so that none learns another's answer."""
    return f"{grant.name}/{header.key}" if grant.name and header.key else header.key


def confined(job: Job) -> Job:
    """Return `job` with a body that stays inside what its client may do.

    Where the client is bound to namespaces, `default` means the first of them unless it is one of them, or its user
    named it; and all namespaces mean all of those. Raises NotAllowedError, and whatever is wrong with the body.
    """
    grant = job.grant
    if grant is LOCAL:
        return job
    operation = OPERATIONS.get(job.operation)
    if operation is None or operation.internal:
        raise NotAllowedError(
            f"there is no operation {job.operation!r} that a key allows; `memmux docs protocol` lists them all"
        )
    grant.check(operation)
    body = BODIES.get(job.operation)
    if grant.namespaces is None:
        if body is Backup and grant.name:
            _stay_in_the_backup_folder(grant, job)
        return job
    rule = None if body is None else _RULES.get(body)
    if body is None or rule is None:
        raise NotAllowedError(
            f"{job.operation} does not keep to namespaces, and the key {grant.name!r} is bound to some; "
            "do it with a key that is not"
        )
    asked = job.body(body)
    if job.named:
        _check_default(grant, asked)
    held = rule(grant, asked)
    return replace(job, frames=(held.to_body(), *job.frames[1:]))


def _stay_in_the_backup_folder(grant: Grant, job: Job) -> None:
    """Raise NotAllowedError for a backup that a client from elsewhere wants in a folder of its choice."""
    if Backup.from_body(job.frames[0] if job.frames else b"").to is not None:
        raise NotAllowedError(
            f"the key {grant.name!r} does not allow to name a folder of the machine of the database; leave it out, or "
            "make the backup there"
        )


def _name(grant: Grant, given: str) -> str:
    """Return the namespace that a client means; raise NotAllowedError if its key is not for that."""
    allowed = grant.namespaces or ()
    if given == DEFAULT_NAMESPACE and given not in allowed and allowed:
        return allowed[0]
    grant.check_namespace(given)
    return given


def _check_default(grant: Grant, asked: Any) -> None:
    """Raise NotAllowedError where `default` was named, which is not the key's: no other one is meant by it."""
    for one in asked.memories if isinstance(asked, StoreBatch) else (getattr(asked, "filter", asked),):
        given = getattr(one, "namespace", None)
        if DEFAULT_NAMESPACE in ((given,) if isinstance(given, str) else given or ()):
            grant.check_namespace(DEFAULT_NAMESPACE)


def _names(grant: Grant, given: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the namespaces that a client means; None stands for all that its key allows."""
    if given is not None:
        return tuple(dict.fromkeys(_name(grant, name) for name in given))
    if not grant.namespaces:
        raise NotAllowedError(f"the key {grant.name!r} allows no namespace; ask whoever runs the cluster for another")
    return grant.namespaces


def _naming(grant: Grant, asked: NamingT) -> NamingT:
    """Hold what names one namespace, several, or all of them."""
    if isinstance(asked.namespace, str):
        return replace(asked, namespace=_name(grant, asked.namespace))
    names = _names(grant, asked.namespace)
    return replace(asked, namespace=names[0] if len(names) == 1 else names)  # one is found faster than several


def _in_place(grant: Grant, asked: Any) -> Any:
    """Hold what names one namespace."""
    return replace(asked, namespace=_name(grant, asked.namespace))


def _filtered(grant: Grant, asked: Any) -> Any:
    """Hold what has a filter."""
    return replace(asked, filter=_naming(grant, asked.filter))


def _by_number(grant: Grant, asked: Any) -> Any:
    """Hold what names no namespace, but memories or changes that may be in any."""
    return replace(asked, namespaces=_names(grant, asked.namespaces))


def _store(grant: Grant, asked: Store) -> Store:
    """Hold a memory to be stored; ids are those of the whole database, so that one may be another namespace's."""
    if asked.id is not None:
        raise NotAllowedError(
            f"the key {grant.name!r} is bound to namespaces, and does not allow to choose an id; leave it out, or give "
            "it as an alias"
        )
    return replace(asked, namespace=_name(grant, asked.namespace))


def _batch(grant: Grant, asked: StoreBatch) -> StoreBatch:
    return StoreBatch(memories=tuple(_store(grant, memory) for memory in asked.memories))


_RULES: Mapping[type[Any], Callable[[Grant, Any], Any]] = {
    **dict.fromkeys((Tags, Get, Delete, Graph, History, Changes, Update), _naming),
    Purge: _in_place,
    **dict.fromkeys((Search, List, Forget, Timeline, Duplicates, Superseded), _filtered),
    **dict.fromkeys((Use, Undo, Namespaces), _by_number),
    Store: _store,
    StoreBatch: _batch,
}
"""How each kind of body is held to the namespaces of a key."""
