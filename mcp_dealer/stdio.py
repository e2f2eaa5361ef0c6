"""MCP over standard input and output: every line that asks for an answer gets one, and every answer can be written.

While messages flow, descriptor 0 is the null device and descriptor 1 is standard error, so that nothing else reads from
the host or writes into the protocol.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCMessage, jsonrpc_message_adapter
from pydantic_core import PydanticSerializationError

from mcp_dealer import lines
from memmux.logs import log

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]
_STDERR = 2


@asynccontextmanager
async def streams() -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Yield the messages that come in, and where to send those that go out.

    What is raised when the host is gone is for `host_watch.is_gone` to judge.
    """
    found, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, leaving = anyio.create_memory_object_stream[SessionMessage](0)
    source, target = map(anyio.wrap_file, _claimed())
    writing = anyio.Lock()

    async def write(line: str) -> None:
        async with writing:
            await target.write(line.encode() + b"\n")
            await target.flush()

    async def read_all() -> None:
        with suppress(anyio.ClosedResourceError):
            async with found:
                async for line in source:
                    for said in lines.read(line):
                        if isinstance(said, lines.Message):
                            await found.send(_parsed(said.text))
                        else:
                            log.get().warning("line_refused", code=said.code, error=said.reason)
                            await write(said.answer)

    async def write_all() -> None:
        with suppress(anyio.ClosedResourceError):
            async with leaving:
                async for sent in leaving:
                    await write(line_of(sent.message))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_all)
        tasks.start_soon(write_all)
        yield incoming, outgoing


def line_of(message: JSONRPCMessage) -> str:
    """Return a message as a line; half a surrogate pair, as the name of a file may hold, becomes U+FFFD."""
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True)
    except PydanticSerializationError:
        return lines.mended(json.dumps(message.model_dump(by_alias=True, exclude_unset=True), ensure_ascii=False))


def _parsed(text: str) -> SessionMessage | Exception:
    """Return the message for the SDK, which drops an error and so what is no message to it: a malformed answer."""
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False))
    except ValueError as error:
        return error


def _claimed() -> tuple[BinaryIO, BinaryIO]:
    """Return standard input and output under other descriptors; they are never closed, as a thread may wait for one."""
    nothing = os.open(os.devnull, os.O_RDWR)  # where standard error is closed, it takes its place
    read, write = os.dup(0), os.dup(1)
    os.dup2(nothing, 0)
    os.dup2(_STDERR, 1)
    if nothing != _STDERR:
        os.close(nothing)
    return os.fdopen(read, "rb", closefd=False), os.fdopen(write, "wb", closefd=False)
