"""What tools answer in the tests of the drop-in replacement, by tables."""

from __future__ import annotations

from typing import Any

from mcp import Client

from tests.acceptance.conftest import structured
from tests.acceptance.world import KETTLE, PARROT, PORT


def _facts(answer: dict[str, Any]) -> dict[str, Any]:
    """What a table says of an answer."""
    found = answer.get("hits", answer.get("memories"))
    facts = dict(answer)
    if isinstance(found, list):
        facts["found"] = [memory["content"] for memory in found]
    if "nodes" in answer:
        facts["nodes"] = sorted((node["content"] for node in answer["nodes"]), key=[PORT, PARROT, KETTLE].index)
    return facts


async def expect(client: Client, cases: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    """Call tools; each case is a name, its arguments, and the facts that the answer has among others."""
    for name, arguments, expected in cases:
        facts = _facts(structured(await client.call_tool(name, arguments)))
        wanted = dict(expected)
        if "nodes" in wanted:
            wanted["nodes"] = sorted(wanted["nodes"], key=[PORT, PARROT, KETTLE].index)
        assert {fact: facts.get(fact) for fact in wanted} == wanted, (name, arguments)
