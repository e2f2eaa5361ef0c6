"""What PostgreSQL's own tools do for a database there, where memmux does it for a file: each with the line to run."""

from __future__ import annotations

import shlex

from memmux.errors import FileOnlyError


def backup(url: str) -> FileOnlyError:
    """Return the answer to who asks for a backup."""
    return FileOnlyError(
        "PostgreSQL makes the backups of this database: "
        f"`pg_basebackup --pgdata=FOLDER --dbname={shlex.quote(url)} --checkpoint=fast` copies the server, "
        f"`pg_dump --format=custom --file=FILE {shlex.quote(url)}` the database alone; `memmux export FILE` writes "
        "what memmux itself reads"
    )


def restore(url: str) -> FileOnlyError:
    """Return the answer to who wants a backup restored."""
    return FileOnlyError(
        "PostgreSQL restores this database: stop every cluster of it (`memmux stop`), then "
        f"`pg_restore --clean --if-exists --dbname={shlex.quote(url)} FILE` takes what pg_dump wrote; "
        "`memmux import FILE` takes memories of a backup or an export of memmux into it while it serves"
    )


def amcheck(url: str) -> str:
    """Return the line that checks tables and indexes."""
    return f"`pg_amcheck --install-missing --heapallindexed {shlex.quote(url)}`"


def check(url: str) -> FileOnlyError:
    """Return the answer to who wants its pages checked."""
    return FileOnlyError(
        f"PostgreSQL checks its own pages: {amcheck(url)}; "
        "`memmux doctor` looks at the server and at what memmux needs of it"
    )
