"""Methods of clients as `help()` shows them: named, signed and described after the function that makes their call.

The docstring of such a function has a line for each parameter that is its own. What a parameter means that many have is
written once, here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from memmux.client.calls import Call
from memmux.wire.namespaces import Unnamed

MethodT = TypeVar("MethodT")
T = TypeVar("T")
Arguments = tuple[Sequence[Any], Mapping[str, Any]]
"""Of a method: those without a name, and those with one."""

_ALL_RAISE = "Every method may raise what `Client` lists."


def parameters(text: str, names: Container[str]) -> dict[str, str]:
    """Return the lines of a docstring that describe parameters, by their names; each may go on in indented lines."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        first, colon, _ = line.partition(": ")
        if line[:1].isspace() and name:
            found[name] += f"\n{line}"
        elif colon and first in names:
            name, found[first] = first, line
        else:
            name = ""
    return found


_SHARED = parameters(
    """\
id: of the memory: its id, its content hash or an alias.
namespace: the namespace that the memory is in, in any case; if left out, the setting `namespace`.
key: an idempotency key of 1 to 128 characters: a write with the key of one that was applied in the last 24 hours is
    answered as that one was, and not applied again. None for a key of its own.
timeout_s: how many seconds to wait for the answer, at most 600; None for the setting `request_timeout_s`.
""",
    ("id", "namespace", "key", "timeout_s"),
)
_OF_FILTERS = parameters(
    """\
tags: only memories with all of these tags, compared without regard to case.
any_tag: whether one of the tags is enough.
type: only memories of this type.
after: only memories that were created at this `Time` or later.
before: only memories that were created before this `Time`.
metadata: only memories whose metadata have exactly these values under these keys, of the first level.
namespace: only memories of this namespace; None for all namespaces; if left out, the setting `namespace`.
include_superseded: whether memories count that a newer version has taken the place of.
""",
    ("tags", "any_tag", "type", "after", "before", "metadata", "namespace", "include_superseded"),
)


class _Annotation(str):
    """An annotation, shown without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def call_of(ask: Callable[..., Call[T]], given: Arguments, namespace: str) -> Call[T]:
    """Return the call that the function `ask` makes of what is `given`, in the client's own `namespace` if none is."""
    args, named = given
    if "namespace" in named:
        call = ask(*args, **named)
        said = named["namespace"] is not None and not isinstance(named["namespace"], Unnamed)
        return replace(call, named=True) if said else call
    return ask(*args, **named, **({"namespace": namespace} if "namespace" in _named(ask) else {}))


@functools.cache
def _named(ask: Callable[..., object]) -> Container[str]:
    return frozenset(inspect.signature(ask).parameters)


def presented(method: MethodT, ask: Callable[..., object], owner: str) -> MethodT:
    """Return the method of the class `owner`, made of the function `ask`, with all that `help()` shows of it."""
    shown: Any = method
    shown.__qualname__ = f"{owner}.{ask.__name__}"
    shown.__module__ = shown.__globals__["__name__"]
    shown.__signature__ = signature = _signature(ask)
    shown.__annotations__ = {**ask.__annotations__, "return": str(signature.return_annotation)}
    shown.__doc__ = _described(ask, signature)
    return method


def _signature(ask: Callable[..., object]) -> inspect.Signature:
    """Return the signature of the client's method that makes the call of the function `ask`."""
    ask.__annotations__ = {name: _Annotation(written) for name, written in ask.__annotations__.items()}
    signature = inspect.signature(ask)
    client = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    answer = _Annotation(signature.return_annotation.removeprefix("Call[").removesuffix("]"))
    return signature.replace(parameters=[client, *signature.parameters.values()], return_annotation=answer)


def _described(ask: Callable[..., object], signature: inspect.Signature) -> str:
    """Return the function's docstring with a line for each parameter, and what is raised."""
    names = signature.parameters
    known = {**_SHARED, **_OF_FILTERS} if "any_tag" in names else dict(_SHARED)
    blocks: list[str] = []
    for block in inspect.cleandoc(ask.__doc__ or "").split("\n\n"):
        if own := parameters(block, names):
            known.update(own)
        else:
            blocks.append(block)
    lines = "\n".join(known[name] for name in names if name in known)
    at = next((place for place, block in enumerate(blocks) if block.startswith(("Returns", "Raises"))), len(blocks))
    return "\n\n".join((*blocks[:at], lines, *_raising(blocks[at:])))


def _raising(blocks: list[str]) -> Iterator[str]:
    """Return what comes after the parameters, with what every method raises."""
    for block in blocks:
        yield f"{block}\n{_ALL_RAISE}" if block.startswith("Raises") else block
    if not any(block.startswith("Raises") for block in blocks):
        yield _ALL_RAISE
