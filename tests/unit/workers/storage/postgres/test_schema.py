from __future__ import annotations

import re

from workers.storage.postgres import schema


def test_migrations_are_numbered_from_one_and_say_who_may_use_what_they_made() -> None:
    scripts = schema.migrations()
    assert list(scripts) == list(range(1, len(scripts) + 1))
    assert schema.OLDEST.keys() <= scripts.keys()


def test_texts_are_compared_byte_by_byte() -> None:
    for script in schema.migrations().values():
        assert re.findall(r"^ +\w+ text(?! COLLATE \"C\").*", script, re.MULTILINE) == []


def test_a_later_migration_only_adds() -> None:
    for version, script in schema.migrations().items():
        assert version == 1 or not re.search(r"\b(DROP|RENAME|TRUNCATE|SET NOT NULL)\b", script)
