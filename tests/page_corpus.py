"""Memories for the page's tests and pictures: what a small team's assistants keep, over some weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from memmux import Client
from memmux.config.settings import Settings
from tests.integration.helpers import every_kind, status_until

RUNBOOK: Final = """\
# Restoring staging

The staging database is restored from last night's backup **every Monday at 06:00**. If it fails:

1. Look at `systemctl status staging-restore`
2. Free space on `/srv/staging` (it needs twice the size of the dump)
3. Start it again by hand:

```sh
sudo systemctl start staging-restore
journalctl -fu staging-restore
```

| database | port | owner |
|---|---:|---|
| staging | 5433 | Ada |
| analytics | 5434 | Grace |

> Never restore over production: the script asks for the host's name twice, and it means it.

More in the [runbook](https://wiki.example/runbooks/staging), or ask [Ada](mailto:ada@example.org).
"""
_ROWS: Final[list[dict[str, Any]]] = [
    {
        "content": RUNBOOK,
        "tags": ["staging", "runbook"],
        "type": "procedure",
        "metadata": {"source": "docs/staging.md", "chunk": 1, "reviewed": True},
    },
    {
        "content": "The staging database listens on port 5433, not on 5432: that one is the developer's own.",
        "tags": ["staging", "database"],
        "type": "fact",
        "thread": "staging move",
        "place": 1,
    },
    {
        "content": "Connections to staging go through the bastion since the "
        "move; `ssh -J bastion staging` works from everywhere.",
        "tags": ["staging", "network"],
        "type": "fact",
        "thread": "staging move",
        "place": 2,
    },
    {
        "content": "We decided against a connection pool in front of staging: the tests need real sessions.",
        "tags": ["staging", "decision"],
        "type": "decision",
        "thread": "staging move",
        "place": 3,
    },
    {
        "content": "Ada prefers short answers, with the command first and the reasons after it.",
        "tags": ["people"],
        "type": "preference",
    },
    {
        "content": "Releases go out on Tuesdays, never before a holiday. The changelog is written the day before.",
        "tags": ["release", "process"],
        "type": "procedure",
    },
    {
        "content": "Grace owns the analytics database; questions about retention go to her first.",
        "tags": ["people", "database"],
        "type": "fact",
    },
    {
        "content": "The flaky test of the exporter waits for a file's time of change. Wait for its content instead.",
        "tags": ["tests", "lesson"],
        "type": "lesson",
    },
    {
        "content": "## Naming\n\n- services are nouns\n- jobs are verbs\n- a queue has the name of its consumer",
        "tags": ["conventions"],
        "type": "convention",
    },
    {
        "content": "Invoices are numbered by year, without gaps: the tax office asks for the missing ones.",
        "tags": ["billing", "domain"],
        "type": "fact",
    },
    {
        "content": "The test database listens at port 5433 and not at 5432, which is the developer's own.",
        "tags": ["database"],
        "type": "fact",
    },
    {
        "content": "Migrations run before the new version starts, and must work with the old one that still runs.",
        "tags": ["release", "database"],
        "type": "convention",
    },
    {
        "content": "Customers in Japan get their receipts as PDF/A: 領収書は PDF/A 形式で送付する。",
        "tags": ["billing", "japan"],
        "type": "fact",
    },
    {"content": "تُرسل الفواتير إلى العملاء في دبي باللغتين العربية والإنجليزية.", "tags": ["billing"], "type": "fact"},
    {
        "content": "Dashboards: Grafana at https://grafana.example, the board is called “Orders, live”. 📈",
        "tags": ["operations"],
        "type": "fact",
    },
    {
        "content": "The search page must answer within 200 ms at the 95th "
        "percentile; the budget is in `perf/budget.toml`.",
        "tags": ["performance"],
        "type": "requirement",
    },
    {
        "content": "Alan is on leave until the second week of the month; Barbara reviews his pull requests.",
        "tags": ["people"],
        "type": "note",
    },
    {
        "content": "Feature flags are removed within two releases after they are on for everyone.",
        "tags": ["process", "conventions"],
        "type": "convention",
    },
    {
        "content": "Redis is a cache and nothing else. Whatever must survive belongs into PostgreSQL.",
        "tags": ["architecture", "decision"],
        "type": "decision",
    },
    {
        "content": "Session cookies are bound to the host; the login page sets them with SameSite=Strict.",
        "tags": ["security"],
        "type": "fact",
    },
    {
        "content": "The nightly build takes 14 minutes, of which 9 are the browser tests.",
        "tags": ["tests", "performance"],
        "type": "observation",
    },
    {
        "content": "Prefer `uv run` to activating the environment: CI does the same.",
        "tags": ["conventions", "tests"],
        "type": "preference",
    },
]
_CLIENTS: Final = ("claude-code", "cursor", "claude-desktop", "cli")


def fill(settings: Settings) -> dict[str, str]:
    """Store the corpus; returns the ids of those that tests and pictures name."""
    now = datetime.now(UTC)
    clients = [Client(settings=settings, name=name) for name in _CLIENTS]
    ids: dict[str, str] = {}
    try:
        status_until(clients[0], every_kind)  # from then on a memory has its vector at once, by no change of its own
        for number, row in enumerate(reversed(_ROWS)):
            at = now - timedelta(days=(len(_ROWS) - number) * 1.7 - 1.2, hours=number * 5 % 24)
            stored = clients[number * 7 % 11 % 4].store(**row, created_at=at)
            ids[row["content"][:12]] = stored.id
        for day in range(40):
            for number in range((day * 7 + 3) % 5):
                ended = "all green" if number else "one failure, in the exporter"
                text = f"Build {day * 10 + number}: {ended}, {9 + number} minutes."
                clients[(day + number) % 4].store(
                    text, tags=["build"], type="observation", created_at=now - timedelta(days=day, hours=number * 3)
                )
        port = ids["The staging "]
        clients[1].update(
            port,
            content="The staging database listens on port 5433, not on 5432: "
            "that is the developer's own. It is only reachable through the bastion.",
        )
        clients[0].update(port, tags=["staging", "database", "network"])
        clients[2].update(
            ids["Releases go "],
            content="Releases go out on Wednesdays, never before a holiday. The changelog is written the day before.",
            versioned=True,
        )
        status_until(clients[0], lambda status: not status.pending)
    finally:
        for client in clients:
            client.close()
    return {"runbook": ids["# Restoring "], "port": port, "japan": ids["Customers in"]}
