"""The way to a gateway: to the one of the cluster, or to one of the relay's own where that can't be had.

The way that costs nothing is a route that was found before. Where it leads to nobody, the cluster is searched for; one
relay at a time does that, and the others wait for what it finds. A relay that has a gateway of its own
tries the cluster's now and then, and goes back to it when nothing is on its way.
"""

from __future__ import annotations

import _socket
import os
import sys

from memmux.relay import children
from memmux.relay import route as routes
from memmux.relay.frames import pack_fields
from memmux.relay.relay import LOOK_S, LeaveError, Way
from memmux.relay.route import Route
from memmux.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from memmux.relay.line_log import LineLog
    from memmux.relay.search import Search
    from memmux.relay.trial import Trial
    from memmux.relay.turn import Turn

PATIENCE_S = 30.0  # without anybody at the socket, before a gateway of its own is started: it takes longer than a start
FOUND_S = 2.0  # the same, once the cluster is known to be there
FAILURES = 3  # connections in a row over which nothing was said, before the same
PAUSE_S = 0.1  # after such a connection; doubled each time
PRIVATE_FAILURES = 3  # of a gateway of its own, before the relay gives up
SEARCHES = 6  # of which each child was killed, before the same
SHORTAGES = 6  # of descriptors or processes, one after the other, before the same
UNREACHABLE = 75  # the child's exit code: the settings are known, and no cluster is to be had (EX_TEMPFAIL)
STEADY_S = 10.0  # a gateway that served for so long, and a stall besides, did not end for what it was sent
AT_ONCE = 4  # of them, after which it has one whether others start theirs or not
ALONE = 2  # deaths of gateways with the same oldest line, before that host has one of its own: others need theirs
RETURN_S = 60.0  # with a gateway of its own, before the cluster's is tried; doubled each time it fails


class ClusterWay(Way):
    """The way of one relay. arguments: its command line, as `memmux` gets it."""

    def __init__(self, arguments: Sequence[str], folder: str) -> None:
        self._arguments = arguments
        self._folder = folder
        self._file = routes.path(arguments, os.environ, folder)
        self._session = os.urandom(16).hex()
        self._route = routes.read(self._file)
        self.known = self._route is not None
        self._began: float | None = None
        self._heard_at = 0.0
        self._failures = 0
        self._private_failures = 0
        self._shortages = 0
        self._deaths = 0  # of gateways, one soon after the other, with the same line as the oldest that is not settled
        self._oldest = 0
        self._not_before = 0.0
        self._search: Search | None = None
        self._killed = 0  # children that searched, one after the other
        self._code = 0  # of the child that has searched
        self._ending: list[int] = []  # processes of ours that have ended, or will
        self._found_at: float | None = None
        self._private = False
        self._own_pid = 0
        self._given_up_at: float | None = None
        self._alone: Turn | None = None
        self._trial: Trial | None = None
        self._trials = 0  # that failed in a row
        self._trial_at = 0.0

    @property
    def route(self) -> Route | None:
        """The route, if it is known."""
        return self._route

    def hello(self, log: LineLog) -> bytes:
        """Return what a gateway is told of this relay and its host."""
        del log
        known = [(name, value) for name, value in os.environ.items() if name.startswith(routes.TOLD)]
        flags = self._route.flags if self._route is not None else ()
        return pack_fields(
            [
                ("version", __version__),
                ("session", self._session),
                ("pid", str(os.getpid())),
                ("host_pid", str(os.getppid())),
                ("folder", self._folder),
                ("deaths", str(self._deaths)),
                *(("flag", flag) for flag in flags),
                *(("env", f"{name}={value}") for name, value in known),
            ]
        )

    def heard(self, now: float) -> None:
        """Take that a gateway has said its first word."""
        self._heard_at = now
        self._killed, self._given_up_at = 0, None
        self._give_turn()

    def lost(self, now: float, log: LineLog) -> None:
        """Take that a connection is gone; what was said over it tells whether its gateway worked."""
        self._began = self._found_at = None
        self.stopgap = False
        self._end_trial()
        self._give_turn()
        if self._own_pid:
            self._ending.append(self._own_pid)
            self._own_pid, self.busy = 0, True
        # Where lines were settled in between, gateways did not die of what they were asked.
        oldest = log.oldest
        steady_s = STEADY_S + (self._route.stall_s if self._route is not None else 0.0)
        if log.go is not None or now - self._heard_at >= steady_s or oldest != self._oldest:
            self._deaths = 0
        self._deaths += 1 if log.go is None and log.understood and oldest else 0
        self._oldest = oldest
        if log.go:
            # Of another cluster; if that is said again and again, it is no route that helps.
            self._route = None
            self._failures += 1
        elif log.understood:
            self._failures = self._private_failures = 0
            self._private = False
        elif self._private:
            self._private_failures += 1
        else:
            self._failures += 1
        failures = self._failures + self._private_failures
        self._not_before = now + PAUSE_S * 2.0 ** min(failures, 6) if failures else now

    def step(self, now: float, *, search: bool) -> _socket.socket | None:
        """Return a connection, or None if there is none yet; raise LeaveError if there never will be."""
        self._began = now if self._began is None else self._began
        if now < self._not_before:
            return None
        try:
            connected = self._step(now, search=search)
        except OSError as error:  # no descriptor or process is to be had, and others may give some back
            self._lack(now, error)
            return None
        self._shortages = 0
        return connected

    def _lack(self, now: float, error: OSError) -> None:
        self._shortages += 1
        self._not_before = now + PAUSE_S * 2.0**self._shortages
        if self._shortages >= SHORTAGES:
            raise LeaveError(1, f"memmux mcp: no gateway can be started: {error.strerror}".encode())

    def _step(self, now: float, *, search: bool) -> _socket.socket | None:
        if self._route is None:
            self._route = routes.read(self._file)
            self.known = self.known or self._route is not None
        self._heed_child(now)
        if self._route is not None:
            if search and (self._route.mode == routes.PRIVATE or self._does_without(now)):
                return self._own(now, self._route)
            if (connected := routes.connect(self._route.socket)) is not None:
                self._found_at = None
                return connected
        if not search or self._seek(now):
            self._began = now
        return None

    def _heed_child(self, now: float) -> None:
        """Take what the child's end says: that the settings are wrong, that no cluster is to be had, or nothing."""
        code, self._code = self._code, 0
        if code < 0:
            self._killed += 1
            if self._killed >= SEARCHES:
                words = b"memmux mcp: the search for the cluster was killed, last by signal %d; run `memmux doctor`"
                raise LeaveError(1, words % -code)
            self._found_at, self._not_before = None, now + PAUSE_S * 2.0**self._killed
        elif code == UNREACHABLE and self._route is not None:
            self._failures = FAILURES
        elif code:
            raise LeaveError(code)

    def _waited_enough(self, now: float) -> bool:
        assert self._began is not None
        if self._found_at is not None and self._search is None:
            return now - self._found_at >= FOUND_S
        return now - self._began >= PATIENCE_S

    # a child that finds the cluster

    def tend(self, now: float) -> None:
        """Hear the child that looks for the cluster, and let those that have ended go."""
        if not self.busy:
            return
        self._ending = [pid for pid in self._ending if not os.waitpid(pid, os.WNOHANG)[0]]
        if (search := self._search) is not None:
            code = search.ended(now)
            told, route = search.found()
            self._route, self.known = route or self._route, told or self.known
            if code is not None:
                search.close()
                self._search = None
                self._code, self._found_at = code, now
                # Where another client has started the cluster meanwhile, its socket may be elsewhere.
                self._route = (routes.read(self._file) if not code else None) or self._route
        self.busy = bool(self._search or self._ending)

    def close(self) -> None:
        """Look for nothing any more."""
        if self._search is not None:
            self._search.close()
        self._end_trial()
        self._give_turn()

    def _seek(self, now: float) -> bool:
        """Have a child look for the cluster, unless that has just been done; return whether another relay has one.

        Then it is not for this one to lose patience: a start that is slow is no faster for gateways beside it.
        """
        if self._search is not None or self._found_at is not None:
            return False
        from memmux.relay.search import Search  # only who has no route, or finds nobody there, pays for it

        search = Search(self._arguments, self._file)
        try:
            begun = search.begin(now)
        except OSError:
            search.close()
            raise
        if begun:
            self._search, self.busy = search, True
        return not begun

    # a gateway of its own

    def _does_without(self, now: float) -> bool:
        """Return whether to have one as there is none, or for the line that gateways have died with.

        One relay after the other does, until its own has said a word: when gateways are killed, and not by what they
        are sent, the line of each is as suspicious, and gateways by the dozen would have all of them wait. Meanwhile
        the others wait for the cluster's, which may be there first.
        """
        if self._failures >= FAILURES or self._waited_enough(now):
            self._given_up_at = now if self._given_up_at is None else self._given_up_at
            at_once = now - self._given_up_at >= PATIENCE_S
        else:
            at_once = self._deaths >= AT_ONCE
            if self._deaths < ALONE:
                return False
        if at_once:
            return True
        from memmux.relay.turn import Turn  # only who has no gateway, or whose die, pays for it

        self._alone = self._alone or Turn(self._file.rpartition("/")[0] + "/alone")
        return self._alone.take()

    def _give_turn(self) -> None:
        if self._alone is not None:
            self._alone.give()

    def _own(self, now: float, route: Route) -> _socket.socket:
        if self._private_failures >= PRIVATE_FAILURES:
            raise LeaveError(1, b"memmux mcp: no gateway can be started; run `memmux doctor`")
        self._private = True
        self.stopgap = route.mode != routes.PRIVATE
        self._put_off(now)
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        os.set_inheritable(theirs.fileno(), True)
        command = [sys.executable, "-P", "-m", "mcp_dealer", f"--connection-fd={theirs.fileno()}", *route.flags]
        self._own_pid = children.spawn(command, ours, theirs)
        return ours

    def wait_s(self, now: float) -> float:
        """Return how long until the cluster's gateway is to be tried, or looked after."""
        return LOOK_S if self._trial is not None else max(0.0, self._trial_at - now)

    def better(self, now: float, log: LineLog) -> bool:
        """Return whether the cluster's gateway serves again."""
        if self._route is None or now < self._trial_at:
            return False
        if self._trial is None:
            from memmux.relay.trial import Trial  # only who has a gateway of its own pays for it

            connected = routes.connect(self._route.socket)
            self._trial = Trial(connected, self.hello(log), now) if connected is not None else None
        passed = self._trial.passed(now) if self._trial is not None else False
        if passed is not None:
            self._end_trial()
            self._trials = 0 if passed else self._trials + 1
            self._put_off(now)
        return bool(passed)

    def _put_off(self, now: float) -> None:
        self._trial_at = now + RETURN_S * 2.0 ** min(self._trials, 6)

    def _end_trial(self) -> None:
        if self._trial is not None:
            self._trial.close()
            self._trial = None
