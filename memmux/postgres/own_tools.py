"""What PostgreSQL's own tools do for a database there, where memmux does it for a file: each with the line to run."""

from __future__ import annotations

import shlex

from memmux.errors import FileOnlyError


def backup(url: str) -> FileOnlyError:
    """Return the answer to who asks for a backup."""
    return FileOnlyError(
        "PostgreSQL makes the backups of this database: "
        f"`pg_basebackup --pgdata=FOLDER --checkpoint=fast --username=ADMIN --dbname={_admin(url)}` copies the server, "
        "as a role that may replicate, "
        f"`pg_dump --format=custom --file=FILE {shlex.quote(url)}` the database alone; `memmux export FILE` writes "
        "what memmux itself reads"
    )


def restore(url: str) -> FileOnlyError:
    """Return the answer to who wants a backup restored."""
    line = f"pg_restore --clean --if-exists --single-transaction --dbname={shlex.quote(_of_primary(url))} FILE"
    return FileOnlyError(
        "PostgreSQL restores this database: stop every cluster of it (`memmux stop`), then "
        f"`{line}` takes what pg_dump wrote; "
        "`memmux import FILE` takes memories of a backup or an export of memmux into it while it serves"
    )


def amcheck(url: str) -> str:
    """Return the line that checks tables and indexes; it is for a superuser."""
    return f"`pg_amcheck --install-missing --heapallindexed --username=ADMIN {_admin(url)}`"


def _of_primary(url: str) -> str:
    """Return a URL that leads to the server that takes writes, where it names several."""
    if "," not in url.partition("?")[0] or "target_session_attrs" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}target_session_attrs=read-write"


def _admin(url: str) -> str:
    """Return such a URL, quoted, without the user, who has not the rights."""
    scheme, _, rest = url.partition("://")
    address, mark, parameters = rest.partition("?")
    return shlex.quote(_of_primary(f"{scheme}://{address.rpartition('@')[2]}{mark}{parameters}"))
