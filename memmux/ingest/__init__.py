"""Ingest: documents as memories. A file's text is cut into chunks, each of which is a memory of type `document`.

`memmux.ingest.run.ingest` does it, through a client. A file that did not change since is skipped; of one that did, the
chunks that are gone are deleted, the new ones stored, and the others stay.
"""

from __future__ import annotations

from memmux.ingest.run import FileProblem, Ingested, ingest

__all__ = ["FileProblem", "Ingested", "ingest"]
