"""Conversations of Claude: `conversations.json` of claude.ai's export of an account's data.

A list of {uuid, name, created_at, chat_messages: [{uuid, sender, text, content, created_at}]}, times in ISO 8601.
`sender` is human or assistant. `content` is a list of blocks, of which those with `type` text have `text`; older
exports have `text` alone. `attachments` have `extracted_content`, which is a document's and no part of what was said.
The shape is that of exports of 2024 to 2026, which the vendor does not document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memmux.transfer.formats.base import Line, Skips, moment
from memmux.transfer.formats.conversation import Conversation, Turn

NAME = "claude"
LABEL = "conversations of Claude"
_HOME = "https://claude.ai/chat"
_ROLES = {"human": "user", "assistant": "assistant"}
_UNSHAPED = "no conversation: it has no uuid, or no list of messages"
_MESSAGE = "a message without a uuid or a sender"


def is_one(element: object) -> bool:
    """Return whether an element of a list is a conversation of Claude."""
    return isinstance(element, Mapping) and "chat_messages" in element


def lines(element: Any, namespace: str, skips: Skips) -> Iterator[Line]:
    """Yield the turns of a conversation as memories."""
    messages = element.get("chat_messages")
    if not _is_id(element.get("uuid")) or not isinstance(messages, list):
        skips.add(_UNSHAPED, element.get("name"))
        return
    began = moment(element.get("created_at"))
    title = element.get("name")
    turns = _turns(messages, 0.0 if began is None else began, skips)
    told = title if isinstance(title, str) else ""
    yield from Conversation(_HOME, NAME, element["uuid"], told, turns).lines(namespace, skips)


def _turns(messages: list[Any], at: float, skips: Skips) -> Iterator[Turn]:
    for message in messages:
        sender = message.get("sender") if isinstance(message, Mapping) else None
        if not isinstance(sender, str) or sender not in _ROLES or not _is_id(message.get("uuid")):
            skips.add(_MESSAGE)
            continue
        said = moment(message.get("created_at"))
        at = at if said is None else said
        yield Turn(message["uuid"], _ROLES[sender], _text(message), at)


def _text(message: Mapping[str, Any]) -> str:
    """Return what was said: the blocks of text, or the text of a message that has no blocks."""
    blocks = message.get("content")
    said = [
        block["text"]
        for block in (blocks if isinstance(blocks, list) else ())
        if isinstance(block, Mapping) and block.get("type") == "text" and isinstance(block.get("text"), str)
    ]
    whole = message.get("text")
    return "\n\n".join(said) if any(text.strip() for text in said) else whole if isinstance(whole, str) else ""


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
