from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.harness import question_sets

SESSION = {
    "session_1_date_time": "1:56 pm on 8 May, 2023",
    "session_1": [
        {"speaker": "Ann", "dia_id": "D1:1", "text": "Hello!"},
        {"speaker": "Bob", "dia_id": "D1:2", "text": "Look.", "blip_caption": "a boat"},
    ],
    "session_10": [{"speaker": "Ann", "dia_id": "D10:1", "clean_text": "Later.", "date_time": "29.12.2023, 23:36:12"}],
    "session_2": [{"speaker": "Bob", "dia_id": "D2:1", "text": "And then?"}],
}
QUESTIONS = [
    {"question": "What does Bob show?", "answer": "a boat", "evidence": ["D1:2; D2:1"], "category": 1},
    {"question": "Nobody said", "evidence": [], "category": 5},
    {"question": "Elsewhere", "evidence": ["D9:9"], "category": 2},
]


def write(path: Path, fields: Any) -> Path:
    path.write_bytes(orjson.dumps(fields))
    return path


def test_a_file_of_locomo_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "locomo10.json", [{"sample_id": "a", "conversation": SESSION, "qa": QUESTIONS}] * 2)
    one, _ = question_sets.load(path)
    assert [memory.id for memory in one.memories] == ["D1:1", "D1:2", "D2:1", "D10:1"]
    assert one.memories[1].content == "Bob: Look. [a boat]"
    assert one.memories[1].created_at == datetime(2023, 5, 8, 13, 56, 1, tzinfo=UTC)
    (question,) = one.questions
    assert (question.evidence, question.category) == ({"D1:2", "D2:1"}, "several turns")


def test_a_folder_of_chats_is_read(tmp_path: Path) -> None:
    write(tmp_path / "Chat_1.json", {**SESSION, "qa": QUESTIONS})
    write(tmp_path / "other.json", ["nothing of it"])
    (one,) = question_sets.load(tmp_path)
    assert (one.namespace, len(one.memories), len(one.questions)) == ("Chat_1", 4, 1)
    assert one.memories[3].content == "Ann: Later."
    assert one.memories[3].created_at == datetime(2023, 12, 29, 23, 36, 12, tzinfo=UTC)


def test_lines_of_a_users_own_are_read(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(
        '{"id": 1, "text": "one"}\n\n{"id": "2", "text": "two", "namespace": "b"}\n'
        '{"question": "which?", "evidence": [1]}\n'
        '{"question": "b?", "evidence": ["2", "x"], "namespace": "b", "category": "c"}\n'
    )
    first, second = question_sets.load(path)
    assert (first.questions[0].evidence, first.questions[0].category) == ({"1"}, "")
    assert (second.namespace, second.questions[0].evidence, second.questions[0].category) == ("b", {"2"}, "c")


@pytest.mark.parametrize("content", ["", '{"id": 1, "text": "one"}', "[]", '{"question": "which?", "evidence": ["x"]}'])
def test_a_file_without_questions_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"own\.jsonl"):
        question_sets.load(path)
