"""The command `memmux explain`: what a code of an error, or the name of an event in the logs, means."""

from __future__ import annotations

import difflib
import inspect

import click

from memmux.cli import output
from memmux.cli.options import json_option
from memmux.errors import ERRORS, ArgumentInvalidError
from memmux.logs.events import EVENTS


@click.command()
@click.argument("code")
@json_option
def explain(*, code: str, as_json: bool) -> None:
    """Say what CODE means, which an error begins with or a line of the logs has as its event, and what to do."""
    event = next((known for known in EVENTS if known.name == code), None)
    if code in ERRORS:
        meaning, _, more = inspect.cleandoc(ERRORS[code].__doc__ or "").partition("\n")
        again = "The same request may succeed later, unchanged." if ERRORS[code].retryable else ""
        said = {"code": code, "kind": "error", "meaning": meaning, "more": " ".join([*more.split(), again]).strip()}
    elif event is not None:
        said = {"code": code, "kind": "event", "meaning": event.text, "more": event.remedy}
    else:
        known = [*ERRORS, *(event.name for event in EVENTS)]
        close = difflib.get_close_matches(code.lower(), known)
        meant = f"did you mean {' or '.join(close)}?" if close else "`memmux docs events` lists them all"
        raise ArgumentInvalidError(f"there is no error or event {code!r}; {meant}")
    if as_json:
        output.document(said)
        return
    output.line(said["meaning"])
    if said["more"]:
        output.line(said["more"])
