"""A home folder that is nobody's, and the files of clients in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memmux.hosts.catalogue import HOSTS, Host
from memmux.hosts.config_file import Document
from memmux.hosts.install import Plan
from memmux.hosts.machine import Machine

NOW = datetime(2026, 11, 23, 14, 30, 5, tzinfo=UTC)

OTHERS = {
    "json": """{{
  // mine
  "theme": "dark",
  "{servers}": {{
    "docs": {{"command": "npx", "args": ["-y"]}}, // keep
    /* "off": {{}} */
  }},
}}
""",
    "toml": """# mine
model = "o3"

[{servers}.docs]
command = "npx" # keep
args = ["-y"]

[tui]
notifications = true
""",
}
"""A file that a user keeps by hand, for each format."""


def others(client: Host) -> str:
    """A file of this client with another server and comments."""
    return OTHERS[client.format].format(servers=client.servers)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home", "linux", {})


@pytest.fixture(params=HOSTS)
def client(request: pytest.FixtureRequest) -> Host:
    return HOSTS[request.param]


@pytest.fixture
def document(client: Host, machine: Machine) -> Callable[..., Document]:
    """Read the client's file, after it was written if a text is given."""

    def read(text: str | None = None) -> Document:
        file = client.user_file(machine)
        if text is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        return Document.of(client, file)

    return read


def apply(plan: Plan) -> Path | None:
    """Do what was planned, at a fixed time."""
    return plan.apply(NOW)
