"""The memory of `@modelcontextprotocol/server-memory`: `memory.jsonl`, a graph of entities.

Each line is {"type": "entity", name, entityType, observations: [text]} or {"type": "relation", from, to, relationType};
so its `KnowledgeGraphManager` reads and writes them (src/memory/index.ts, 0.6 to 2026.7). Names are unique, a relation
goes from one name to another, and nothing has a time. A line has no order, so all are read before the first is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from memmux.transfer.formats.base import NO_UTF_8, Line, Skips, line, link, parsed, stable_id

NAME = "server-memory"
LABEL = "the graph of server-memory"
LINE_BYTES = 8 << 20  # of one entity; a longer one is left out
MOST_BYTES = 512 << 20  # of the file
_HOME = "https://github.com/modelcontextprotocol/servers/tree/main/src/memory"
_LONG = f"a line of more than {LINE_BYTES} bytes, the most"


@dataclass(slots=True)
class _Entity:
    """An entity; kind: what it is, such as person. links: to whom, and how."""

    kind: str
    observations: dict[str, None]
    links: dict[tuple[str, str], None] = field(default_factory=dict)


def is_one(first: object) -> bool:
    """Return whether the first line of a file is one of theirs."""
    names = {"entity": "name", "relation": "from"}
    kind = first.get("type") if isinstance(first, Mapping) else None
    return isinstance(first, Mapping) and isinstance(kind, str) and names.get(kind) in first


def lines(file: BinaryIO, namespace: str, skips: Skips) -> Iterator[Line]:
    """Yield each entity as a memory, with its observations as the text and its relations as links."""
    entities = _read(file, skips)
    for name, entity in entities.items():
        observations = "\n".join(f"- {observation}" for observation in entity.observations)
        kind = f" ({entity.kind})" if entity.kind.strip() else ""
        made = line(
            skips,
            home=_HOME,
            namespace=namespace,
            name=name,
            content=f"{name}{kind}\n{observations}".rstrip(),
            created_at=None,
            tags=(NAME,),
            type_=entity.kind,
            metadata={"entity": name[:1024]},
            links=[link(stable_id(_HOME, namespace, to), relation) for to, relation in entity.links],
        )
        if made is not None:
            yield made


def _read(file: BinaryIO, skips: Skips) -> dict[str, _Entity]:
    """Return the entities by their names; of two of one name, both's observations."""
    entities: dict[str, _Entity] = {}
    relations: list[tuple[str, str, str]] = []
    for number, raw in _raw(file, skips):
        try:
            item: Any = parsed(raw)
        except UnicodeDecodeError:
            skips.add(NO_UTF_8, f"line {number}")
            continue
        except ValueError:
            skips.add("a line that is no JSON", f"line {number}")
            continue
        if not isinstance(item, dict) or not _take(item, entities, relations):
            skips.add("a line that is no entity and no relation", f"line {number}")
    for begin, end, relation in relations:
        if begin in entities and end in entities:
            entities[begin].links[end, relation] = None
        else:
            skips.add("a relation of an entity that is not there", f"{begin} {relation} {end}")
    return entities


def _raw(file: BinaryIO, skips: Skips) -> Iterator[tuple[int, bytes]]:
    number, left = 0, MOST_BYTES
    while raw := file.readline(LINE_BYTES + 1):
        number += 1
        left -= len(raw)
        if len(raw) > LINE_BYTES:
            skips.add(_LONG, f"line {number}")
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LINE_BYTES)
                left -= len(raw)
        elif raw.strip():
            yield number, raw
        if left < 0:
            skips.add(f"what comes after {MOST_BYTES} bytes, the most", f"line {number}")
            return


def _take(item: dict[str, Any], entities: dict[str, _Entity], relations: list[tuple[str, str, str]]) -> bool:
    """Take up a line; return whether it is an entity or a relation."""
    if item.get("type") == "entity":
        name, kind, observations = (item.get(key) for key in ("name", "entityType", "observations"))
        if not isinstance(name, str) or not name.strip() or not isinstance(observations, list):
            return False
        entity = entities.setdefault(name, _Entity(kind if isinstance(kind, str) else "", {}))
        entity.observations |= dict.fromkeys(text for text in observations if isinstance(text, str) and text.strip())
        return True
    ends = [item.get(key) for key in ("from", "to", "relationType")]
    if item.get("type") != "relation" or not all(isinstance(end, str) and end.strip() for end in ends):
        return False
    relations.append((str(ends[0]), str(ends[1]), str(ends[2])))
    return True
