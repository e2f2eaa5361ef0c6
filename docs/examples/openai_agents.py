"""Two agents of the OpenAI Agents SDK that share one memory: pip install openai-agents.

Both models are scripted, so that this runs without one; leave `model` out, or name one, to use yours.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.mcp import MCPServerStdio
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText


class Scripted(Model):
    """A model that calls one tool, and then says what that answered."""

    def __init__(self, tool: str, arguments: dict[str, Any]) -> None:
        self._call = ResponseFunctionToolCall(
            type="function_call", call_id="1", name=tool, arguments=json.dumps(arguments)
        )

    async def get_response(self, system_instructions: Any, input: Any, *more: Any, **options: Any) -> ModelResponse:
        answers = [] if isinstance(input, str) else [one for one in input if one.get("type") == "function_call_output"]
        said: Any = self._call
        if answers:
            text = ResponseOutputText(type="output_text", text=str(answers[-1]["output"]), annotations=[])
            said = ResponseOutputMessage(id="1", type="message", role="assistant", status="completed", content=[text])
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *more: Any, **options: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


async def main() -> None:
    set_tracing_disabled(True)
    server = {"command": "memmux", "args": ["mcp"], "env": dict(os.environ)}
    async with MCPServerStdio(server, client_session_timeout_seconds=30) as memory:  # 5 are few for a first start
        fact = "The staging database listens on port 5433."
        note = Scripted("memory_store", {"content": fact, "tags": ["scout"]})
        scout = Agent(name="scout", model=note, mcp_servers=[memory])
        await Runner.run(scout, "Find out where staging listens, and remember it.")
        look = Scripted("memory_search", {"query": "port of staging"})
        writer = Agent(name="writer", model=look, mcp_servers=[memory])
        print((await Runner.run(writer, "Which port is staging on?")).final_output)


asyncio.run(main())
