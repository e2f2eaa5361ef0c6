"""Two agents of LangChain that share one memory: pip install langchain langchain-mcp-adapters.

Both models are scripted, so that this runs without one; put yours in their places, such as init_chat_model(…).
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools


class Scripted(GenericFakeChatModel):
    """A model that calls one tool, and then says what that answered."""

    tool: str
    arguments: dict[str, Any]
    messages: Any = iter(())

    def bind_tools(self, tools: Any, **options: Any) -> Scripted:
        return self

    def _generate(self, messages: list[BaseMessage], *more: Any, **options: Any) -> ChatResult:
        last = messages[-1]
        call = {"name": self.tool, "args": self.arguments, "id": "1"}
        said = AIMessage(last.text) if last.type == "tool" else AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=said)])


async def main() -> None:
    memory = {"transport": "stdio", "command": "memmux", "args": ["mcp"], "env": dict(os.environ)}
    async with MultiServerMCPClient({"memory": memory}).session("memory") as session:
        tools = await load_mcp_tools(session)
        fact = "The staging database listens on port 5433."
        scout = create_agent(Scripted(tool="memory_store", arguments={"content": fact, "tags": ["scout"]}), tools)
        await scout.ainvoke({"messages": [("user", "Find out where staging listens, and remember it.")]})
        writer = create_agent(Scripted(tool="memory_search", arguments={"query": "port of staging"}), tools)
        answer = await writer.ainvoke({"messages": [("user", "Which port is staging on?")]})
        print(answer["messages"][-1].text)


asyncio.run(main())
