"""The catalogue: every event that the processes log, what it means, and what to do about it.

One row an event. A test finds every call that logs and compares; what is missing here is logged all the same.
`python -m memmux.cli.docs.events > docs/events.md` writes the page.
"""

from __future__ import annotations

from dataclasses import dataclass

DEBUG, INFO, WARNING, ERROR = "debug", "info", "warning", "error"
_REQUEST = "request_id client operation"
_TIMES = "queue_ms work_ms"
_ROUTED = f"{_REQUEST} {_TIMES} stages outcome total_ms attempt degraded"
_STAGE = f"{_REQUEST} stage outcome attempt {_TIMES}"
_FAILURE = "code error"


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of line in the logs.

    levels: those that it may have. by: which process writes it. fields: beside those that are on every line. text: what
    happened. remedy: what to do, for a warning or an error.
    """

    name: str
    levels: str
    by: str
    fields: str
    text: str
    remedy: str = ""


# A row is easier to read, and to add, than an argument a line.
# fmt: off
EVENTS = (
    # requests
    Event("tool_called", INFO, "mcp", "call_id tool client outcome total_ms requests request_ids arguments",
          "An MCP tool was called and has answered. `request_ids` are the requests made for it, the first 32."),
    Event("request_answered", INFO, "mcp", f"{_REQUEST} outcome {_TIMES} total_ms call_id tool",
          "A request of the MCP server has ended; times as the router and as the MCP server saw them."),
    Event("request_finished", INFO, "router", _ROUTED,
          "A request was answered; `stages` has [queue_ms, work_ms] of each."),
    Event("request_slow", WARNING, "router", f"{_ROUTED} route", "A request took `slow_ms` or longer.",
          "Look which stage the time went to: its queue (too few workers, or bulk work) or its work (`stage_slow`)."),
    Event("request_refused", INFO, "router", "request_id operation code", "A request was not let in."),
    Event("request_denied", WARNING, "router", f"key {_REQUEST} reason",
          "A client asked for what its key does not allow.",
          "If it shall be allowed, give it another key; `memmux key list` says what each allows."),
    Event("request_expired", WARNING, "router", f"{_REQUEST} stage where", "A request's time was up before its answer.",
          "If it was `queued`, the cluster has more work than it can do; else ask for less, or give more time."),
    Event("request_requeued", WARNING, "router", f"{_REQUEST} worker attempt",
          "A worker died with a request, which another one gets.", "See why that worker died: `worker_lost`."),
    Event("request_poisoned", ERROR, "router", f"{_REQUEST} stage deaths",
          "Every worker that took this request died, so it was given up.", "Report it, with the workers' logs."),
    Event("read_made_way", WARNING, "router", f"{_REQUEST} worker",
          "A long read was ended because the write-ahead log could not shrink behind it.", "Ask for less at once."),
    Event("stage_finished", INFO, "worker", _STAGE, "A worker is done with a request; times as that worker saw them."),
    Event("stage_slow", WARNING, "worker", f"{_STAGE} mode candidates index",
          "A request was with one worker for `slow_ms` or longer; a search says how it was done.",
          "Compare `queue_ms` and `work_ms`; few candidates and much work mean a busy machine."),
    Event("write_deduplicated", INFO, "write", "request_id operation key",
          "A write that had been applied came again, and was answered from the record."),
    Event("transaction_failed", ERROR, "write", f"{_FAILURE} requests",
          "A group of writes failed together; nothing of it was applied.",
          "The code says what to do; usually it is the disk."),
    Event("message_malformed", f"{WARNING} {ERROR}", "router, worker", f"client worker {_FAILURE}",
          "A message made no sense, and was counted and dropped or refused.", "Use the same memmux on both sides."),
    Event("line_refused", WARNING, "mcp", _FAILURE,
          "The host sent a line that is no message of MCP, and was told so.", "Report it to the makers of the host."),
    Event("uses_not_counted", DEBUG, "mcp", "count error", "That memories were shown could not be counted."),
    Event("tool_crashed", ERROR, "mcp", "tool call_id exception", "A tool failed in a way that nobody foresaw.",
          "Report it."),
    # sessions and the cluster
    Event("session_opened", INFO, "router", "client client_pid resumed", "A client said HELLO."),
    Event("session_closed", INFO, "router", "client client_pid reason dropped",
          "A client left, or its process is gone."),
    Event("client_authenticated", INFO, "router", "key address", "A client of another machine came in with its key."),
    Event("client_refused", WARNING, "router", "address reason key",
          "A client of another machine did not come in; said once a minute for each address.",
          "If it is one of yours, give it a key that is valid: `memmux key add`, then `memmux connect` there."),
    Event("key_refused", WARNING, "router", "key reason",
          "A client said something over a connection whose key is valid no more, and was not heard.",
          "Nothing, if the key was revoked on purpose."),
    Event("connections_cut", WARNING, "router", "count most silent_most",
          "Connections from other machines were cut, as there were too many; said once a minute, with how many.",
          "See docs/operations.md, `connections_cut`: somebody opens them and says nothing."),
    Event("clients_shut_out", WARNING, "router", "descriptors most",
          "No more clients of this machine can connect, as the router may hardly open another file.",
          "Close clients, or raise the limit of open files and start the cluster anew."),
    Event("clients_not_shut_out", ERROR, "router", "error",
          "The socket's path could not be renamed, so that more clients come than there are descriptors for.",
          "The error says what to do; the folder is the runtime folder of `memmux doctor`."),
    Event("clients_let_in", INFO, "router", "descriptors most", "Clients of this machine can connect again."),
    Event("keys_read", INFO, "router", "serial valid", "The keys of clients of other machines were read anew."),
    Event("keys_unreadable", ERROR, "router", "error",
          "The file of the keys can't be read or believed; until it can, no key is valid.",
          "The error says what to do."),
    Event("cluster_started", INFO, "router", "endpoint listen seconds", "The cluster can be used."),
    Event("cluster_failed", ERROR, "router", _FAILURE, "The cluster can't serve, and ends.",
          "The code says what to do."),
    Event("endpoint_stale", WARNING, "router", "router_pid router_version",
          "A router was killed and left its endpoint file, which was removed.", "See what killed it: `router.err`."),
    Event("socket_stale", WARNING, "router", "path", "A router was killed and left a socket, which was removed.",
          "Nothing."),
    Event("socket_made_again", WARNING, "router", "path",
          "Somebody removed the socket's path, so that no more clients could connect; it is there again.",
          "Keep cleaners of temporary folders from the runtime folder, or set MEMMUX_RUNTIME_DIR to another one."),
    Event("hand_over_began", INFO, "router", "successor", "Another router takes over from this one."),
    Event("hand_over_finished", INFO, "router", "successor seconds", "The successor serves; clients go over to it."),
    Event("hand_over_failed", ERROR, "router", "successor seconds",
          "The successor ended before it served, or never took over; this router begins anew.",
          "Read the successor's `cluster_failed`; correct that and try `memmux restart` again."),
    Event("database_taken_over", INFO, "router", "waited_s", "The router before let go of the database; it is ours."),
    Event("stop_began", INFO, "router", "reason", "The cluster was asked to stop, or nobody needs it any more."),
    Event("drain_began", INFO, "router", "in_flight", "No new request is let in; those in flight are still answered."),
    Event("drain_finished", INFO, "router", "", "Every request is answered."),
    Event("cluster_stopped", INFO, "router", "", "The cluster is gone; the next client starts one."),
    Event("cluster_not_reached", WARNING, "mcp", _FAILURE, "The MCP server found no cluster and could start none.",
          "Run `memmux doctor`; the next tool call tries again."),
    Event("mcp_started", INFO, "mcp", "", "An MCP server runs."),
    Event("host_gone", INFO, "mcp", "why",
          "Nobody hears the MCP server any more: its output is closed, or full while nothing can come in, or the "
          "process that started it is gone. It leaves."),
    Event("mcp_stopped", INFO, "mcp", "", "Its client left."),
    Event("goodbye_failed", WARNING, "mcp", "error", "The MCP server left without a goodbye.",
          "Nothing: its session is swept."),
    Event("process_crashed", ERROR, "any", "exception", "A process ended by an error that nobody foresaw.",
          "Report it."),
    Event("thread_crashed", ERROR, "any", "exception", "A thread ended by an error that nobody foresaw.", "Report it."),
    Event("health_check_failed", WARNING, "router", "health code step",
          "The router's check could not write, or not read or find what it must; said once until it can again.",
          "`health` says which; the code says what to do. docs/operations.md has `read_unhealthy`, `write_unhealthy`."),
    Event("health_check_recovered", INFO, "router", "health failures", "It can again."),
    Event("metrics_opened", INFO, "router", "port", "Prometheus can ask for metrics."),
    Event("metrics_failed", WARNING, "router", "port error remedy",
          "Nobody can ask for metrics; it is tried again, and said once.", "The line has it."),
    Event("traces_began", INFO, "mcp", "", "Spans are sent to where the OTEL variables say."),
    Event("traces_not_sent", WARNING, "mcp", "remedy", "Spans are asked for and can't be sent.", "The line has it."),
    # workers
    Event("worker_started", INFO, "worker", "", "A worker is ready; with what it tells the router of itself."),
    Event("worker_ready", INFO, "router", "worker credit", "The router gives work to a worker from now on."),
    Event("worker_not_started", ERROR, "router", "slot error",
          "The system did not start a worker's process; it is tried again with pauses.",
          "The error says what is missing: Python (memmux was moved or is being installed), processes, or files."),
    Event("worker_start_failed", ERROR, "worker", _FAILURE, "A worker can't start, and is tried again with pauses.",
          "The code says what to do."),
    Event("worker_gave_up", ERROR, "worker", _FAILURE, "A worker found another database under the old name.",
          "Nothing: the cluster ends, and the next one opens the new file."),
    Event("worker_stopped", INFO, "worker", "", "A worker has left everything tidy."),
    Event("worker_lost", f"{INFO} {WARNING}", "router", "worker state in_flight",
          "A worker's process has ended; a warning if nobody asked it to. It is replaced.",
          "Look at the last lines of its own log, and at `router.err` beside it."),
    Event("slot_backed_off", WARNING, "router", "slot failures seconds",
          "A worker failed again and again, so its slot waits before the next start.",
          "`memmux status` says why it fails: its `error`."),
    Event("worker_orphaned", WARNING, "worker", "", "A worker's router is gone, so it ends.",
          "Nothing: the next client starts a cluster."),
    Event("router_stood_still", WARNING, "router", "seconds",
          "The router did nothing for so long: it was stopped, or the machine slept. Its workers get their time anew.",
          "Nothing, if that was so; else the machine is short of memory or of processors."),
    Event("worker_stalled", ERROR, "router", "worker reason in_flight", "A worker said nothing for long and is killed.",
          "If it happens again, the machine is short of memory, or MEMMUX_STALL_S too short for it."),
    Event("worker_grew_too_large", WARNING, "worker", "private_bytes most_bytes",
          "A worker has grown beyond its bound, and ends.", "Raise MEMMUX_WORKER_RSS_MB if that is its normal size."),
    Event("child_started", INFO, "worker", "child child_pid", "A worker has started a process for something long."),
    Event("worker_task_failed", ERROR, "check, restore or environment", _FAILURE,
          "A check, a restore or a look at the environment could not be done.",
          "The code says what to do."),
    # the database
    Event("database_adopted", INFO, "write", "report source found outcome odd left_out seconds",
          "The database was made from one of mcp-memory-service; `report` names the file that tells of it."),
    Event("database_migrated", INFO, "write", "before after", "The database has a newer schema now."),
    Event("words_indexing", INFO, "write", "done memories", "Full text is made anew; so many memories are in it."),
    Event("words_indexed", INFO, "write", "memories before now seconds",
          "Full text was made anew, as its words were of another version."),
    Event("database_saved", INFO, "write", "version backup", "A backup was made before a migration."),
    Event("database_replaced", ERROR, "router", "worker error",
          "The database's file was deleted or exchanged; the cluster ends.",
          "Stop the cluster before you touch its files."),
    Event("database_restored", INFO, "restore", "backup kept seq", "A backup has taken the database's place."),
    Event("restore_undone", ERROR, "write, restore", "error",
          "A restore had been interrupted and could not be finished: the database of before is served, with its log.",
          "Restore again; the reason says what was in the way."),
    Event("restore_finished", WARNING, "write, restore", "kept",
          "A restore had been interrupted after the point from which it counts, and was finished.",
          "Nothing; the database of before is kept under that name."),
    Event("database_found_damaged", ERROR, "write", "error",
          "A page of the database is damaged; nothing is written any more.",
          "Run `memmux check --deep`, then `memmux check --repair` or `memmux restore`."),
    Event("name_not_noted", WARNING, "write", _FAILURE,
          "Under which name the database is written could not be noted in it; it is served all the same.",
          "Free some space; and use one name for the database, as ever."),
    Event("lineage_not_noted", WARNING, "write", "path error",
          "Which log belongs to the database could not be written down.", "Look at the permissions of that folder."),
    Event("log_set_aside", WARNING, "write", "path why", "A write-ahead log of another database was renamed.",
          "Keep it until you know that nothing is missing."),
    Event("catch_up_failed", f"{WARNING} {ERROR}", "read", _FAILURE, "A reader could not catch up while it was idle.",
          "The code says what to do, if it goes on."),
    Event("segment_forgotten", INFO, "write", "namespace vectors",
          "A segment held vectors of memories that were purged, and was removed; it is built anew."),
    Event("memories_purged", INFO, "write", "memories", "Deleted memories were purged, as their time was over."),
    Event("rows_forgotten", INFO, "write", "statement rows", "Records that nobody can ask for any more were removed."),
    Event("upkeep_failed", WARNING, "write", _FAILURE, "Upkeep failed, and is tried again.",
          "The code says what to do."),
    Event("views_rebuilt", INFO, "write", "texts vectors dropped", "Every view was built anew from the rows."),
    Event("vectors_verified", INFO, "write", "least_cosine memories compared dropped",
          "Vectors that were brought along are what the model makes."),
    Event("vectors_rejected", WARNING, "write", "least_cosine memories compared dropped",
          "Vectors that were brought along are another model's, and are made anew.", "Nothing: it is under way."),
    Event("check_found", WARNING, "check", "code what", "A check found something that does not fit.",
          "`memmux check` says of each finding whether `--repair` heals it."),
    # backups
    Event("backup_made", INFO, "write", "why backup seconds", "A backup was made and checked."),
    Event("backup_removed", INFO, "write", "backup", "An old scheduled backup was removed."),
    Event("backup_failed", ERROR, "write", f"why {_FAILURE}", "A backup could not be made.",
          "The code says what to do."),
    Event("backup_broke", ERROR, "write", "exception", "A backup failed in a way that nobody foresaw.", "Report it."),
    Event("backup_passed_over", WARNING, "restore", f"backup {_FAILURE}",
          "A backup did not pass its check, so an older one is looked at.",
          "Keep it for whoever can save what is in it."),
    # the index of vectors
    Event("segment_made", INFO, "segment", "namespace vectors breadth copy_s graph_s",
          "An index of vectors was built."),
    Event("segments_made", INFO, "segment", "vectors", "All indexes that were due are built."),
    Event("segment_failed", ERROR, "segment", "error exception", "An index of vectors could not be built.",
          "Free some disk or memory; searches go on without it."),
    Event("segment_build_failed", WARNING, "write", "remedy", "The process that builds indexes failed.",
          "Its own log, `segment.jsonl`, says why."),
    Event("segment_opened", INFO, "read", "namespace vectors", "A reader uses an index from now on."),
    Event("segment_refused", f"{INFO} {WARNING}", "read", "path why", "A reader does not use an index.",
          "Nothing, unless no new one follows; the folder can be deleted."),
    # the model
    Event("model_download_began", INFO, "embed", "repository", "A model is being downloaded."),
    Event("model_downloaded", INFO, "embed", "repository", "A model was downloaded."),
    Event("model_download_failed", WARNING, "embed", "repository error", "A model could not be downloaded.",
          "Run `memmux setup`, or set MEMMUX_MODEL to a model's folder."),
    Event("graph_made", INFO, "embed", "model folder seconds",
          "The graph of a model was built, and its weights were packed."),
    Event("graph_refused", INFO, "embed", "model error", "The model is of a kind that only torch runs.",
          "Nothing; `error` says why."),
    Event("graph_discarded", WARNING, "embed", "folder error",
          "A packed graph is not what it should be, and is made anew.",
          "Nothing, unless it happens again: then look at the disk."),
    Event("queries_without_model", WARNING, "read", "code error",
          "A reader could not load the model, so an embed worker embeds its queries.",
          "What the error says; the reader looks again by itself."),
    Event("graph_not_kept", WARNING, "embed", "folder error",
          "A packed graph could not be written, so this process has weights of its own.",
          "Give the cache folder room, and its user the right to write there."),
)
# fmt: on
"""Every event, in the order of the page."""

BY_NAME = {event.name: event for event in EVENTS}
"""Every event by its name."""
