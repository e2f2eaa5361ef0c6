"""The catalogue of events and errors as Markdown: `python -m memmux.cli.docs.events > docs/events.md` writes it."""

from __future__ import annotations

import sys

from memmux.errors import ERRORS
from memmux.logs.events import EVENTS, Event

_HEAD = """\
# Events and errors

Every line of the logs is one event: a JSON object with `timestamp` (UTC, to the microsecond), `level`, `event`,
`process`, `kind`, `pid`, `version` and `database`, and the fields below. [logs.md](logs.md) says where the files are
and how to read them. This page is made from `memmux/logs/events.py` and `memmux/errors.py`; a test compares.
"""
_ERRORS_HEAD = """\
## Error codes

`outcome` and `code` in the logs are one of these, or `ok`; clients get them too.
"""
_FIELDS = """\
## Fields

| field | meaning |
|---|---|
| `request_id` | a request, the same in every process that it passes through |
| `call_id` | a call of an MCP tool, which may make several requests |
| `client` | the name that a client gave itself |
| `operation`, `stage` | as in PROTOCOL.md |
| `outcome` | `ok`, or the code of an error |
| `attempt` | 1 for the first worker that got the request, one more for each that got it since one \
died, or lost its database server |
| `queue_ms`, `work_ms` | in the router: in its queues, and with workers. In a worker: \
from when the message was taken from the socket to the begin of the work, and from there to the answer |
| `total_ms` | from the request's arrival to its answer, where the line was written |
| `degraded` | codes of what the answer had to do without |
| `worker` | a worker's process: `read-0-1f3a9c02` is a process of slot `read-0` |
| `exception` | a traceback; without what the errors say, unless `log_content` is on |
| `arguments` | what a tool was given; only if `log_content` is on |
"""


def page() -> str:
    """Return the whole page."""
    return f"{_HEAD}\n{_FIELDS}\n## Events\n\n{_events()}\n{_ERRORS_HEAD}\n{error_table()}"


def error_table() -> str:
    """Return the table of all error codes, as PROTOCOL.md has it too."""
    rows = [f"| `{code}` | {'yes' if cls.retryable else ''} | {cls('').message} |" for code, cls in ERRORS.items()]
    return "\n".join(["| code | retryable | when not said more exactly |", "|---|---|---|", *rows, ""])


def _events() -> str:
    rows = map(_row, sorted(EVENTS, key=lambda event: event.name))
    return "\n".join(
        ["| event | level | by | fields | what happened, and what to do |", "|---|---|---|---|---|", *rows, ""]
    )


def _row(event: Event) -> str:
    fields = " ".join(f"`{name}`" for name in event.fields.split())
    text = f"{event.text} *{event.remedy}*" if event.remedy else event.text
    return f"| `{event.name}` | {', '.join(event.levels.split())} | {event.by} | {fields} | {text} |"


if __name__ == "__main__":
    sys.stdout.write(page())
