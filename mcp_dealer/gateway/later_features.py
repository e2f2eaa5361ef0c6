"""Later features: what a gateway serves, made once it is asked for, or as soon as the first handshake is answered."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_dealer.features.features import Features


class LaterFeatures:
    """The features of one process: importing them takes most of what a gateway takes to start without."""

    def __init__(self) -> None:
        self._made: Features | None = None
        self._making = threading.Lock()

    def get(self) -> Features:
        """Return them; who comes while they are made waits."""
        with self._making:
            if self._made is None:
                from mcp_dealer.features.features import Features

                self._made = Features()
            return self._made

    def prepare(self) -> None:
        """Have a thread make them, once the loop has done what it is at."""
        if self._made is None:
            making = threading.Thread(target=self.get, name="features", daemon=True)
            asyncio.get_running_loop().call_soon(making.start)
