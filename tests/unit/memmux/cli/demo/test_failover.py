"""When the failover of the demo strikes, and how long it took."""

from __future__ import annotations

from memmux.cli.demo.failover import Failover
from memmux.postgres.servers import Servers
from tests.postgres_server import value


def test_it_strikes_once_so_many_are_stored_and_what_was_acknowledged_is_on_the_replica(postgres: Servers) -> None:
    failover = Failover(postgres, after=3)
    primary, replica = postgres.all
    value(primary, "CREATE TABLE t AS SELECT 1 AS x")
    told: list[tuple[str, int]] = []
    report = failover.watching(lambda phase, done: told.append((phase, done)))
    report("starting", 5)
    report("storing", 2)
    assert primary.pid is not None
    report("storing", 1)
    failover.end()
    assert primary.pid is None
    assert value(replica, "SELECT pg_is_in_recovery()") is False
    assert value(replica, "SELECT x FROM t") == 1
    assert told == [("starting", 5), ("storing", 2), ("storing", 1)]
    report("storing", 1)
    failover.end()


def test_the_outage_ends_with_a_store_that_began_after_the_kill(postgres: Servers) -> None:
    failover = Failover(postgres, after=1)
    assert failover.outage_s([(1.0, 2.0)]) is None
    failover.watching(lambda _phase, _done: None)("storing", 1)
    failover.end()
    began, killed = failover._began, failover._killed
    assert failover.outage_s([(began - 1, killed + 0.1)]) is None
    assert failover.outage_s([(killed, began + 2.0), (killed + 1, began + 1.5)]) == 1.5
