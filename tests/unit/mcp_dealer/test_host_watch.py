"""What comes of a host that is gone, told apart from a fault of ours."""

from __future__ import annotations

import errno

import anyio
import pytest

from mcp_dealer.host_watch import is_gone


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (BrokenPipeError(errno.EPIPE, "x"), True),
        (ExceptionGroup("x", [BrokenPipeError(errno.EPIPE, "x")]), True),
        (ExceptionGroup("x", [ExceptionGroup("y", [OSError(errno.EIO, "x"), anyio.BrokenResourceError()])]), True),
        (anyio.BrokenResourceError(), False),
        (OSError(errno.ENOSPC, "x"), False),
        (ExceptionGroup("x", [BrokenPipeError(errno.EPIPE, "x"), ValueError()]), False),
    ],
)
def test_only_what_comes_of_the_end_of_a_pipe_means_that_the_host_is_gone(error: Exception, gone: bool) -> None:
    assert is_gone(error) is gone
