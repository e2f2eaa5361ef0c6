"""Question sets: memories, and questions of which is known which memories answer them; read from a user's own files.

Three forms: LoCoMo's `locomo10.json` (https://github.com/snap-research/locomo), the folder of REALTALK's chats
(https://github.com/danny911kr/REALTALK), and JSON lines. A line of the last is a memory, `{"id", "text"}`, or a
question, `{"question", "evidence": [ids]}`, each with a `namespace` if there are several, a memory also with a `thread`
if it is in one, a question also with a `category`. Nothing of any set is kept here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

CATEGORIES = {1: "several turns", 2: "time", 3: "inference", 4: "one turn", 5: "no answer"}
"""LoCoMo's categories, by their numbers."""
_TURN = re.compile(r"D\d+:\d+")
_SESSION = re.compile(r"session_(\d+)")
_TIMES = ("%I:%M %p on %d %B, %Y", "%d.%m.%Y, %H:%M:%S")
_NAMESPACE = "set"


@dataclass(frozen=True, slots=True)
class Text:
    """A memory; id: by which evidence names it. thread: the session that it is from, in the order of the set."""

    id: str
    content: str
    created_at: datetime | None = None
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question; evidence: the ids of the memories that answer it."""

    text: str
    evidence: frozenset[str]
    category: str = ""


@dataclass(slots=True)
class QuestionSet:
    """The memories and questions of one namespace."""

    namespace: str
    memories: list[Text] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def answerable(self) -> QuestionSet:
        """Return it without evidence that is not there, and without questions that then have none."""
        known = {memory.id for memory in self.memories}
        kept = [Question(one.text, one.evidence & known, one.category) for one in self.questions]
        return QuestionSet(self.namespace, self.memories, [one for one in kept if one.evidence])


def load(path: Path) -> list[QuestionSet]:
    """Return the sets in a file or folder, without questions that nothing answers; raise ValueError for other files."""
    if path.is_dir():
        files = sorted(path.glob("*.json")) or sorted(path.glob("data/*.json"))
        found = [_chat(file.stem, _json(file)) for file in files]
        found = [one for one in found if one.questions]
    elif path.suffix == ".json":
        listed = _json(path)
        found = [_locomo(number, one) for number, one in enumerate(listed if isinstance(listed, list) else [listed], 1)]
    else:
        found = _lines(path)
    kept = [one.answerable() for one in found]
    if not any(one.questions for one in kept):
        raise ValueError(f"{path} has no question whose evidence is there; see `python -m bench retrieval --help`")
    return kept


def _json(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


def _locomo(number: int, fields: Mapping[str, Any]) -> QuestionSet:
    name = str(fields.get("sample_id", f"conversation {number}"))
    return QuestionSet(name, list(_turns(fields.get("conversation", fields))), list(_questions(fields.get("qa", ()))))


def _chat(name: str, fields: Any) -> QuestionSet:
    if not isinstance(fields, Mapping):
        return QuestionSet(name)
    return QuestionSet(name, list(_turns(fields)), list(_questions(fields.get("qa", ()))))


def _turns(conversation: Mapping[str, Any]) -> Iterator[Text]:
    sessions = [key for key, value in conversation.items() if _SESSION.fullmatch(key) and isinstance(value, list)]
    for key in sorted(sessions, key=lambda name: int(name.rpartition("_")[2])):
        began = _time(conversation.get(f"{key}_date_time"))
        for place, turn in enumerate(conversation[key]):
            said = turn.get("text") or turn.get("clean_text") or ""
            shown = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
            at = _time(turn.get("date_time")) or (began and began + timedelta(seconds=place))
            yield Text(str(turn["dia_id"]), f"{turn.get('speaker', '')}: {said}{shown}", at, key)


def _questions(listed: Sequence[Mapping[str, Any]]) -> Iterator[Question]:
    for one in listed:
        evidence = frozenset(turn for text in one.get("evidence") or () for turn in _TURN.findall(str(text)))
        category = one.get("category", "")
        yield Question(str(one["question"]), evidence, CATEGORIES.get(category, str(category)))


def _lines(path: Path) -> list[QuestionSet]:
    found: dict[str, QuestionSet] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            fields = orjson.loads(line)
            name = str(fields.get("namespace", _NAMESPACE))
            one = found.setdefault(name, QuestionSet(name))
            if "question" in fields:
                evidence = frozenset(map(str, fields["evidence"]))
                one.questions.append(Question(str(fields["question"]), evidence, str(fields.get("category", ""))))
            else:
                thread = None if fields.get("thread") is None else str(fields["thread"])
                one.memories.append(Text(str(fields["id"]), str(fields["text"]), thread=thread))
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"line {number} of {path} is neither a memory nor a question: {error}") from None
    return list(found.values())


def _time(written: object) -> datetime | None:
    for form in _TIMES:
        try:
            return datetime.strptime(str(written), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
