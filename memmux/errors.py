"""The error table: every failure a user can meet, with its stable code and its remedy.

    MemmuxError
    ├── RequestError               the request is wrong; sending it again is useless
    │   ├── ContentEmptyError, ContentTooLongError, MetadataInvalidError, TagInvalidError
    │   ├── UnknownOperationError, UnknownFieldError, UnknownModeError, ArgumentInvalidError
    │   ├── LimitOutOfRangeError, MessageTooLargeError
    │   ├── TimeNotUnderstoodError, PathRefusedError
    │   ├── NotFoundError, KeyConflictError, IdConflictError, ModelMismatchError, UndoConflictError
    │   ├── PreconditionFailedError, NotAllowedError, QuotaExceededError
    │   └── PoisonedError
    ├── ProtocolError              the two sides do not understand each other
    │   ├── MalformedMessageError, ProtocolVersionError
    │   └── UnknownSessionError
    ├── ClusterError               the cluster can't serve now
    │   ├── ClusterUnreachableError, ClusterStartError, DatabaseInUseError, HandOverError
    │   ├── OverloadedError, RateLimitedError, DrainingError, WorkerUnavailableError
    │   └── DeadlineExceededError, CancelledError
    ├── StorageError               the database or its file system
    │   ├── DatabaseMissingError, DatabaseForeignError, DatabaseNewerError, DatabaseCorruptError
    │   ├── DatabaseReplacedError, DatabaseElsewhereError, DatabaseAlteredError
    │   ├── DatabaseUnreachableError, EngineUnsafeError, BackupFailedError, AdoptionFailedError
    │   ├── DriverMissingError, FileOnlyError, SchemaWrongError
    │   └── NetworkFileSystemError, StoragePermissionError, StorageFullError, StorageBusyError
    ├── ModelMissingError, ModelInvalidError, ModelUnsupportedError
    ├── SettingInvalidError, EndpointTooLongError, OutputError
    ├── AccessError                 access from other machines
    │   ├── KeyFileError, KeyNameTakenError, KeyNotFoundError, KeyRefusedError, KeyNeededError
    │   └── AddressUnavailableError, LocalOnlyError
    ├── ServiceError               the program that runs services
    │   └── ServiceForeignError
    ├── PostgresMissingError, PostgresServerError
    └── ClientFileError            a client's configuration, or the server that it names
        ├── ServerNameTakenError, ReplacementNeededError
        └── ServerSilentError, ScriptForeignError

A class has one cause. The first line of its docstring is its default message; `code` is what travels on the wire and
what programs compare with; `retryable` says that the same request may succeed later, unchanged.
"""

from __future__ import annotations

import errno
from typing import ClassVar, Final

FULL: Final = (errno.ENOSPC, errno.EDQUOT)  # what the system says of a full disk
MESSAGE_CHARACTERS: Final = 2000  # of an error in a header, which holds as many however they are escaped


class MemmuxError(Exception):
    """Something failed inside memmux; the logs in the state folder say more."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *, retry_after_ms: int | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").partition("\n")[0]
        self.retry_after_ms = retry_after_ms
        self.degraded: tuple[str, ...] = ()
        """Codes of what the request had to do without by then, and of what is wrong with the cluster."""
        super().__init__(self.message)

    def to_json(self) -> dict[str, object]:
        """Return the error as it travels in a header: code, message, retryable and, if known, retry_after_ms.

        Of a message that is too long for a header there is the beginning; bytes of a file name that are no text are
        escaped.
        """
        message = self.message.encode(errors="backslashreplace").decode()
        message = message if len(message) <= MESSAGE_CHARACTERS else f"{message[: MESSAGE_CHARACTERS - 1]}…"
        fields: dict[str, object] = {"code": self.code, "message": message, "retryable": self.retryable}
        if self.retry_after_ms is not None:
            fields["retry_after_ms"] = self.retry_after_ms
        return fields


# the request is wrong


class RequestError(MemmuxError):
    """The request is not valid; correct it and send it again."""

    code = "request_invalid"


class ContentEmptyError(RequestError):
    """The content is empty; give some text to remember."""

    code = "content_empty"


class ContentTooLongError(RequestError):
    """The content is too long; split it into several memories."""

    code = "content_too_long"


class MetadataInvalidError(RequestError):
    """The metadata must be a JSON object of finite values; correct it and send it again."""

    code = "metadata_invalid"


class TagInvalidError(RequestError):
    """A tag must be a short non-empty text; correct it and send it again."""

    code = "tag_invalid"


class ArgumentInvalidError(RequestError):
    """An argument has the wrong type or form; correct it and send it again."""

    code = "argument_invalid"


class UnknownOperationError(RequestError):
    """There is no such operation; `memmux docs protocol` lists them all."""

    code = "unknown_operation"


class UnknownFieldError(RequestError):
    """The request has a field that the operation does not know; remove it."""

    code = "unknown_field"


class UnknownModeError(RequestError):
    """There is no such search mode; use semantic, keyword, hybrid, ranked or exact."""

    code = "unknown_mode"


class LimitOutOfRangeError(RequestError):
    """A number is out of its range; choose one inside it."""

    code = "limit_out_of_range"


class MessageTooLargeError(RequestError):
    """The message is larger than the cluster accepts; send less at once."""

    code = "message_too_large"


class TimeNotUnderstoodError(RequestError):
    """The expression is not understood as a time; write it like 'yesterday', 'last week' or 'since 2026-11-01'."""

    code = "time_not_understood"


class PathRefusedError(RequestError):
    """The path is outside the folders that may be read; name its folder in MEMMUX_INGEST_ROOTS."""

    code = "path_refused"


class NotFoundError(RequestError):
    """There is no such memory; search or list to find its id."""

    code = "not_found"


class KeyConflictError(RequestError):
    """This idempotency key was used for a different request; use a new key."""

    code = "key_conflict"


class IdConflictError(RequestError):
    """Another memory has this id, or goes by this alias; leave it out, or give another one."""

    code = "id_conflict"


class ModelMismatchError(RequestError):
    """The vector was made by a model other than the cluster's; send the text instead, or use the cluster's model."""

    code = "model_mismatch"


class UndoConflictError(RequestError):
    """The memory was changed again since, or another one has its content; undo the later changes, or delete that."""

    code = "undo_conflict"


class PreconditionFailedError(RequestError):
    """The memory is not in the state that `if_match` names; read it again, as it was changed since."""

    code = "precondition_failed"


class NotAllowedError(RequestError):
    """The client's key does not allow this; ask whoever runs the cluster for a key that does."""

    code = "not_allowed"


class QuotaExceededError(RequestError):
    """The namespace holds as many memories as this client may have in one; delete some, or have its bound raised."""

    code = "quota_exceeded"


class PoisonedError(RequestError):
    """Every worker that took this request died, so it was given up; report it with its id. Nothing else suffered."""

    code = "poisoned"


# the two sides do not understand each other


class ProtocolError(MemmuxError):
    """The two sides do not understand each other; use the same version of memmux on both."""

    code = "protocol_error"


class MalformedMessageError(ProtocolError):
    """The frames are not a memmux message; `memmux docs protocol` describes one."""

    code = "malformed_message"


class ProtocolVersionError(ProtocolError):
    """The protocol versions do not overlap; upgrade the older side."""

    code = "protocol_version"


class UnknownSessionError(ProtocolError):
    """The cluster does not know this session; say HELLO and send the request again."""

    code = "unknown_session"
    retryable = True


# the cluster can't serve now


class ClusterError(MemmuxError):
    """The cluster can't serve this now; run `memmux status`."""

    code = "cluster_error"


class ClusterUnreachableError(ClusterError):
    """No cluster answers for this database; start one with `memmux serve`, or let a client start it."""

    code = "cluster_unreachable"
    retryable = True


class ClusterStartError(ClusterError):
    """The cluster could not be started; the router's log in the state folder says why."""

    code = "cluster_start_failed"


class DatabaseInUseError(ClusterError):
    """Another cluster already serves this database; use it, or stop it with `memmux stop`."""

    code = "database_in_use"


class HandOverError(ClusterError):
    """The new cluster could not take over, and the one of before serves on; correct what kept it, and try again."""

    code = "hand_over_failed"


class OverloadedError(ClusterError):
    """The cluster has more work queued than it accepts; send the request again after retry_after_ms."""

    code = "overloaded"
    retryable = True


class RateLimitedError(ClusterError):
    """This client asks more often than it may; send the request again after retry_after_ms."""

    code = "rate_limited"
    retryable = True


class DrainingError(ClusterError):
    """The cluster is stopping; send the request again and the next cluster will take it."""

    code = "draining"
    retryable = True


class WorkerUnavailableError(ClusterError):
    """No worker of the kind that this needs is running; `memmux status` says which one keeps failing and why."""

    code = "worker_unavailable"
    retryable = True


class DeadlineExceededError(ClusterError):
    """The request's time ran out; give it more, or ask for less. A write may still have been applied."""

    code = "deadline_exceeded"


class CancelledError(ClusterError):
    """The request was cancelled by its client."""

    code = "cancelled"


# the database or its file system


class StorageError(MemmuxError):
    """The database can't be used; run `memmux status` and read the writer's log."""

    code = "storage_error"


class DatabaseForeignError(StorageError):
    """The file is not a memmux database; name another with MEMMUX_DATABASE. The file was not changed."""

    code = "database_foreign"


class DatabaseMissingError(StorageError):
    """There is no database of this name yet; store something, which makes it, or name another with --database."""

    code = "database_missing"


class DatabaseNewerError(StorageError):
    """The database was written by a newer memmux; upgrade this one. The file was not changed."""

    code = "database_newer"


class DatabaseCorruptError(StorageError):
    """The database file is damaged; stop the cluster and restore the newest backup."""

    code = "database_corrupt"


class DatabaseReplacedError(StorageError):
    """The database file was deleted or replaced under the running cluster, which stops; send the request again."""

    code = "database_replaced"
    retryable = True


class DatabaseElsewhereError(StorageError):
    """The file is served, or was, under another name, and its latest changes are there; use one name for it."""

    code = "database_elsewhere"


class DatabaseAlteredError(StorageError):
    """The database holds triggers, views or tables that memmux did not make; remove them, or restore a backup."""

    code = "database_altered"


class DatabaseUnreachableError(StorageError):
    """No server of the database answers, or none takes writes; see that one runs, and send the request again."""

    code = "database_unreachable"
    retryable = True


class BackupFailedError(StorageError):
    """The backup could not be made or did not pass its check; free some space, or name another folder."""

    code = "backup_failed"


class AdoptionFailedError(StorageError):
    """The database of mcp-memory-service could not be adopted; set MEMMUX_ADOPT_FROM=none to start without it."""

    code = "adoption_failed"


class EngineUnsafeError(StorageError):
    """This SQLite has the WAL-reset bug, which can corrupt databases; install apsw 3.51.3 or later."""

    code = "engine_unsafe"


class DriverMissingError(StorageError):
    """The database is on PostgreSQL, and the driver for it is missing; pip install 'memmux[postgres]'."""

    code = "driver_missing"


class FileOnlyError(StorageError):
    """This is done with a database that is a file; for one on PostgreSQL use PostgreSQL's own tools."""

    code = "file_only"


class NetworkFileSystemError(StorageError):
    """The database is on a network file system, where SQLite's locks do not hold; move it to a local disk."""

    code = "network_file_system"


class SchemaWrongError(StorageError):
    """The tables are not as memmux makes them; `memmux check` says what is wrong with them, and what mends it."""

    code = "schema_wrong"


class StoragePermissionError(StorageError):
    """The database or its folder can't be written; give yourself write permission, or name another place."""

    code = "storage_permission"


class StorageFullError(StorageError):
    """The disk is full; free some space and send the request again. Nothing was lost."""

    code = "storage_full"
    retryable = True


class StorageBusyError(StorageError):
    """Another program holds the database's write lock; close it and send the request again."""

    code = "busy"
    retryable = True


def of_system(error: OSError, what: str) -> StorageError:
    """Return the error for a reason of the system's; what: what could not be done, as the beginning of a sentence."""
    if error.errno in FULL:
        return StorageFullError(f"{what} ({error.strerror}); free some space")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StoragePermissionError(f"{what} ({error.strerror}): its folder is not there; make it, or name another")
    if error.errno == errno.EROFS:
        return StoragePermissionError(f"{what} ({error.strerror}): nothing is written there; name another place")
    if error.errno == errno.EBUSY:
        return StoragePermissionError(
            f"{what} ({error.strerror}): something is mounted there; mount its folder instead"
        )
    return StoragePermissionError(f"{what} ({error.strerror}); give yourself write permission to its folder")


# the embedding model


class ModelMissingError(MemmuxError):
    """There is no embedding model; run `memmux setup`, which gets it, or set MEMMUX_MODEL to a folder."""

    code = "model_missing"


class ModelInvalidError(MemmuxError):
    """The embedding model's files are not what they should be; install them again."""

    code = "model_invalid"


class ModelUnsupportedError(MemmuxError):
    """The embedding model runs on sentence-transformers only, which is not installed; install `memmux[models]`."""

    code = "model_unsupported"


# the set-up


class SettingInvalidError(MemmuxError):
    """A setting has a value that memmux does not accept; correct it."""

    code = "setting_invalid"


class EndpointTooLongError(MemmuxError):
    """The path of the cluster's socket is too long for the system; set MEMMUX_RUNTIME_DIR to a shorter one."""

    code = "endpoint_too_long"


class OutputError(MemmuxError):
    """Standard output can't be written, so the command has not said everything; write to another place."""

    code = "output_failed"


# access from other machines


class AccessError(MemmuxError):
    """Access from other machines is not set up as it should be; `memmux docs remote` says how."""

    code = "access"


class KeyFileError(AccessError):
    """A file with keys is damaged, or others may read it; make it private, or make its keys anew."""

    code = "key_file"


class KeyNameTakenError(AccessError):
    """There is a key of this name; choose another name, or revoke that one with `memmux key revoke`."""

    code = "key_name_taken"


class KeyNotFoundError(AccessError):
    """There is no valid key of this name; `memmux key list` shows those there are."""

    code = "key_not_found"


class KeyRefusedError(AccessError):
    """This key is valid no more, or never was; have another one made with `memmux key add`."""

    code = "key_refused"


class KeyNeededError(AccessError):
    """A cluster that listens beyond this machine needs a key first; make one with `memmux key add`."""

    code = "key_needed"


class AddressUnavailableError(AccessError):
    """The cluster can't listen at this address; choose another port, or an address of this machine."""

    code = "address_unavailable"


class LocalOnlyError(AccessError):
    """This is done on the machine where the database is; run it there."""

    code = "local_only"


# the service


class ServiceError(MemmuxError):
    """The service could not be set up; correct what the service manager says, or run `memmux serve` yourself."""

    code = "service_failed"


class ServiceForeignError(ServiceError):
    """A service of this name is there and is not ours, so it was left as it is; move its file away and try again."""

    code = "service_foreign"


# servers of PostgreSQL that are thrown away


class PostgresMissingError(MemmuxError):
    """There is no PostgreSQL to run here; pip install 'memmux[postgres-demo]'."""

    code = "postgres_missing"


class PostgresServerError(MemmuxError):
    """The PostgreSQL of a demo or test could not be run; its own words say why."""

    code = "postgres_server"


# the clients' configurations


class ClientFileError(MemmuxError):
    """The client's configuration can't be read or changed and was left as it is; correct it, or add memmux by hand."""

    code = "client_file"


class ServerNameTakenError(ClientFileError):
    """The client has another server of this name, which was left as it is; choose a name with --name."""

    code = "server_name_taken"


class ReplacementNeededError(ClientFileError):
    """The client runs mcp-memory-service; put memmux in its place with --replace, or beside it with --name."""

    code = "replacement_needed"


class ServerSilentError(ClientFileError):
    """The server that was configured does not answer; run `memmux doctor`, which says what it lacks."""

    code = "server_silent"


class ScriptForeignError(ClientFileError):
    """A script of this name is there and is not ours, so it was left as it is; choose another folder with --to."""

    code = "script_foreign"


def _subclasses(cls: type[MemmuxError]) -> list[type[MemmuxError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _subclasses(child))]


NO_FAULT = frozenset({CancelledError.code, NotFoundError.code})  # codes that say nothing of how well a cluster works
ERRORS: dict[str, type[MemmuxError]] = {cls.code: cls for cls in _subclasses(MemmuxError)}
"""Every error class by its code."""


def error_from_json(fields: dict[str, object]) -> MemmuxError:
    """Return the exception that the detail of an ERROR describes; an unknown code gives a plain MemmuxError."""
    code, message, retry_after_ms = fields.get("code"), fields.get("message"), fields.get("retry_after_ms")
    cls = ERRORS.get(code, MemmuxError) if isinstance(code, str) else MemmuxError
    text = message if isinstance(message, str) else ""
    return cls(text, retry_after_ms=retry_after_ms if isinstance(retry_after_ms, int) else None)
