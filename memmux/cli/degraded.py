"""Degraded codes as sentences for people: what an answer went without, and what to do about it, if anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "embedder_loading": "the model is still loading (some seconds at a first start); until then words alone decide",
        "embedder_unavailable": "nothing embeds texts at the moment, so words alone decide; `memmux status` says why",
        "model_missing": "there is no embedding model, so words alone decide; run `memmux setup`, which gets it",
        "model_invalid": "the model's files are damaged; `memmux doctor` says which, install them again",
        "model_unsupported": "the model does not run on onnxruntime; install memmux[models], or set MEMMUX_MODEL",
        "indexing": "some memories still wait for their vector and are found by words alone; it goes on by itself",
        "vectors_unverified": "adopted vectors are being compared with the model's; it goes on by itself",
        "words_outdated": "full text is of another version; run `memmux restart`, which makes it anew",
        "hash_embedder": "MEMMUX_EMBEDDER=hash knows no meaning and is for tests; unset it, and run `memmux restart`",
        "database_corrupt": "a damaged page was read, and nothing is written; run `memmux check --deep`",
        "log_large": "a long read keeps the write-ahead log from shrinking; `memmux status` shows who reads",
        "read_unhealthy": "the last health check could not read, so answers may be incomplete; see `memmux status`",
        "write_unhealthy": "the last health check could not write; see `memmux status`",
        "connections_full": "no further client is let in; close some, or raise the limit of open files (`ulimit -n`)",
        "connections_cut": "strangers open connections to the address for other machines; close it to them",
        "metrics_unavailable": "nobody can read metrics: the port is taken; set MEMMUX_METRICS_PORT to another one",
        "http_unavailable": "nobody is served over HTTP: the port is taken, or the certificate is no good; "
        "`memmux status` and `memmux tail` say which",
        "certificate_renewal_due": "the certificate of HTTP ends soon, or what has taken its place is no good; "
        "`memmux status` says which; put a good one there, which is served at once",
        "reader_loading": "the readers are starting; it takes a moment",
        "reader_unavailable": "no reader answers; `memmux status` says why",
        "writer_loading": "the writer is starting; it takes a moment",
        "writer_unavailable": "the writer does not answer; `memmux status` says why",
        "primary_unavailable": "no server of the database takes writes, which wait; promote a replica, "
        "or start the primary",
        "replication_asynchronous": "a primary that fails takes the newest writes with it; "
        "set synchronous_standby_names on it",
        "replica_behind": "a replica is late, so the primary answered; `memmux doctor` shows how late each is",
        "database_unreachable": "no server of the database answers; `memmux doctor` says which was asked, and why not",
        "gateway_failing": "the MCP server for all clients does not start; each has one of its own; see `memmux tail`",
    }
)
"""What each code means, and what to do; docs/operations.md has more of each."""

FAILING = "the worker {} keeps failing, and is tried again; `memmux status` says why"
_FAILING = "_failing"  # behind the name of a worker's slot


def sentence(code: str) -> str:
    """Return a code with its sentence; a code that another version of the cluster has stands alone."""
    said = SENTENCES.get(code, "")
    if not said and code.endswith(_FAILING):
        said = FAILING.format(code.removesuffix(_FAILING))
    return f"{code}: {said}" if said else code


def model(name: str | None, degraded: Sequence[str]) -> str:
    """Return what is said of the model of a cluster: its name, or why there is none."""
    missing = next((code for code in degraded if code.startswith("model_")), "")
    return name or (f"none ({missing})" if missing else "loading")
