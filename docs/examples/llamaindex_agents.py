"""Two agents of LlamaIndex that share one memory: pip install llama-index-core llama-index-tools-mcp.

Both models are scripted, so that this runs without one; put yours in their places, such as Anthropic(…).
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


def scripted(tool: str, arguments: dict[str, Any]) -> MockFunctionCallingLLM:
    """Return a model that calls one tool, and then says what that answered."""

    def answer(messages: list[ChatMessage], **options: Any) -> ChatMessage:
        last = messages[-1]
        call = ToolCallBlock(tool_call_id="1", tool_name=tool, tool_kwargs=arguments)
        said = last.content if last.role == MessageRole.TOOL else [call]
        return ChatMessage(role=MessageRole.ASSISTANT, content=said)

    return MockFunctionCallingLLM(response_generator=answer, is_chat_model=True)


async def main() -> None:
    memory = BasicMCPClient("memmux", args=["mcp"], env=dict(os.environ))
    tools = await McpToolSpec(memory).to_tool_list_async()
    fact = "The staging database listens on port 5433."
    scout = FunctionAgent(
        tools=tools, llm=scripted("memory_store", {"content": fact, "tags": ["scout"]}), streaming=False
    )
    await scout.run("Find out where staging listens, and remember it.")
    writer = FunctionAgent(tools=tools, llm=scripted("memory_search", {"query": "port of staging"}), streaming=False)
    print((await writer.run("Which port is staging on?")).response.content)


asyncio.run(main())
