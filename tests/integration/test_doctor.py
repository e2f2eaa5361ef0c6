"""The doctor with a real cluster, and what it says of a place that is not as it should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from memmux import Client
from memmux.cluster.endpoint import Endpoint, write
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import NotFoundError
from tests import commands
from tests.integration.helpers import settled, status_until

Doctor = Callable[..., tuple[int, dict[str, list[dict[str, str]]]]]
EXPECTED = ("interpreter", "versions", "sqlite", "extension", "file_system", "settings", "sockets", "round_trip", "mcp")


@pytest.fixture
def doctor(settings_env: dict[str, str], short_tmp: Path) -> Doctor:
    """Run `memmux doctor --json`; return the exit code and the findings by their name."""

    def run(**variables: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
        ended = commands.run(["doctor", "--json"], {**settings_env, **variables}, cwd=short_tmp)
        answer: Any = json.loads(ended.stdout)
        assert answer["healthy"] == (ended.returncode == 0), answer
        found: dict[str, list[dict[str, str]]] = {}
        for finding in answer["findings"]:
            found.setdefault(finding["name"], []).append(finding)
        return ended.returncode, found

    return run


def test_a_healthy_place_has_no_error_and_the_round_trip_leaves_nothing(
    doctor: Doctor, client: Client, settings: Settings
) -> None:
    client.store("a memory of the user's")
    status_until(client, settled)  # or the doctor's own memory has its vector later, by a change more
    code, found = doctor()
    assert code == 0
    assert {name: found[name][0]["level"] for name in EXPECTED} == dict.fromkeys(EXPECTED, "ok")
    assert f" at {client.status().endpoint}," in found["cluster"][0]["text"]
    assert client.list(namespace="memmux-doctor").total == 0
    assert client.status().memories == 1
    assert [memory["content"] for memory in client.dump().memories] == ["a memory of the user's"]
    with closing(apsw.Connection(str(settings.database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        seq, memory = connection.execute("SELECT max(seq), memory FROM changes WHERE operation = 'memory.purge'").get
    assert [line.before for line in client.history(memory, namespace="memmux-doctor")] == [None, None, None]
    with pytest.raises(NotFoundError):
        client.undo(seq - 1)


def test_the_doctor_starts_a_cluster_if_none_runs(doctor: Doctor) -> None:
    code, found = doctor()
    assert code == 0
    assert found["cluster"][0]["text"].startswith("none runs")
    assert found["round_trip"][0]["level"] == "ok"


def test_settings_that_nobody_reads_are_named(doctor: Doctor) -> None:
    _, found = doctor(MEMMUX_READRES="4", MEMMUX_MODEL="")
    assert {finding["level"] for finding in found["settings"]} == {"warning"}
    said = sorted(finding["text"] for finding in found["settings"])
    assert len(said) == 2
    assert said[0].startswith("MEMMUX_MODEL is set to nothing")
    assert "MEMMUX_READERS was meant?" in said[1]


def test_a_folder_that_a_cloud_copies_is_an_error(doctor: Doctor, short_tmp: Path, settings: Settings) -> None:
    database = short_tmp / "Dropbox" / "memories.db"
    code, found = doctor(MEMMUX_DATABASE=str(database))
    assert code == 1
    assert found["cloud"][0]["level"] == "error"
    with Client(database, settings=settings, start=False) as client:
        client.stop()


def test_a_path_too_long_for_sockets_is_an_error(doctor: Doctor, short_tmp: Path) -> None:
    code, found = doctor(MEMMUX_RUNTIME_DIR=str(short_tmp / ("long" * 30)))
    assert code == 1
    assert "MEMMUX_RUNTIME_DIR" in found["sockets"][0]["text"]
    assert found["round_trip"][0]["level"] == "error"


def test_what_dead_processes_left_and_open_permissions_are_warnings(
    doctor: Doctor, client: Client, settings: Settings
) -> None:
    client.store("something")
    client.stop()
    places = Places(settings)
    write(places, Endpoint("ipc:///nowhere", 2**22 + 1, "0.0.1", 1))
    log = Path(f"{places.database}-wal")
    if not log.exists():  # else the cluster was stopped before all of it was in the database
        log.write_bytes(b"not a log")
    places.database.chmod(0o644)
    places.database.parent.chmod(0o777)
    code, found = doctor()
    stale = " ".join(finding["text"] for finding in found["stale files"])
    assert "memories.db.endpoint" in stale
    assert "memories.db-wal" in stale
    assert f"chmod 600 {places.database}" in found["database"][0]["text"]
    assert "chmod go-w" in found["database folder"][0]["text"]
    assert code == 0


def test_a_cluster_of_another_version_is_a_warning(doctor: Doctor, client: Client, settings: Settings) -> None:
    status = client.status()
    places = Places(settings)
    write(places, Endpoint(status.endpoint, status.pid, "0.0.1", 1))
    _, found = doctor()
    assert "0.0.1" in found["version skew"][0]["text"]
    assert "memmux restart" in found["version skew"][0]["text"]


def test_a_missing_model_is_an_error_that_says_the_remedy(doctor: Doctor, short_tmp: Path) -> None:
    code, found = doctor(MEMMUX_EMBEDDER="onnx", MEMMUX_MODEL=str(short_tmp / "nowhere"))
    assert code == 1
    assert "MEMMUX_MODEL" in found["model"][0]["text"]
