"""The reference of `--json` as Markdown: `python -m memmux.cli.docs.json > docs/json.md` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from memmux.cli.docs.schema import schema
from memmux.cli.docs.shapes import SHAPES

_HEAD = """\
# JSON

What each command prints with `--json`: one document, on one line where the output is no terminal. This page is made
from the JSON Schema in the package, `memmux/cli/schemas/output.json`, where each command has a definition of its name
(`store`, `key-add`); a test runs every command against it. `import importlib.resources` finds it:

```python
import importlib.resources, json

schema = json.loads((importlib.resources.files("memmux.cli") / "schemas" / "output.json").read_bytes())
print(sorted(schema["$defs"])[-3:])
```

One name means one thing everywhere:

| name | meaning |
|---|---|
| `id` | of a memory, whole; also where text for people shows a short one |
| `seq` | the number of a change, which `memmux undo` takes |
| `path` | the file or folder that the answer is about; `database` is the path of a cluster's database |
| `count` | how many things the answer, or its part, is about; `total`: how many there are, listed or not |
| `at`, `since`, `…_at` | a time in ISO 8601 with its zone, also in the file of `memmux export` |
| `…_s`, `seconds`, `…_ms`, `…_bytes` | durations and sizes in that unit |
| `degraded` | codes of what the answer had to do without; `memmux explain CODE` has the sentence |
| `notes` | sentences on what was asked for |

A failure is `{"error": …}` on standard error, a [Failure](#failure), with the exit codes of [cli.md](cli.md).
"""


def page() -> str:
    """Return the whole page."""
    definitions: Mapping[str, Any] = schema()["$defs"]  # type: ignore[assignment]  # a JSON object
    parts = [_HEAD]
    used: dict[str, None] = {}
    for command in SHAPES:
        one = definitions[command.replace(" ", "-")]
        shapes = [shape["$ref"].rpartition("/")[2] for shape in one.get("anyOf", [one])]
        parts.append(f"\n## memmux {command}\n")
        for place, shape in enumerate(shapes):
            parts += [*(["\nor\n"] if place else []), *_described(shape, definitions)]
            used[shape] = None
    parts.append("\n## Parts\n")
    commands = {name.replace(" ", "-") for name in SHAPES}
    named = orjson.dumps({name: one for name, one in definitions.items() if name not in commands}).decode()
    for shape in sorted(set(definitions) - commands - {"error"}):
        if shape in used and f'/{shape}"' not in named:
            continue
        parts += [f"\n### {shape}\n", *_described(shape, definitions)]
    return "\n".join(parts) + "\n"


def _described(shape: str, definitions: Mapping[str, Any]) -> Iterator[str]:
    yield f"{definitions[shape]['description']}\n"
    yield from _table(definitions[shape], definitions)


def _table(definition: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| field | value | meaning |", "|---|---|---|")
    for name, value in definition["properties"].items():
        may = "" if name in definition["required"] else ", not always there"
        text = str(value.get("description", "")).replace("|", "\\|")
        yield f"| `{name}` | {_kind(value, definitions)}{may} | {text} |"


def _kind(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return in words what a value is."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name in definitions else name
    if "anyOf" in value:
        return " or ".join(_kind(one, definitions) for one in value["anyOf"])
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    kind = value.get("type", "any")
    if kind == "array":
        return f"list of {_kind(value['items'], definitions)}"
    if kind == "object" and "additionalProperties" in value:
        return f"object of {_kind(value['additionalProperties'], definitions)}"
    return "time" if value.get("format") == "date-time" else str(kind)


if __name__ == "__main__":
    sys.stdout.write(page())
