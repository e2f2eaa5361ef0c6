"""Given settings: which of them a successor keeps."""

from __future__ import annotations

from pathlib import Path

from memmux.cluster import given
from memmux.cluster.router_flags import settings_in
from memmux.config.settings import Settings

HTTP = "--http=127.0.0.1:9000"


def test_what_flags_gave_is_told_and_read_again_but_for_what_each_start_says_itself() -> None:
    settings = Settings(http="127.0.0.1:9000", readers=3, database=Path("/tmp/x.db"))
    with given.by_flags({"http", "database"}), given.by_flags({"readers"}):
        (flag,) = given.flag()
    assert given.flag() == []
    arguments = [flag, "--ready-fd=3", "--with-gateway", "--succeed", "--detached", "--readers=3"]
    names, others = given.names(arguments), settings_in(arguments)
    assert (names, others) == ({"http", "database", "readers"}, ["--readers=3"])
    assert given.flags(settings, names) == ("--readers=3", HTTP)
    assert given.names(others) == frozenset()


def test_what_is_named_counts_and_the_rest_is_kept() -> None:
    kept = given.kept(Settings(slow_ms=9), [HTTP, "--slow-ms=8", "--readers=3"], {"slow_ms"})
    assert kept == given.Given(Settings(slow_ms=9, http="127.0.0.1:9000", readers=3, idle_exit_s=0.0), kept.names)
    assert kept.names == {"http", "readers"}


def test_who_serves_others_stays_unless_it_was_told_when_to_leave() -> None:
    assert given.kept(Settings(), [HTTP, "--idle-exit-s=7"], ()).settings.idle_exit_s == 7
    assert given.kept(Settings(idle_exit_s=6), [HTTP], {"idle_exit_s"}).settings.idle_exit_s == 6
    assert given.kept(Settings(), [HTTP], {"http"}).settings == Settings()


def test_a_setting_of_another_version_is_left_out() -> None:
    assert given.kept(Settings(), ["--of-tomorrow=1"], ()) == given.Given(Settings(), frozenset())


def test_what_is_not_the_default_was_changed() -> None:
    assert given.changed(Settings(readers=3, http="127.0.0.1:9000")) == {"readers", "http"}
