"""What the doctor says of the backups of one database among others."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.doctor import checks
from memmux.doctor.finding import Level


def _backup(settings: Settings, at: float) -> None:
    places = Places(settings)
    places.backups.mkdir(exist_ok=True)
    file = places.backups / f"{places.backups_stem}-20260101T000000Z-7.db"
    file.touch()
    os.utime(file, (at, at))


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize(("name", "other"), [("work", "work2"), ("work", "work-new"), ("[work]", "w")])
def test_the_backups_of_another_database_are_not_taken_for_its_own(
    settings: Settings, tmp_path: Path, name: str, other: str, *, elsewhere: bool
) -> None:
    folder = tmp_path / "backups" if elsewhere else None
    one, another = (
        replace(settings, database=tmp_path / f"{each}.db", backups_dir=folder, backup_interval_s=60.0)
        for each in (name, other)
    )
    now = time.time()
    one.database.touch()
    _backup(one, now - 10_000)
    _backup(another, now)
    if not elsewhere:
        Places(one).backups.joinpath(f"{other}-20260101T000000Z-7.db").touch()
    (finding,) = checks._backups(one)
    assert finding.level is Level.WARNING, finding
    assert "the newest of 1" in finding.text
