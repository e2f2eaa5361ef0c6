"""Hosts and clusters that were started with different folders for sockets: all have the one gateway."""

from __future__ import annotations

from pathlib import Path

from memmux import Client
from memmux.config.settings import Settings
from tests.integration.helpers import gone, status_until
from tests.integration.relay_host import RelayHost


def _served_by_gateway(client: Client, name: str) -> bool:
    """Whether the session of that name is of the cluster's gateway, once there is one."""

    def there(known: dict[str, object]) -> bool:
        return known["name"] == name

    status = status_until(client, lambda status: any(map(there, status.clients)) and bool(status.gateway))
    assert status.gateway is not None
    return [known["pid"] for known in status.clients if there(known)] == [status.gateway["pid"]]


def test_a_host_that_knows_another_folder_has_the_gateway_of_the_cluster_that_runs(
    settings_env: dict[str, str], settings: Settings, short_tmp: Path
) -> None:
    with Client(settings=settings, name="test") as client:
        client.status()
        with RelayHost({**settings_env, "MEMMUX_RUNTIME_DIR": str(short_tmp / "other")}) as host:
            host.call(1, "memory_health")
            host.result(1)
            assert _served_by_gateway(client, "host")


def test_a_host_finds_the_gateway_of_a_cluster_that_was_started_again_with_another_folder(
    settings_env: dict[str, str], settings: Settings, short_tmp: Path
) -> None:
    with RelayHost({**settings_env, "MEMMUX_RUNTIME_DIR": str(short_tmp / "other")}) as host:
        host.call(1, "memory_health")
        host.result(1)
        with Client(settings=settings, name="test") as client:
            router = client.status().pid
            client.stop()
        gone([router])
        with Client(settings=settings, name="test") as client:
            assert client.status().pid != router
            host.call(2, "memory_health")
            host.result(2)
            assert _served_by_gateway(client, "host")
