"""Refusals of resources and prompts: they have no result that is an error, so errors of the protocol tell it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from mcp_dealer.link import call_log
from mcp_dealer.schemas.bounds import MEMORY_CHARACTERS
from memmux.errors import MemmuxError, RequestError
from memmux.logs import log


@contextmanager
def protocol_errors(what: str) -> Iterator[None]:
    """Turn what fails inside into an error of the protocol, with our code in its message; what: for the log."""
    try:
        yield
    except MCPError:
        raise
    except MemmuxError as error:
        code = INVALID_PARAMS if isinstance(error, RequestError) else INTERNAL_ERROR
        raise MCPError(code, f"{error.code}: {error.message}"[:MEMORY_CHARACTERS]) from error
    except Exception as error:
        log.get().exception("tool_crashed", tool=what, call_id=call_log.call_id())
        raise MCPError(INTERNAL_ERROR, f"{MemmuxError.code}: {MemmuxError().message}") from error
