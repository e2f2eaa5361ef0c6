"""The model switch: how far the vectors of another model are that is to take the place of the current one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from memmux.logs import log
from workers.storage.connection import Connection
from workers.storage.records import vectors
from workers.storage.records.vectors import Model

_TELL_S = 10.0  # between two lines in the log


class ModelSwitch:
    """Looks after each commit at which models there are, and says in the log what has become of them.

    clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._current: Model | None = None
        self._coming: Model | None = None  # as it was when this process saw it first
        self._began = self._told = 0.0

    def look(self, connection: Connection) -> Mapping[str, object]:
        """Return `to`, `done` and `of` memories and, once that is known, `left_s`; nothing while no model is coming."""
        current, coming = vectors.current(connection), vectors.coming(connection)
        before, self._current = self._current, current
        if current is not None and before is not None and current.id != before.id:
            log.get().info("model_switched", before=before.name, now=current.name, memories=current.memories)
        if current is None or coming is None:
            self._coming = None
            return {}
        now = self._clock()
        if self._coming is None or self._coming.id != coming.id:
            self._coming, self._began, self._told = coming, now, now
            log.get().info("model_switch_began", **_progress(current, coming))
        told = _progress(current, coming)
        made = coming.memories - self._coming.memories
        if made > 0:
            told["left_s"] = round((current.memories - coming.memories) * (now - self._began) / made, 1)
        if now - self._told >= _TELL_S:
            self._told = now
            log.get().info("model_switching", **told)
        return told


def _progress(current: Model, coming: Model) -> dict[str, object]:
    return {"to": coming.name, "done": coming.memories, "of": current.memories}
