"""The reference of the Python interface as Markdown: `python -m memmux.cli.docs.python > docs/python.md` writes it."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum
from itertools import pairwise
from types import ModuleType
from typing import Any

import memmux
from memmux.client import calls
from memmux.client.asynchronous import AsyncClient
from memmux.client.blocking import Client
from memmux.client.method import parameters
from memmux.client.methods import arguments
from memmux.wire.requests import base

_LINE = 100  # characters of a signature on one line, at most
_HEAD = """\
# Python

`help(memmux.Client)` says the same. This page is made from the docstrings; a test compares.

```python
import memmux

with memmux.Client() as client:
    stored = client.store("The staging database is on port 5433.", tags=["staging"])
    for hit in client.search("which port is the database on?"):
        print(hit.score, hit.memory.content)
```

`import memmux` imports nothing else until a name is used. Everything below is a name of `memmux`.
"""
_ASYNC = """\
## AsyncClient

{text}

```python
async with memmux.AsyncClient() as client:
    await client.store("The staging database is on port 5433.")
```

All methods above are its methods too; `aclose` stands for `close`:

### Its connection

{aclose}
"""
_REST = """\
## Settings and errors

- `Settings`: [settings.md](settings.md) lists what can be configured. `memmux.config.loader.load()` reads those of
  this machine.
- `MemmuxError`: what every error of `memmux.errors` is a kind of. Each has a stable `code`, a `message` that says the
  remedy, `retryable`, `retry_after_ms` and `degraded`; [events.md](events.md#error-codes) has them all.
- `__version__`: the version of memmux.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD, "## Client\n", _code(_signed("Client", Client.__init__)), _text(Client)]
    for title, methods in _groups().items():
        parts.append(f"### {title}\n")
        parts += [_method(f"client.{method.__name__}", method) for method in methods]
    parts.append(_ASYNC.format(text=_text(AsyncClient).strip(), aclose=_method("client.aclose", AsyncClient.aclose)))
    classes = [cls for name in memmux.__all__ if inspect.isclass(cls := getattr(memmux, name))]
    described = [cls for cls in classes if is_dataclass(cls) and cls is not memmux.Settings]
    answers = [cls for cls in described if cls.__module__.startswith("memmux.wire.answers")]
    parts += ["## Answers\n", *map(_class, answers)]
    parts += ["## Arguments\n", *(_class(cls) for cls in described if cls not in answers)]
    parts += [_enum(cls) for cls in classes if issubclass(cls, StrEnum)]
    for module, names in ((arguments, ["Time"]), (base, ["Metadata"]), (calls, ["Vector", "Observer"])):
        parts += _aliases(module, names)
    parts.append(_REST)
    return "\n".join(parts)


def public_methods(client: type[Any]) -> list[Callable[..., Any]]:
    """Return the public methods of a client's class, in their order."""
    return [value for name, value in vars(client).items() if inspect.isfunction(value) and not name.startswith("_")]


def _groups() -> dict[str, list[Callable[..., Any]]]:
    """Return the methods of `Client` by what the docstrings of their modules call them."""
    groups: dict[str, list[Callable[..., Any]]] = {}
    for method in public_methods(Client):
        ask = inspect.unwrap(method)
        title = "The connection" if ask is method else (inspect.getdoc(inspect.getmodule(ask)) or "").rstrip(".")
        groups.setdefault(title, []).append(method)
    return groups


def _signed(name: str, function: Callable[..., Any]) -> str:
    """Return a function's signature without `self`, on one line, or with a line for each parameter."""
    signature = inspect.signature(function)
    shown: list[str] = []
    for one in list(signature.parameters.values())[1:]:
        if one.kind is one.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        shown.append(f"{one.name}: {one.annotation}" + ("" if one.default is one.empty else f" = {one.default!r}"))
    answer = (
        ""
        if signature.return_annotation is signature.empty or name == "Client"
        else f" -> {signature.return_annotation}"
    )
    line = f"{name}({', '.join(shown)}){answer}"
    return line if len(line) <= _LINE else "\n".join([f"{name}(", *(f"    {one}," for one in shown), f"){answer}"])


def _method(name: str, method: Callable[..., Any]) -> str:
    return f"#### {method.__name__}\n\n{_code(_signed(name, method))}\n{_text(method, method)}"


def _class(cls: type[Any]) -> str:
    shown = [f"{one.name}: {one.type}" for one in fields(cls) if not one.name.startswith("_")]
    return f"### {cls.__name__}\n\n{_code(chr(10).join(shown))}\n{_text(cls)}"


def _enum(cls: type[StrEnum]) -> str:
    return f"### {cls.__name__}\n\n{inspect.getdoc(cls)} {', '.join(f'`{one.value}`' for one in cls)}.\n"


def _text(described: object, signed: Callable[..., Any] | None = None) -> str:
    """Return a docstring as Markdown, the lines of parameters as a table; signed: whose parameters they are."""
    names = inspect.signature(signed or described).parameters  # type: ignore[arg-type]  # a class, or a function
    what = "argument" if signed or described in (Client, AsyncClient) else "field"
    blocks = (inspect.getdoc(described) or "").split("\n\n")
    return "\n\n".join(_block(block, parameters(block, names), what) for block in blocks) + "\n"


def _block(block: str, found: dict[str, str], what: str) -> str:
    if "\n".join(found.values()) != block:
        return block
    rows = (f"| `{name}` | {' '.join(line.partition(': ')[2].split())} |" for name, line in found.items())
    return "\n".join([f"| {what} | meaning |", "|---|---|", *rows])


def _code(text: str) -> str:
    return f"```python\n{text}\n```\n"


def _aliases(module: ModuleType, names: list[str]) -> Iterator[str]:
    """Return the type aliases of a module, each with the text below it in the source."""
    body = ast.parse(inspect.getsource(module)).body
    for alias, below in pairwise(body):
        target = getattr(alias, "target", None)
        if isinstance(alias, ast.AnnAssign) and isinstance(target, ast.Name) and target.id in names:
            assert alias.value is not None
            assert isinstance(below, ast.Expr)
            assert isinstance(below.value, ast.Constant)
            assert isinstance(below.value.value, str)
            yield f"### {target.id}\n\n{_code(f'{target.id} = {ast.unparse(alias.value)}')}\n{below.value.value}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
