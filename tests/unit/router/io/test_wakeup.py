"""Signals end a poll, and are known by their name afterwards."""

from __future__ import annotations

import os
import signal

import zmq

from router.io.wakeup import Wakeup


def test_signal_ends_a_poll_and_is_known_by_its_name() -> None:
    with Wakeup() as wakeup:
        poller = zmq.Poller()
        poller.register(wakeup.fileno(), zmq.POLLIN)
        assert not wakeup.came()
        os.kill(os.getpid(), signal.SIGTERM)
        assert poller.poll(10_000)
        assert wakeup.came()
        assert not wakeup.came()
        assert wakeup.told_to_stop == "SIGTERM"


def test_end_of_a_child_wakes_and_is_no_reason_to_stop() -> None:
    with Wakeup() as wakeup:
        os.kill(os.getpid(), signal.SIGCHLD)
        assert wakeup.came(10.0)
        assert wakeup.told_to_stop == ""


def test_handlers_of_before_are_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Wakeup():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
