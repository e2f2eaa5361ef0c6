"""Clients that are patient with a peer in a thread, which a busy machine may keep from running for seconds."""

from __future__ import annotations

import pytest

from memmux.client import session, silence
from memmux.cluster import ping
from tests.bounds import BOUND_S


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer whose answer takes long is there, and nothing is sent to it again; a test may set less."""
    monkeypatch.setattr(ping, "PONG_S", BOUND_S)
    monkeypatch.setattr(silence, "PONG_S", BOUND_S)
    monkeypatch.setattr(session, "ANSWER_S", BOUND_S)
