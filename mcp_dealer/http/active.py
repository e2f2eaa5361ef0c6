"""Active requests: those that are not over, each ended once what it came with is valid no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

LOOK_S = 1.0  # between two looks


@dataclass(slots=True, eq=False)
class _Request:
    """A request that is not over. valid: whether what it came with still is. ended: whether it was ended here."""

    task: asyncio.Task[object] | None
    valid: Callable[[], bool]
    ended: bool = False


class Active:
    """The requests that are being answered, streams above all. A task looks while there are any."""

    def __init__(self) -> None:
        self._requests: set[_Request] = set()
        self._looking: asyncio.Task[None] | None = None

    async def run(self, answering: Awaitable[None], valid: Callable[[], bool]) -> bool:
        """Answer a request; return False if it was ended because it is `valid` no more."""
        request = _Request(asyncio.current_task(), valid)
        self._requests.add(request)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="http-keys")
        try:
            await answering
        except asyncio.CancelledError:
            if not request.ended or request.task is None or request.task.uncancel() > 0:
                raise  # somebody else has ended it
            return False
        finally:
            self._requests.discard(request)
        return True

    async def _look(self) -> None:
        while self._requests:
            await asyncio.sleep(LOOK_S)
            for request in list(self._requests):
                if request.task is not None and not request.ended and not request.valid():
                    request.ended = True
                    request.task.cancel()
