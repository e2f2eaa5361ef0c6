"""The schema: whose database it is, which version it has, and how an older one is brought forward, by a writer alone.

Two versions of memmux may be connected at once, so a migration only adds: what an older one writes stays right.
"""

from __future__ import annotations

from collections.abc import Mapping

from memmux.errors import (
    DatabaseForeignError,
    DatabaseMissingError,
    DatabaseNewerError,
    SchemaWrongError,
    SettingInvalidError,
)
from memmux.logs import log
from workers.storage.postgres.engine import Raw
from workers.storage.postgres.errors import NO_SCHEMA, errors
from workers.storage.postgres.queries import FOLDER

Migrations = Mapping[int, str]

OLDEST: Mapping[int, int] = {1: 1}
"""The newest migration that a memmux must know at least to use what each migration made."""

_LOCK = 0x6D656D6D7578  # "memmux": of the advisory lock under which one migrates
_LOOK = """
SELECT coalesce(current_schema() LIKE 'pg\\_%', true), to_regclass('schema_versions') IS NOT NULL, EXISTS (
    SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
)
"""


def migrations() -> Migrations:
    """Return the scripts `sql/NNNN_*.sql` by the version that each leads to."""
    return {int(path.name[:4]): path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9]*_*.sql"))}


def refuse_unknown(raw: Raw, scripts: Migrations) -> int:
    """Return the version of a database of ours, 0 of an empty one.

    Raises DatabaseForeignError, SchemaWrongError where no version is said, SettingInvalidError where the session has no
    schema, and DatabaseNewerError if this memmux can't use what a later one made.
    """
    with errors():
        ((nowhere, ours, filled),) = raw.execute(_LOOK).fetchall()
        if nowhere:
            raise SettingInvalidError(NO_SCHEMA)
        if not ours:
            if filled:
                raise DatabaseForeignError(
                    "the database has tables, and they are not memmux's; name an empty one in MEMMUX_DATABASE. "
                    "Nothing was changed"
                )
            return 0
        ((version, oldest),) = raw.execute("SELECT max(version), max(oldest) FROM schema_versions").fetchall()
    if version is None:
        raise SchemaWrongError(
            "the table schema_versions is empty, and the version of the tables is not known; restore a backup of "
            "PostgreSQL's, `memmux restore` says how"
        )
    if oldest > max(scripts):
        raise DatabaseNewerError(
            f"the database has schema {version}, and this memmux knows {max(scripts)}; upgrade it. Nothing was changed"
        )
    return int(version)


def is_newest(raw: Raw) -> bool:
    """Return whether a database has all that this memmux knows of."""
    scripts = migrations()
    return refuse_unknown(raw, scripts) >= max(scripts)


def refuse_unready(raw: Raw) -> None:
    """Raise DatabaseMissingError where no writer has made the tables yet; and as `refuse_unknown` does."""
    if not refuse_unknown(raw, migrations()):
        raise DatabaseMissingError


def prepare(raw: Raw, scripts: Migrations | None = None) -> None:
    """Make the tables, or bring them to the newest version, while no other memmux does; each migration is whole.

    Raises StorageError and its kinds; a database that is not ours is left as it was.
    """
    scripts = migrations() if scripts is None else scripts
    if refuse_unknown(raw, scripts) >= max(scripts):
        return
    with errors(), raw.transaction():
        raw.execute("SET LOCAL lock_timeout = 0")
        raw.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        before = refuse_unknown(raw, scripts)  # another one may have done it meanwhile
        steps = {step: script for step, script in sorted(scripts.items()) if step > before}
        for step, script in steps.items():
            raw.execute(script.encode())
            values = {"version": step, "oldest": OLDEST.get(step, 1)}
            raw.execute("INSERT INTO schema_versions (version, oldest) VALUES (%(version)s, %(oldest)s)", values)
    if steps:
        log.get().info("database_migrated", before=before, after=max(steps))
