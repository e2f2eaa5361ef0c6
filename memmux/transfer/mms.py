"""Import and export by hand: the memories of a source into a cluster, and those of a cluster into a file of theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memmux.client.blocking import Client
from memmux.config.settings import EmbedderChoice
from memmux.mms import ids, write_database
from memmux.mms.report import Report
from memmux.mms.source import Source
from memmux.mms.to_memory import Line
from memmux.mms.write_database import Written
from memmux.transfer.made import Made

TIMEOUT_S = 300.0  # for a batch, as others may be before it

Progress = Callable[[int, int], None]
"""Called with how far it is and how far it goes; 0 for an end that is not known."""


def model_of(client: Client) -> str | None:
    """Return what the cluster calls the model that made their vectors, None if it has another one.

    While its model is loading, its settings say which one that will be.
    """
    loaded = client.status().model
    if loaded is None and client.settings.embedder is not EmbedderChoice.HASH:
        loaded = client.settings.model
    return ids.model(loaded or "")


def take(
    client: Client | None,
    source: Source,
    progress: Progress,
    *,
    namespace: str | None,
    told: Callable[[Line], None],
    made: Made,
    stopped: Callable[[], bool] = lambda: False,
) -> Report:
    """Bring all memories of the source into the cluster; those that were adopted before are brought up to date.

    client: None only looks. namespace: where all go; None for the store that each is in. told: is told of each memory.
    made: gets the changes. stopped: asked before each batch whether to take no more.
    """
    elsewhere = {} if namespace is None else {"namespace": namespace}
    for batch in source.batches():
        if stopped():
            break
        for line in batch:
            told(line)
        if client is not None:
            moved = [{**line, **elsewhere} for line in batch]
            loaded = client.load(moved, adopt=True, timeout_s=TIMEOUT_S)
            made.add(loaded)
            source.note(batch, loaded)
        progress(source.done, source.total)
    return source.report()


def give(client: Client, target: Path, progress: Progress) -> Written:
    """Write all memories of the cluster into a new database of theirs.

    A memory that is changed meanwhile is written as it is when its page is read. Raises ArgumentInvalidError if there
    is such a file.
    """
    with write_database.writing(target, client.status().model) as writer:
        after: int | None = 0
        while after is not None:
            page = client.dump(after=after, vectors=True, timeout_s=TIMEOUT_S)
            for line in page.memories:
                writer.add(line)
            after = page.next
            progress(page.last if after is None else after, page.last)
    return writer.written
