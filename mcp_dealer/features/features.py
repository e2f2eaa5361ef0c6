"""The features of the MCP server, tools, resources and prompts, as the protocol has them; nothing of the SDK.

They are made once, over the cluster's client of whoever is served. pydantic and its models come with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp_dealer.arguments.time_words import Moment
from mcp_dealer.features.prompts import MemoryPrompts
from mcp_dealer.features.resources import MemoryResources
from mcp_dealer.link import call_log
from mcp_dealer.link.asked import LINK
from mcp_dealer.link.change_watch import ChangeWatch
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.schemas import Answer, as_brief, as_older, text
from mcp_dealer.tool_error import ToolError
from mcp_dealer.tools import older_tools
from mcp_dealer.tools.everyday_tools import MemoryTools
from mcp_dealer.tools.full_tools import ExtraTools
from mcp_dealer.tools.tool import MemoryTool, Progress, refusals, unheard
from memmux.client.asynchronous import AsyncClient
from memmux.config.settings import ToolList
from memmux.errors import PathRefusedError, UnknownOperationError

PATH_TOOLS = frozenset({"memory_ingest"})
"""Tools that take a path of the machine where the server is."""
_UPLOAD = "upload what is to be read with POST /api/ingest, or run `memmux ingest` there"


class Features:
    """All that is served. link: of the only client that there is, or None where each has its own, as `LINK`."""

    def __init__(self, link: ClusterLink | None = None) -> None:
        self._only_link = link
        self.watch = ChangeWatch()
        extra = ExtraTools(self.begun, lambda: self.link.settings, watch=self.watch)
        self._lists: dict[ToolList, list[MemoryTool]] = {
            ToolList.CORE: MemoryTools(self.begun).all(),
            ToolList.FULL: [*MemoryTools(self.begun).all(full=True), *extra.all()],
        }
        self.resources = MemoryResources(self.begun, extra.memory_stats)
        self.prompts = MemoryPrompts(self.begun, Moment.current)
        self._by_name = {tool.name: tool for tool in self._lists[ToolList.FULL]}
        self.fixed: Mapping[str, Mapping[str, Any]] = {
            "ping": {},
            "prompts/list": {"prompts": self.prompts.kinds()},
            "resources/list": {"resources": self.resources.addresses()},
            "resources/templates/list": {"resourceTemplates": self.resources.templates()},
        }
        """The results of requests that are always answered alike, by their methods."""

    @property
    def link(self) -> ClusterLink:
        """The link to the cluster of the client that is served here."""
        link = LINK.get() or self._only_link
        assert link is not None, "no client is served here"
        return link

    def begun(self) -> AsyncClient:
        """Return the cluster's client of who is served here."""
        return self.link.begin()

    async def tools(self) -> list[Mapping[str, Any]]:
        """List the tools that the settings say, the others can be called as well; none that a key does not allow."""
        listed = self._lists[self.link.settings.tools]
        if self.link.distant:
            listed = [tool for tool in listed if tool.name not in PATH_TOOLS]
        if await self.link.only_reads():
            listed = [tool for tool in listed if tool.only_reads]
        return [tool.listing for tool in listed]

    def is_plain(self, name: str) -> bool:
        """Return whether there is a tool of that name that needs nothing of MCP but its arguments."""
        tool = self._by_name.get(name)
        return tool is not None and not tool.reports

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the result of a call of a tool, as `answer` has it; what refuses is a result that is an error."""
        try:
            answer = await self.answer(name, arguments)
        except ToolError as error:
            return {"content": [_text(str(error))], "isError": True}
        return {"content": [_text(text(answer))], "structuredContent": answer.structured(), "isError": False}

    async def answer(self, name: str, arguments: Mapping[str, Any], progress: Progress = unheard) -> Answer:
        """Return what a tool answers, by its name or by an older one; what is unknown is refused with a code.

        Raises ToolError with the code and the remedy of whatever refuses.
        """
        link = self.link
        with call_log.called(name, arguments, link.name):
            answer = await self._answer(name, arguments, progress)
            link.uses.add(answer.used())
            return answer

    async def _answer(self, name: str, arguments: Mapping[str, Any], progress: Progress) -> Answer:
        if self.link.distant and _reads_paths(name):
            with refusals(name):
                raise PathRefusedError(
                    f"{name} reads files where the server is, and is not offered over HTTP; {_UPLOAD}"
                )
        if name in self._by_name:
            brief = self.link.settings.tools is ToolList.CORE
            return await self._by_name[name].answer(arguments, progress, as_brief if brief else None)
        with refusals(name):
            if name in older_tools.OLDER:
                older = older_tools.OLDER[name]
                translated = older.translate(arguments, Moment.current)
                return await self._by_name[older.tool].answer(translated, progress, partial(as_older, name=name))
            if name in older_tools.REFUSED:
                raise older_tools.refusal(name)
            raise UnknownOperationError(f"there is no tool {name!r}; there are {', '.join(self._by_name)}")


def _text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def _reads_paths(name: str) -> bool:
    older = older_tools.OLDER.get(name)
    return (name if older is None else older.tool) in PATH_TOOLS
