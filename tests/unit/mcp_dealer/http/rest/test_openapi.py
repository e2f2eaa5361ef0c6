"""The document: it has all routes and no others, and each operation says what it takes and answers."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from mcp_dealer.http.rest import OPERATIONS, routes
from mcp_dealer.http.rest.openapi import document
from mcp_dealer.http.rest.operation import Operation

DOCUMENT = document(OPERATIONS)


def test_every_route_is_in_the_document_and_the_other_way_round() -> None:
    served = {(route.path, method) for route in routes() for method in route.methods or () if method != "HEAD"}
    described = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == served


def test_names_are_of_one_operation_each() -> None:
    assert set(Counter(one.name for one in OPERATIONS).values()) == {1}


def test_every_reference_leads_somewhere() -> None:
    known = DOCUMENT["components"]["schemas"]
    found: list[str] = []

    def look(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                found.append(value["$ref"])
            for one in value.values():
                look(one)
        elif isinstance(value, list):
            for one in value:
                look(one)

    look(DOCUMENT)
    assert found
    assert {ref.removeprefix("#/components/schemas/") for ref in found} <= known.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_each_operation_is_described(operation: Operation) -> None:
    said = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert said["summary"]
    assert said["description"].endswith(".")
    assert "200" in said["responses"]
    assert operation.opens or {"401", "403"} <= said["responses"].keys()
    if operation.takes is not None:
        assert said["requestBody"]["content"]["application/json"]["example"]
        operation.takes.model_validate_json(json.dumps(operation.takes.example))
