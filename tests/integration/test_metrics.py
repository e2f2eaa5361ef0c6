"""Metrics and health of a real cluster: what Prometheus reads, and what the dashboard and the alerts are made of."""

from __future__ import annotations

import json
import re
import socket
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import apsw
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.errors import ERRORS
from memmux.postgres.servers import Servers
from memmux.wire.answers import Status
from tests.bounds import BOUND_S
from tests.integration.conftest import Machine
from tests.integration.helpers import settled, status_until
from tests.ports import free_port

OPS = Path(__file__).parents[2] / "docs" / "ops"
METRIC = re.compile(r"\bmemmux_\w+")
ROW = "SELECT value FROM meta WHERE key = 'health_check'"
SUFFIXES = ("_bucket", "_sum", "_count")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def settings(settings_env: dict[str, str], port: int) -> Settings:
    """A cluster with metrics, and a health check often."""
    return load({"metrics_port": str(port), "health_check_s": "0.5"}, settings_env)


@pytest.fixture
def watched(client: Client) -> Client:
    """A client of that cluster, which has done something and is known to be well."""
    stored = client.store("something to count")
    client.search("something")
    client.get(stored.id)
    client.backup()
    status_until(client, _well)
    return client


def _well(status: Status) -> bool:
    return {told["state"] for told in status.health.values()} == {"ok"} and not status.pending


def _scrape(port: int) -> str:
    with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/metrics", timeout=BOUND_S) as answer:
        text: str = answer.read().decode()
        return text


def _scraped(client: Client, port: int) -> str:
    """What there is once a picture shows that the cluster is well."""
    found: list[str] = []

    def good(_: Status) -> bool:
        try:
            found.append(_scrape(port))
        except OSError:  # not open yet
            return False
        return 'memmux_health{kind="write"} 1.0' in found[-1] and "memmux_backup_timestamp" in found[-1]

    status_until(client, good)
    return found[-1]


def test_a_scrape_has_all_that_the_dashboard_and_the_alerts_ask_for(watched: Client, port: int) -> None:
    families = list(text_string_to_metric_families(_scraped(watched, port)))
    names = {sample.name for family in families for sample in family.samples} | {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }
    for expression in [*_dashboard(), *_alerts()]:
        used = METRIC.findall(expression)
        assert used, expression
        assert set(used) <= names | _of_servers(), expression
    labels = {(sample.name, label) for family in families for sample in family.samples for label in sample.labels}
    for expression in [*_dashboard(), *_alerts()]:
        for name, selectors in re.findall(r"\b(memmux_\w+)\{([^}]*)\}", expression):
            for label in re.findall(r"(\w+)\s*[=!]", selectors):
                assert label == "instance" or (name, label) in labels or name == "memmux_degraded", expression
    for codes in re.findall(r'outcome=~"([^"]*)"', " ".join(_alerts())):
        assert set(codes.split("|")) <= set(ERRORS)


def test_a_scrape_of_a_database_on_postgresql_has_what_is_asked_of_its_servers(
    machine: Machine, postgres: Servers, port: int
) -> None:
    client = machine("one", postgres.primary("a"), metrics_port=port)
    client.store("something to count")
    client.search("something")
    told = _of_servers()
    assert told

    def all_there(_: Status) -> bool:
        try:
            scraped = _scrape(port)
        except OSError:  # not open yet
            return False
        return all(f"\n{name} " in scraped for name in told)

    status_until(client, all_there)
    asked = set(METRIC.findall("".join([*_dashboard(), *_alerts()])))
    assert told <= asked  # by the dashboard or an alert


def _of_servers() -> set[str]:
    """The metrics that the page says are absent while the database is a file."""
    page = (OPS.parent / "metrics.md").read_text().splitlines(keepends=True)
    return set(METRIC.findall("".join(line for line in page if "absent while the database is a file" in line)))


def _dashboard() -> list[str]:
    dashboard = json.loads((OPS / "grafana-dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def _alerts() -> list[str]:
    groups: list[dict[str, Any]] = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    for rule in rules:
        assert {"summary", "description"} <= rule["annotations"].keys(), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
    return [rule["expr"] for rule in rules]


def test_the_page_about_metrics_names_every_one(watched: Client, port: int) -> None:
    page = (OPS.parent / "metrics.md").read_text()
    for family in text_string_to_metric_families(_scraped(watched, port)):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{name}`" in page, name
    told = set(METRIC.findall("".join(line for line in page.splitlines(keepends=True) if "absent while" not in line)))
    exported = _scraped(watched, port)
    assert all(name in exported for name in told), told


def test_numbers_are_those_of_the_status(watched: Client, port: int) -> None:
    text = _scraped(watched, port)
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    operation = (("operation", "memory.store"), ("outcome", "ok"))
    assert samples["memmux_requests_total", operation] == 1
    assert samples["memmux_request_seconds_count", (("operation", "memory.store"),)] == 1
    write = (("operation", "memory.store"), ("stage", "write"))
    assert samples["memmux_stage_work_seconds_count", write] == 1
    assert 0 < samples["memmux_stage_work_seconds_sum", write] < 30
    assert samples["memmux_memories", ()] == 1
    assert "health." not in text  # a check is in no statistics


def test_only_the_loopback_interface_is_listened_on(watched: Client, port: int) -> None:
    _scraped(watched, port)
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = [fields[1] for fields in listening if fields[3] == "0A" and fields[1].endswith(f":{port:04X}")]
    assert addresses == [f"0100007F:{port:04X}"]


def test_a_port_that_is_taken_is_said_and_stops_nothing(settings: Settings, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with Client(settings=settings, name="test") as client:
            assert client.store("all the same").status == "created"
            status_until(client, settled)
            status = status_until(client, lambda status: "metrics_unavailable" in status.degraded)
            assert status.state == "degraded"
            assert client.search("all the same").degraded == ("hash_embedder", "metrics_unavailable")


def test_health_checks_leave_no_trace_but_their_row(watched: Client, settings: Settings) -> None:
    with closing(apsw.Connection(str(settings.database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        row, seq = connection.execute(ROW).get, watched.status().seq
        status_until(watched, lambda _: connection.execute(ROW).get != row)
    after = watched.status()
    assert (after.seq, after.memories) == (seq, 1)
    assert not any(name.startswith("health.") for name in after.requests)
    assert [memory["content"] for memory in watched.dump().memories] == ["something to count"]
