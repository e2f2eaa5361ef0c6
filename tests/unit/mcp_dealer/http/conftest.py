"""A gate before an application that says who asks."""

from __future__ import annotations

import pytest

from mcp_dealer.http.clients import Clients
from mcp_dealer.http.credentials import Credentials
from mcp_dealer.http.gate import Gate
from memmux.config.mms_variables import API_KEY
from memmux.config.settings import Settings
from tests.unit.mcp_dealer.http.gate_world import THEIRS, World, application


@pytest.fixture
def world(settings: Settings) -> World:
    clients, clock, wall = Clients(settings, None), [0.0], [1000.0]
    credentials = Credentials(settings, {API_KEY: THEIRS}, lambda: wall[0])
    gate = Gate(application, credentials, clients, hosts=("Memory.example",), clock=lambda: clock[0])
    return World(settings, gate, credentials, clock, wall)
