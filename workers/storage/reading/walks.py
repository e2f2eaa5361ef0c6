"""Walks: from a memory along links, in either direction, breadth first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from memmux import limits
from memmux.errors import LimitOutOfRangeError
from memmux.wire.answers import Graph, Link, Node
from memmux.wire.requests import Graph as Asked
from memmux.wire.requests import Walk
from memmux.wire.times import from_epoch
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import rows

_SQL = queries.load("graph")
Place = int | str
"""A memory by its row; or what a link names, where no live memory goes by that."""
Edge = tuple[Place, Place, tuple[Any, ...]]
"""A link from one place to another, with its other fields as they are kept."""


def walk(connection: Connection, asked: Asked) -> Graph:
    """Return what is linked with a memory, or the way to another one.

    Raises NotFoundError if one of them is not there, LimitOutOfRangeError if the way may be beyond what is looked at.
    """
    start = rows.find(connection, asked.id, asked.namespace)
    end = None if asked.other is None else rows.find(connection, asked.other, asked.namespace)
    links = _Links(connection, rows.single(asked.namespace))
    distances: dict[Place, int] = {start: 0}
    ways: dict[Place, tuple[Place, Edge]] = {}  # to each place: from where, and by which link
    found: dict[Edge, None] = {}
    frontier: list[Place] = [start]
    most = limits.GRAPH_NODES if end is None else limits.PATH_NODES
    for distance in range(1, asked.hops + 1):
        if end in distances or not frontier:
            break
        known, frontier = frontier, []
        for here, there, edge in links.steps(known):
            if there not in distances and len(distances) < most:
                distances[there] = distance
                ways[there] = here, edge
                frontier.append(there)
            if end is None and distances.get(there) == distance:
                found[edge] = None
            if there == end:
                break
    if end is not None and end not in distances and len(distances) >= most:
        raise LimitOutOfRangeError(
            f"there is no way among the {most} memories nearest to {asked.id!r}; where fewer are near the other end, "
            f"there may be one: ask for the way from {asked.other!r} to {asked.id!r}"
        )
    if asked.action is Walk.PATH:
        return _path(connection, end, distances, ways)
    if asked.action is Walk.SUBGRAPH:
        edges = links.of(place for place in distances if isinstance(place, int))
        found = dict.fromkeys(edge for edge in edges if edge[0] in distances and edge[1] in distances)
    return _graph(connection, distances, found)


class _Links:
    """The links of live memories of one namespace."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace

    def steps(self, places: Sequence[Place]) -> Iterator[tuple[Place, Place, Edge]]:
        """Yield each of `places` with another one and the link between them; it is read for so many places at once."""
        for first in range(0, len(places), limits.GRAPH_NODES):
            near = set(places[first : first + limits.GRAPH_NODES])
            for edge in self.of(place for place in near if isinstance(place, int)):
                for here, there in ((edge[0], edge[1]), (edge[1], edge[0])):
                    if here in near:
                        yield here, there, edge

    def of(self, places: Iterable[int]) -> Iterator[Edge]:
        """Yield the links that start or end at the memories of `places`; each once, or twice."""
        wanted = list(places)
        outward = self._connection.fetch(_SQL["from"], {"rows": wanted})
        targets = self._rows("targets", names=sorted({target for _, target, *_ in outward}))
        for row, target, *fields in outward:
            yield row, targets.get(target, target), tuple(fields)
        names = dict(self._connection.fetch(_SQL["names"], {"rows": wanted}))
        values = {"names": list(names), "namespace": self._namespace}
        for row, target, *fields in self._connection.fetch(_SQL["to"], values):
            yield row, names[target], tuple(fields)

    def _rows(self, query: str, *, names: Sequence[str]) -> dict[str, int]:
        values = {"names": names, "namespace": self._namespace}
        return dict(reversed(self._connection.fetch(_SQL[query], values)))  # an id goes before an alias


def _path(
    connection: Connection,
    end: Place | None,
    distances: dict[Place, int],
    ways: dict[Place, tuple[Place, Edge]],
) -> Graph:
    """Return the way to `end`, its memories in order; nothing if it was not reached."""
    if end is None or end not in distances:
        return Graph(nodes=(), links=())
    places: list[Place] = [end]
    edges: list[Edge] = []
    while places[-1] in ways:
        place, edge = ways[places[-1]]
        places.append(place)
        edges.append(edge)
    return _graph(connection, {place: distances[place] for place in reversed(places)}, reversed(edges))


def _graph(connection: Connection, distances: dict[Place, int], edges: Iterable[Edge]) -> Graph:
    known = [place for place in distances if isinstance(place, int)]
    memories = dict(zip(known, rows.memories(connection, known), strict=True))
    nodes = tuple(
        Node(id=memories[place].id, distance=distance, memory=memories[place])
        if isinstance(place, int)
        else Node(id=place, distance=distance, memory=None)
        for place, distance in distances.items()
    )
    names = dict(zip(distances, (node.id for node in nodes), strict=True))
    return Graph(
        nodes=nodes, links=tuple(_link(names[source], names[target], fields) for source, target, fields in edges)
    )


def _link(source: str, target: str, fields: Sequence[Any]) -> Link:
    relation, similarity, types, metadata, created_at = fields
    return Link(
        source=source,
        target=target,
        relation=relation,
        similarity=similarity,
        types=tuple(orjson.loads(types)),
        metadata=orjson.loads(metadata),
        created_at=from_epoch(created_at),
    )
