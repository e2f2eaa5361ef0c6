"""The verdict finds every kind of loss; each test is a database that a broken cluster could have left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.faults.evidence import Change, Evidence, Row
from bench.faults.ledger import Ack, Entry
from bench.faults.verdict import Verdict, judge


def _entry(number: int, operation: str, *acks: Ack, **fields: object) -> Entry:
    given = {"key": f"a.{number}", "client": "a", "operation": operation, "answered": True, "acks": acks, **fields}
    return Entry(**given)  # type: ignore[arg-type]  # the names are those of its fields


STORE = _entry(1, "memory.store", Ack(memory="m", seq=1, status="created"), contents=("text",))
UPDATE = _entry(2, "memory.update", Ack(memory="m", seq=2), memory="m", mark="mark a.2")
REWRITE = _entry(3, "memory.rewrite", Ack(memory="m", seq=3), memory="m", contents=("other",), mark="mark a.3")
DELETE = _entry(4, "memory.delete", Ack(memory="m", seq=4), memory="m")
CALLS = (STORE, UPDATE, REWRITE, DELETE)
EVIDENCE = Evidence(
    rows={"m": Row("other", {"mark a.2": True, "mark a.3": True}, deleted=True)},
    changes=(
        Change(1, "memory.store", "m", "r1"),
        Change(2, "memory.update", "m", "r2"),
        Change(3, "memory.rewrite", "m", "r3"),
        Change(4, "memory.delete", "m", "r4"),
        Change(5, "vectors.backfill", "m", "r5"),
    ),
    keys=frozenset(call.key for call in CALLS),
)


def _judge(calls: tuple[Entry, ...] = CALLS, evidence: Evidence = EVIDENCE, killed: tuple[str, ...] = ()) -> Verdict:
    return judge(calls, killed, evidence)


def test_database_that_holds_what_was_acknowledged_is_good() -> None:
    verdict = _judge()
    assert list(verdict.cases) == []
    assert (verdict.calls, verdict.acknowledged, verdict.errors) == (4, 4, {})


def test_acknowledged_store_that_is_not_there_is_lost() -> None:
    lost = _judge((STORE,), replace(EVIDENCE, rows={}, changes=())).lost
    assert any("is not there" in case for case in lost)


def test_acknowledgement_without_its_line_in_the_change_log_is_lost() -> None:
    assert _judge(evidence=replace(EVIDENCE, changes=EVIDENCE.changes[1:])).lost
    swapped = (replace(EVIDENCE.changes[0], memory="n"), *EVIDENCE.changes[1:])
    assert _judge(evidence=replace(EVIDENCE, changes=swapped)).lost


def test_acknowledged_write_whose_key_was_forgotten_is_lost() -> None:
    assert _judge(evidence=replace(EVIDENCE, keys=frozenset())).lost


def test_acknowledged_delete_of_a_live_memory_is_lost() -> None:
    live = {"m": replace(EVIDENCE.rows["m"], deleted=False)}
    assert any("is not deleted" in case for case in _judge(evidence=replace(EVIDENCE, rows=live)).lost)


def test_memory_that_nobody_deleted_and_is_deleted_is_lost() -> None:
    evidence = replace(EVIDENCE, changes=EVIDENCE.changes[:3])
    assert any("nobody asked" in case for case in _judge(CALLS[:3], evidence).lost)


def test_acknowledged_update_whose_mark_is_missing_is_lost() -> None:
    unmarked = {"m": replace(EVIDENCE.rows["m"], metadata={"mark a.3": True})}
    assert any("its mark" in case for case in _judge(evidence=replace(EVIDENCE, rows=unmarked)).lost)


def test_acknowledged_rewrite_that_was_overwritten_by_the_old_text_is_lost() -> None:
    old = {"m": replace(EVIDENCE.rows["m"], content="text")}
    assert _judge(evidence=replace(EVIDENCE, rows=old)).lost


def test_rewrite_without_an_answer_may_be_applied_or_not() -> None:
    unsure = replace(REWRITE, answered=False, acks=())
    applied = _judge((STORE, UPDATE, unsure, DELETE), killed=("a",))
    assert list(applied.cases) == []
    not_applied = replace(
        EVIDENCE,
        rows={"m": Row("text", {"mark a.2": True}, deleted=True)},
        changes=EVIDENCE.changes[:2] + EVIDENCE.changes[3:],
        keys=EVIDENCE.keys - {"a.3"},
    )
    assert list(_judge((STORE, UPDATE, unsure, DELETE), not_applied, killed=("a",)).cases) == []


def test_read_that_contradicts_an_acknowledgement_is_lost() -> None:
    assert _judge((*CALLS, _entry(5, "get", memory="m", wrong="was read as something else"))).lost


def test_change_that_is_logged_twice_is_duplicated() -> None:
    same_request = (*EVIDENCE.changes, Change(6, "memory.update", "m", "r2"))
    assert _judge(evidence=replace(EVIDENCE, changes=same_request)).duplicated
    other_request = (*EVIDENCE.changes, Change(6, "memory.update", "m", "r6"))
    assert _judge(evidence=replace(EVIDENCE, changes=other_request)).duplicated


@pytest.mark.parametrize("operation", ["memory.store", "memory.store_similar", "memory.store_batch"])
def test_store_of_somebody_without_a_ledger_is_no_duplicate(operation: str) -> None:
    others = replace(EVIDENCE, rows={**EVIDENCE.rows, "n": Row("of others", {}, deleted=False)})
    stored = Change(6, operation, "n", "r6")
    assert not _judge(evidence=replace(others, changes=(*others.changes, stored))).duplicated
    again = replace(stored, seq=7, request="r7")
    assert _judge(evidence=replace(others, changes=(*others.changes, stored, again))).duplicated


def test_content_that_is_there_twice_is_duplicated() -> None:
    twice = {**EVIDENCE.rows, "n": Row("other", {}, deleted=False)}
    assert _judge(evidence=replace(EVIDENCE, rows=twice)).duplicated


def test_store_that_met_its_own_content_is_duplicated() -> None:
    again = replace(STORE, acks=(replace(STORE.acks[0], status="duplicate"),))
    assert _judge((again, *CALLS[1:])).duplicated


def test_call_without_an_answer_counts_unless_its_client_was_killed() -> None:
    silent = _entry(5, "search", answered=False)
    assert len(_judge((*CALLS, silent)).unanswered) == 1
    assert _judge((*CALLS, silent), killed=("a",)).unanswered == ()


def test_time_that_ran_out_is_no_answer_and_a_refusal_is_one() -> None:
    verdict = _judge((*CALLS, _entry(5, "search", error="deadline_exceeded"), _entry(6, "search", error="poisoned")))
    assert len(verdict.unanswered) == 1
    assert verdict.errors == {"deadline_exceeded": 1, "poisoned": 1}
