"""Conversations of ChatGPT: `conversations.json` of its export of an account's data.

A list of {id or conversation_id, title, create_time, current_node, mapping}, times in seconds since 1970. `mapping` is
a tree: {node: {message, parent, children}}; each answer that was asked for anew begins another branch, and the way from
`current_node` up by `parent` is the conversation as it was last seen. A message has author.role (system, user,
assistant, tool), create_time, and content: {content_type, parts}, whose parts are texts, or objects for pictures. The
shape is that of exports of 2023 to 2026, which the vendor does not document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memmux.transfer.formats.base import Line, Skips, moment
from memmux.transfer.formats.conversation import Conversation, Turn

NAME = "chatgpt"
LABEL = "conversations of ChatGPT"
_HOME = "https://chatgpt.com/c"
_ROLES = ("user", "assistant")
_SPOKEN = ("text", "multimodal_text", "code")  # the others are what tools and the model say to themselves
_UNSHAPED = "no conversation: it has no id, or no mapping of messages"
_CIRCLE = "a conversation whose messages go round in a circle"
_NOT_SAID = "messages of tools and of the system"


def is_one(element: object) -> bool:
    """Return whether an element of a list is a conversation of ChatGPT."""
    return isinstance(element, Mapping) and "mapping" in element


def lines(element: Any, namespace: str, skips: Skips) -> Iterator[Line]:
    """Yield the turns of a conversation as memories, from the first to the last that was seen."""
    mapping, title = element.get("mapping"), element.get("title")
    name = element.get("conversation_id") or element.get("id")
    if not isinstance(name, str) or not name.strip() or not isinstance(mapping, Mapping):
        skips.add(_UNSHAPED, title)
        return
    way = _way(mapping, element.get("current_node"))
    if way is None:
        skips.add(_CIRCLE, title)
        return
    seen = set(way)
    others = [node for key, node in mapping.items() if key not in seen and _spoken(_message(node))]
    skips.add("answers that were replaced", count=len(others))
    began = moment(element.get("create_time"))
    turns = _turns(mapping, way, 0.0 if began is None else began, skips)
    told = title if isinstance(title, str) else ""
    yield from Conversation(_HOME, NAME, name, told, turns).lines(namespace, skips)


def _way(mapping: Mapping[str, Any], current: object) -> list[str] | None:
    """Return the nodes from the root to the current one; None if they go round in a circle."""
    key = current if isinstance(current, str) and current in mapping else _newest_leaf(mapping)
    way: dict[str, None] = {}
    while isinstance(key, str) and key in mapping:
        if key in way:
            return None
        way[key] = None
        node = mapping[key]
        key = node.get("parent") if isinstance(node, Mapping) else None
    return list(way)[::-1]


def _newest_leaf(mapping: Mapping[str, Any]) -> str | None:
    """Return the node that no other one follows and that is the newest; None if there is none."""
    parents = {node.get("parent") for node in mapping.values() if isinstance(node, Mapping) and _is_key(node)}
    leaves = [key for key in mapping if key not in parents]
    return max(leaves, key=lambda key: moment(_message(mapping[key]).get("create_time")) or 0.0, default=None)


def _is_key(node: Mapping[str, Any]) -> bool:
    return isinstance(node.get("parent"), str)


def _turns(mapping: Mapping[str, Any], way: list[str], at: float, skips: Skips) -> Iterator[Turn]:
    for key in way:
        message = _message(mapping[key])
        if not message:
            continue  # the root has none
        if not _spoken(message):
            skips.add(_NOT_SAID)
            continue
        said = moment(message.get("create_time"))
        at = at if said is None else said
        yield Turn(key, str(message["author"]["role"]), _text(message), at)


def _message(node: object) -> Mapping[str, Any]:
    """Return the message of a node; an empty one if it has none."""
    message = node.get("message") if isinstance(node, Mapping) else None
    return message if isinstance(message, Mapping) else {}


def _spoken(message: Mapping[str, Any]) -> bool:
    """Return whether a message is what somebody said to the other."""
    author, content, more = (message.get(name) for name in ("author", "content", "metadata"))
    hidden = isinstance(more, Mapping) and more.get("is_visually_hidden_from_conversation") is True
    role = author.get("role") if isinstance(author, Mapping) else None
    kind = content.get("content_type", "text") if isinstance(content, Mapping) else None
    return not hidden and isinstance(role, str) and role in _ROLES and isinstance(kind, str) and kind in _SPOKEN


def _text(message: Mapping[str, Any]) -> str:
    content = message["content"]
    parts = content.get("parts")
    said = [part for part in (parts if isinstance(parts, list) else ()) if isinstance(part, str)]
    whole = content.get("text")
    return "\n\n".join(said) if said else whole if isinstance(whole, str) else ""
