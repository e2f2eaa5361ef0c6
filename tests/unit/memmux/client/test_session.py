"""The session as a pure state machine: the clock is a number, the router is this test."""

from __future__ import annotations

import itertools
import math

import orjson
import pytest

from memmux.client import back_off, methods, session, silence
from memmux.client.session import ClientSession
from memmux.errors import (
    CancelledError,
    ClusterUnreachableError,
    DeadlineExceededError,
    DrainingError,
    KeyConflictError,
    MemmuxError,
    OverloadedError,
    ProtocolVersionError,
    RateLimitedError,
    UnknownSessionError,
    WorkerUnavailableError,
)
from memmux.wire import protocol
from memmux.wire.protocol import Header, Kind, Message


@pytest.fixture
def client() -> ClientSession:
    numbers = itertools.count()
    return ClientSession(
        name="test",
        pid=1,
        version="0",
        request_timeout_s=30.0,
        new_id=lambda: f"id-{next(numbers)}",
        random=lambda: 0.0,
    )


def sent(client: ClientSession, now: float) -> list[Message]:
    return [protocol.decode(frames) for frames in client.advance(now)[0]]


def kinds(messages: list[Message]) -> list[Kind]:
    return [message.header.kind for message in messages]


def welcome(client: ClientSession, now: float, model: str | None = "m") -> None:
    assert client.receive(protocol.encode(Header(kind=Kind.WELCOME, detail={"model": model})), now) == []


def opened(client: ClientSession, now: float = 0.0, model: str | None = "m") -> None:
    """Connect with a request that is answered at once."""
    client.connected(now)
    request_id = client.submit(methods.status(), now)
    assert kinds(sent(client, now)) == [Kind.HELLO]
    welcome(client, now, model)
    assert kinds(sent(client, now)) == [Kind.REQUEST]
    answer(client, request_id, now)


def answer(client: ClientSession, request_id: str, now: float, body: object = None) -> None:
    frames = protocol.encode(Header(kind=Kind.RESULT, id=request_id), orjson.dumps(body))
    ((settled_id, outcome),) = client.receive(frames, now)
    assert settled_id == request_id
    assert isinstance(outcome, Message)


def refuse(client: ClientSession, request_id: str, error: MemmuxError, now: float) -> list[session.Settled]:
    return client.receive(protocol.encode_error(error, request_id), now)


def test_nothing_is_sent_before_the_welcome_but_hello(client: ClientSession) -> None:
    client.connected(0.0)
    client.submit(methods.status(), 0.0)
    (hello,) = sent(client, 0.0)
    assert hello.header.kind is Kind.HELLO
    assert hello.header.detail["protocol"] == [protocol.OLDEST, protocol.VERSION]
    assert {"name", "pid", "version", "instance"} < set(hello.header.detail)
    assert sent(client, 0.5) == []


def test_hello_without_welcome_is_said_again(client: ClientSession) -> None:
    client.connected(0.0)
    client.submit(methods.status(), 0.0)
    sent(client, 0.0)
    assert client.wake_at() == session.HELLO_S
    assert kinds(sent(client, session.HELLO_S)) == [Kind.HELLO]


def test_request_has_its_operation_its_time_and_its_body(client: ClientSession) -> None:
    opened(client)
    client.submit(methods.get("abc", timeout_s=2.0), 1.0)
    (request,) = sent(client, 1.5)
    assert (request.header.operation, request.header.deadline_ms, request.header.key) == ("memory.get", 1500, "")
    assert orjson.loads(request.body) == {"id": "abc", "namespace": "default"}


def test_write_without_a_key_gets_one_and_a_given_key_is_kept(client: ClientSession) -> None:
    opened(client)
    client.submit(methods.store("a"), 0.0)
    client.submit(methods.store("b", key="mine"), 0.0)
    first, second = sent(client, 0.0)
    assert first.header.key not in ("", first.header.id)
    assert second.header.key == "mine"


def test_requests_are_sent_in_the_order_of_their_submission(client: ClientSession) -> None:
    client.connected(0.0)
    submitted = [client.submit(methods.store(f"text {number}"), 0.0) for number in range(50)]
    sent(client, 0.0)
    welcome(client, 0.0)
    assert [request.header.id for request in sent(client, 0.0)] == submitted


@pytest.mark.parametrize("error", [OverloadedError(), RateLimitedError(), DrainingError()])
def test_refused_request_is_sent_again_later_with_its_id_and_key(client: ClientSession, error: MemmuxError) -> None:
    opened(client)
    request_id = client.submit(methods.store("a"), 0.0)
    (first,) = sent(client, 0.0)
    assert refuse(client, request_id, error, 0.0) == []
    assert sent(client, back_off.BACK_OFF_S * 0.9) == []
    (second,) = sent(client, client.wake_at())
    assert (second.header.id, second.header.key) == (request_id, first.header.key)


def test_cancel_that_a_lost_connection_did_not_take_is_not_said_over_the_next_one(client: ClientSession) -> None:
    """There it would come before HELLO, or meet the request that was sent again."""
    opened(client)
    given_up, kept = (client.submit(methods.get(name), 0.0) for name in "ab")
    sent(client, 0.0)
    client.cancel(given_up)
    client.disconnected()
    client.connected(1.0)
    assert kinds(sent(client, 1.0)) == [Kind.HELLO]
    welcome(client, 1.0)
    assert [(again.header.kind, again.header.id) for again in sent(client, 1.0)] == [(Kind.REQUEST, kept)]


def test_draining_router_is_known_as_such_until_the_next_connection_or_another_answer(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.store("a"), 0.0)
    sent(client, 0.0)
    assert not client.draining
    refuse(client, request_id, DrainingError(), 0.0)
    assert client.draining
    refuse(client, request_id, OverloadedError(), 0.0)
    assert not client.draining
    refuse(client, request_id, DrainingError(), 0.0)
    client.disconnected()
    client.connected(1.0)
    assert not client.draining


def test_pauses_between_refusals_grow_and_are_bounded(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.status(timeout_s=600), 0.0)
    now, pauses = 0.0, []
    for _ in range(40):
        assert kinds(sent(client, now)) == [Kind.REQUEST]
        refuse(client, request_id, OverloadedError(), now)
        pauses.append(client.wake_at() - now)
        now = client.wake_at()
    assert pauses[0] == back_off.BACK_OFF_S
    assert pauses[1] == pytest.approx(2 * back_off.BACK_OFF_S)
    assert max(pauses) == pytest.approx(back_off.BACK_OFF_MOST_S)


def test_retry_after_of_the_router_is_honoured(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.status(), 0.0)
    sent(client, 0.0)
    refuse(client, request_id, OverloadedError(retry_after_ms=1500), 0.0)
    assert sent(client, 1.49) == []
    assert kinds(sent(client, 1.5)) == [Kind.REQUEST]


def test_unknown_session_leads_to_hello_and_everything_is_sent_again(client: ClientSession) -> None:
    opened(client)
    ids = [client.submit(methods.store(text), 1.0) for text in "ab"]
    before = sent(client, 1.0)
    for request_id in ids:
        assert refuse(client, request_id, UnknownSessionError(), 1.0) == []
    assert kinds(sent(client, 1.0)) == [Kind.HELLO]
    assert sent(client, 1.9) == []  # the router would refuse them again
    welcome(client, 1.9)
    after = sent(client, 1.9)
    assert [(r.header.id, r.header.key) for r in after] == [(r.header.id, r.header.key) for r in before]


def test_router_that_forgets_sessions_again_and_again_is_not_asked_in_a_circle(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.status(), 0.0)
    hellos, now = 0, 0.0
    while now < 1.0:
        for message in sent(client, now):
            if message.header.kind is Kind.HELLO:
                hellos += 1
                welcome(client, now)
            elif message.header.kind is Kind.REQUEST:
                refuse(client, request_id, UnknownSessionError(), now)
        now += 0.001
    assert 1 < hellos < 10


def test_new_connection_sends_everything_without_an_answer_again(client: ClientSession) -> None:
    opened(client)
    answered = client.submit(methods.status(), 0.0)
    ids = [client.submit(methods.store(text), 0.0) for text in "ab"]
    keys = [request.header.key for request in sent(client, 0.0)][1:]
    answer(client, answered, 0.0)
    client.disconnected()
    assert sent(client, 1.0) == []
    client.connected(2.0)
    assert kinds(sent(client, 2.0)) == [Kind.HELLO]
    welcome(client, 2.0)
    again = sent(client, 2.0)
    assert [request.header.id for request in again] == ids
    assert [request.header.key for request in again] == keys
    assert again[0].header.deadline_ms == 28_000


def test_instance_stays_the_same_from_one_connection_to_the_next(client: ClientSession) -> None:
    instances = []
    client.submit(methods.status(), 0.0)
    for now in (0.0, 1.0):
        client.connected(now)
        (hello,) = sent(client, now)
        instances.append(hello.header.detail["instance"])
    assert instances[0] == instances[1] != ""


def test_other_error_ends_the_request(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.store("a"), 0.0)
    sent(client, 0.0)
    ((settled_id, outcome),) = refuse(client, request_id, KeyConflictError("used"), 0.0)
    assert settled_id == request_id
    assert isinstance(outcome, KeyConflictError)
    assert not client.waiting


def test_request_fails_only_when_its_own_time_is_over(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.status(timeout_s=1.0), 0.0)
    sent(client, 0.0)
    assert client.advance(1.0)[1] == []
    ((settled_id, outcome),) = client.advance(client.wake_at())[1]
    assert settled_id == request_id
    assert isinstance(outcome, DeadlineExceededError)
    assert "1 s" in outcome.message


def test_request_that_was_refused_to_the_end_fails_of_the_refusal(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.status(timeout_s=1.0), 0.0)
    sent(client, 0.0)
    refuse(client, request_id, OverloadedError(retry_after_ms=5000), 0.5)
    ((_, outcome),) = client.advance(2.0)[1]
    assert isinstance(outcome, OverloadedError)


def test_time_of_a_request_without_one_runs_from_the_connection(client: ClientSession) -> None:
    client.submit(methods.status(), 0.0)
    assert client.advance(1000.0) == ([], [])
    client.connected(1000.0)
    assert client.advance(1029.0)[1] == []
    assert len(client.advance(1031.0)[1]) == 1


def test_time_of_a_request_that_names_one_runs_at_once(client: ClientSession) -> None:
    client.submit(methods.status(timeout_s=1.0), 0.0)
    assert client.wake_at() <= 0.0
    client.advance(0.0)
    assert 1.0 <= client.wake_at() < 2.0
    assert len(client.advance(2.0)[1]) == 1


def test_request_without_an_answer_for_long_is_sent_again(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.status(), 0.0)
    sent(client, 0.0)
    again = [message for message in sent(client, session.ANSWER_S) if message.header.kind is Kind.REQUEST]
    assert [message.header.id for message in again] == [request_id]


def test_silence_leads_to_one_ping_and_then_to_a_lost_connection(client: ClientSession) -> None:
    opened(client)
    client.submit(methods.status(), 10.0)
    sent(client, 10.0)
    assert client.wake_at() == 10.0 + silence.QUIET_S
    assert kinds(sent(client, 12.0)) == [Kind.PING]
    assert sent(client, 13.0) == []
    assert not client.lost(12.0 + silence.PONG_S * 0.99)
    assert client.lost(12.0 + silence.PONG_S)


def test_pong_keeps_the_connection(client: ClientSession) -> None:
    opened(client)
    client.submit(methods.status(), 0.0)
    sent(client, 0.0)
    assert kinds(sent(client, 2.0)) == [Kind.PING]
    client.receive(protocol.encode(Header(kind=Kind.PONG)), 2.1)
    assert not client.lost(100.0)
    assert client.wake_at() == 2.1 + silence.QUIET_S


def test_idle_session_wants_nothing(client: ClientSession) -> None:
    opened(client)
    assert client.wake_at() == math.inf
    assert client.advance(1000.0) == ([], [])
    assert not client.lost(1000.0)


def test_cancelled_request_is_told_to_the_cluster_and_its_answer_ignored(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.status(), 0.0)
    sent(client, 0.0)
    client.cancel(request_id)
    (message,) = sent(client, 0.0)
    assert (message.header.kind, message.header.id) == (Kind.CANCEL, request_id)
    assert client.receive(protocol.encode(Header(kind=Kind.RESULT, id=request_id)), 0.0) == []
    client.cancel(request_id)
    assert sent(client, 0.0) == []


def test_request_that_was_cancelled_by_nobody_here_is_sent_again(client: ClientSession) -> None:
    opened(client)
    request_id = client.submit(methods.store("x"), 0.0)
    (first,) = sent(client, 0.0)
    assert refuse(client, request_id, CancelledError(), 1.0) == []
    (again,) = sent(client, 1.0 + back_off.BACK_OFF_S)
    assert (again.header.id, again.header.key) == (request_id, first.header.key)
    answer(client, request_id, 1.1)


def test_hello_refused_for_good_fails_every_request(client: ClientSession) -> None:
    client.connected(0.0)
    client.submit(methods.status(), 0.0)
    (hello,) = sent(client, 0.0)
    ((_, outcome),) = refuse(client, hello.header.id, ProtocolVersionError("upgrade"), 0.0)
    assert isinstance(outcome, ProtocolVersionError)
    client.submit(methods.status(), 1.0)
    assert kinds(sent(client, 1.0)) == [Kind.HELLO]


def test_hello_refused_for_now_is_said_again(client: ClientSession) -> None:
    client.connected(0.0)
    client.submit(methods.status(timeout_s=5.0), 0.0)
    (hello,) = sent(client, 0.0)
    assert refuse(client, hello.header.id, OverloadedError(retry_after_ms=700), 0.0) == []
    assert sent(client, 0.6) == []
    assert kinds(sent(client, 0.7)) == [Kind.HELLO]


def test_message_of_a_later_protocol_fails_every_request(client: ClientSession) -> None:
    opened(client)
    client.submit(methods.status(), 0.0)
    sent(client, 0.0)
    ((_, outcome),) = client.receive([b'{"v":99,"kind":"welcome"}'], 0.0)
    assert isinstance(outcome, ProtocolVersionError)


@pytest.mark.parametrize("frames", [[], [b"\xff"], [b"[]"], [b'{"v":1,"kind":"nonsense"}'], [b"{}"] * 40])
def test_nonsense_from_the_router_is_ignored(client: ClientSession, frames: list[bytes]) -> None:
    opened(client)
    client.submit(methods.status(), 0.0)
    assert client.receive(frames, 0.0) == []
    assert client.waiting


def test_abandoned_requests_all_fail(client: ClientSession) -> None:
    ids = [client.submit(methods.status(), 0.0) for _ in range(3)]
    settled = client.abandon(ClusterUnreachableError())
    assert [request_id for request_id, _ in settled] == ids
    assert client.wake_at() == math.inf


def test_vector_waits_until_the_cluster_knows_its_model(client: ClientSession) -> None:
    opened(client, model=None)
    request_id = client.submit(methods.store("a", vector=[1.0, 0.0]), 0.0)
    (asked,) = sent(client, 0.0)
    assert asked.header.operation == "cluster.status"
    client.receive(protocol.encode(Header(kind=Kind.RESULT, id=asked.header.id), b'{"model":null}'), 0.1)
    (asked,) = sent(client, session.MODEL_S)
    client.receive(protocol.encode(Header(kind=Kind.RESULT, id=asked.header.id), b'{"model":"m"}'), 0.3)
    (request,) = sent(client, 0.3)
    assert request.header.id == request_id
    assert orjson.loads(request.blobs[0]) == {"model": "m", "dimensions": 2, "windows": [[[0, 1]]]}


def test_vector_whose_model_is_never_known_fails_with_the_remedy(client: ClientSession) -> None:
    opened(client, model=None)
    client.submit(methods.store("a", vector=[1.0], timeout_s=1.0), 0.0)
    sent(client, 0.0)
    ((_, outcome),) = client.advance(2.0)[1]
    assert isinstance(outcome, WorkerUnavailableError)
    assert "memmux status" in outcome.message


def test_settled_requests_leave_no_timers_behind(client: ClientSession) -> None:
    opened(client)
    for number in range(1000):
        now = number * 0.001
        request_id = client.submit(methods.status(), now)
        sent(client, now)
        assert client.wake_at() > now
        answer(client, request_id, now)
    assert len(client._pending._timers) <= 2


def test_a_request_fails_of_why_nobody_answers_if_nobody_does_when_its_time_is_over() -> None:
    numbers = itertools.count()
    client = ClientSession(
        name="test",
        pid=1,
        version="0",
        request_timeout_s=30.0,
        new_id=lambda: f"id-{next(numbers)}",
        random=lambda: 0.0,
        unreachable=ClusterUnreachableError("nobody is there"),
    )

    def outcome(at: float, heard: float | None = None) -> object:
        """What becomes of a request of one second that begins then, and hears something, or not."""
        client.submit(methods.status(timeout_s=1.0), at)
        client.advance(at)
        if heard is not None:
            client.receive(protocol.encode(Header(kind=Kind.WELCOME, detail={"model": "m"})), heard)
        ((_, failure),) = client.advance(at + 1.2)[1]
        return type(failure)

    assert outcome(0.0) is ClusterUnreachableError
    client.connected(10.0)
    assert outcome(10.0) is ClusterUnreachableError
    assert outcome(20.0, heard=20.1) is DeadlineExceededError
    assert outcome(30.0) is DeadlineExceededError  # it may only be slow
    client.submit(methods.status(timeout_s=3.0), 40.0)
    assert kinds(sent(client, 40.0)) == [Kind.REQUEST]
    assert kinds(sent(client, 42.0)) == [Kind.PING]
    ((_, failure),) = client.advance(43.2)[1]
    assert isinstance(failure, ClusterUnreachableError)
    client.disconnected()
    assert outcome(50.0) is ClusterUnreachableError
