"""The backup scheduler: makes backups beside the writes, on request and when they are due, one at a time.

A backup runs in a thread with connections of its own, where SQLite does the work outside the interpreter's lock; the
writer goes on meanwhile, and looks once a turn whether it is done.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from memmux.config.settings import Settings
from memmux.errors import BackupFailedError, CancelledError, DeadlineExceededError, MemmuxError
from memmux.files import copies
from memmux.logs import log
from memmux.wire import requests
from memmux.wire.answers import Backup
from workers.runtime.jobs import Answer, Job, Outcome
from workers.storage.sqlite import file_identity
from workers.storage.sqlite.backups import backup
from workers.storage.sqlite.backups.folder import BackupFolder, KeptBackup

LOOK_S = 60.0  # between two looks whether a backup is due
AGAIN_S = 3600.0  # before a scheduled backup that failed is tried again, at the latest


class BackupScheduler:
    """Makes the backups of the database of `settings`. `now` gives seconds since 1970, `clock` monotonic ones."""

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = settings.database
        self._backup_folder = BackupFolder.of(settings)
        self._interval_s = settings.backup_interval_s
        self._keep = settings.backup_keep
        self._now = now
        self._clock = clock
        self._asked: deque[Job] = deque()
        self._running: _Making | None = None
        self._look_at = clock()
        self._kept: list[KeptBackup] = self._backup_folder.kept(now())

    @property
    def facts(self) -> dict[str, object]:
        """Return `backups`, how many are kept, and `backup_at`, when the newest was made, in seconds since 1970."""
        return {"backups": len(self._kept), "backup_at": self._kept[0].at if self._kept else None}

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for a backup."""
        return bool(self._asked) or (self._running is not None and self._running.job is not None)

    def ask(self, job: Job) -> None:
        """Take on a job of admin.backup; its outcome comes from `turn`."""
        self._asked.append(job)

    def turn(self, seq: int, born: Callable[[], float | None]) -> Iterator[Outcome]:
        """Begin what is next or due, and yield the outcomes of what is done.

        seq: the change at which the database stands. born: tells when its first change was made, if it has one.
        """
        if self._running is not None and not self._running.thread.is_alive():
            done, self._running = self._running, None
            self._log(done)
            if done.job is not None:
                yield done.job, _outcome(done)
        for job in [job for job in self._asked if job.deadline <= time.monotonic()]:  # one before may hang
            self._asked.remove(job)
            yield job, DeadlineExceededError()
        while self._running is None and self._asked:
            job = self._asked.popleft()
            try:
                self._running = self._begin(job)
            except MemmuxError as error:
                yield job, error
        try:
            if self._running is None and self._is_due(seq, born):
                self._running = _Making(self._database, self._backup_folder, self._now, None)
        except MemmuxError as error:
            log.get().error("backup_failed", why="scheduled", code=error.code, error=error.message)

    def close(self) -> None:
        """End what runs, and leave nothing of it behind."""
        if self._running is not None:
            self._running.stop()
            self._running.thread.join()
            self._running = None

    def _begin(self, job: Job) -> _Making:
        asked = requests.Backup.from_body(job.frames[0] if job.frames else b"")
        backup_folder = self._backup_folder
        if asked.to is not None and Path(asked.to) != backup_folder.folder:
            backup_folder = BackupFolder(Path(asked.to), self._database.stem)
        if job.deadline <= time.monotonic():
            raise DeadlineExceededError
        return _Making(self._database, backup_folder, self._now, job)

    def _is_due(self, seq: int, born: Callable[[], float | None]) -> bool:
        """Return whether it is time for a backup of its own accord; looks at the folder now and then only.

        A backup dated in the future, from before the clock was set back, neither puts the next one off nor calls for
        it. Nothing is due while nothing has changed.
        """
        if not self._interval_s or self._clock() < self._look_at:
            return False
        self._look_at = self._clock() + min(LOOK_S, self._interval_s)
        self._kept = self._backup_folder.kept(self._now())
        past = [kept for kept in self._kept if kept.at <= self._now()]
        if past and past[0].seq == seq:  # after a restore, the folder may know later numbers
            return False
        since = past[0].at if past else born()
        return since is not None and self._now() - since >= self._interval_s

    def _log(self, done: _Making) -> None:
        """Say what became of a backup; a scheduled one makes room in the folder, or is put off."""
        why = "scheduled" if done.job is None else "asked"
        if isinstance(done.result, Backup):
            if Path(done.result.path).parent != self._backup_folder.folder:
                copies.note(self._database, Path(done.result.path), self._now())
            log.get().info("backup_made", why=why, backup=done.result.path, seconds=done.result.seconds)
            if done.job is None:
                for path in self._backup_folder.prune(self._keep, self._now()):
                    log.get().info("backup_removed", backup=str(path))
            self._kept = self._backup_folder.kept(self._now())
        else:
            log.get().error("backup_failed", why=why, code=done.result.code, error=done.result.message)
            if done.job is None:
                self._look_at = self._clock() + min(AGAIN_S, self._interval_s)


class _Making:
    """One backup on its way, in a thread; `result` is there once that has ended. Raises BackupFailedError."""

    def __init__(self, database: Path, backup_folder: BackupFolder, now: Callable[[], float], job: Job | None) -> None:
        self.job = job
        self.result: Backup | MemmuxError = CancelledError("the backup was given up")
        self._database = database
        self._deadline = math.inf if job is None else job.deadline
        self._stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(backup_folder, now), name="backup", daemon=True)
        try:
            self.thread.start()
        except RuntimeError:
            raise BackupFailedError("the system has no room for one more thread; end what is not needed") from None

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, backup_folder: BackupFolder, now: Callable[[], float]) -> None:
        try:
            self.result = backup.save(self._database, backup_folder, now=now, proceed=self._proceed)
        except MemmuxError as error:
            self.result = error
        except Exception:  # noqa: BLE001  # a thread's exception reaches nobody, and somebody waits for this backup
            log.get().exception("backup_broke")
            self.result = MemmuxError()

    def _proceed(self) -> None:
        file_identity.refuse_exchanged(self._database)  # so that a backup is never of another file than the writer's
        if self._stopped.is_set():
            raise CancelledError("the cluster stops, and the backup was given up; ask for it again")
        if time.monotonic() >= self._deadline:
            raise DeadlineExceededError("the backup took longer than it may; give it more time")


def _outcome(done: _Making) -> Answer | MemmuxError:
    return Answer((orjson.dumps(done.result),)) if isinstance(done.result, Backup) else done.result
