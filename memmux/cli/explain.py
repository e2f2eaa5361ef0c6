"""The command `memmux explain`: what a code of an error or of a degraded answer, or an event in the logs, means."""

from __future__ import annotations

import difflib
import inspect

import click

from memmux.cli import degraded, output
from memmux.cli.options import json_option
from memmux.errors import ERRORS, ArgumentInvalidError
from memmux.logs.events import EVENTS


@click.command()
@click.argument("code")
@json_option
def explain(*, code: str, as_json: bool) -> None:
    """Say what CODE means, and what to do.

    An error begins with its code, an answer has those of what it went without as `degraded`, and a line of the logs
    has its event.
    """
    event = next((known for known in EVENTS if known.name == code), None)
    if code in ERRORS:
        meaning, _, more = inspect.cleandoc(ERRORS[code].__doc__ or "").partition("\n")
        again = "The same request may succeed later, unchanged." if ERRORS[code].retryable else ""
        said = {"code": code, "kind": "error", "meaning": meaning, "more": " ".join([*more.split(), again]).strip()}
    elif (sentence := degraded.sentence(code)) != code:
        said = {"code": code, "kind": "degraded", "meaning": sentence.removeprefix(f"{code}: "), "more": ""}
    elif event is not None:
        said = {"code": code, "kind": "event", "meaning": event.text, "more": event.remedy}
    else:
        known = [*ERRORS, *degraded.SENTENCES, *(event.name for event in EVENTS)]
        close = difflib.get_close_matches(code.lower(), known)
        meant = f"did you mean {' or '.join(close)}?" if close else "`memmux docs events` lists them all"
        raise ArgumentInvalidError(f"there is no error, degraded code or event {code!r}; {meant}")
    if as_json:
        output.document(said)
        return
    output.line(said["meaning"])
    if said["more"]:
        output.line(said["more"])
