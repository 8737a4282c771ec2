"""The contracts: what one JSONL line may hold.

A *chat record* is a conversation with its images: `{"id", "messages": [{"role", "content": [...]}],
"meta"}`. Content items are `{"type": "text", "text": T}` and `{"type": "image", "image": V}`;
`image_url` items (a string or `{"url": …}`) are read too. V is a path relative to the JSONL's own
folder, or a data URL.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from sightwright.errors import DataError

Role = Literal["system", "user", "assistant"]

_RECORD_KEYS = {"id", "messages", "meta", "metadata"}


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class ImageRef:
    """An image by reference: a path or a data URL, nothing opened yet."""

    image: str


Item = Text | ImageRef


@dataclass(frozen=True)
class Message:
    role: Role
    content: tuple[Item, ...]

    @property
    def text(self) -> str:
        """The text items, joined without a separator, as the chat template joins them."""
        return "".join(item.text for item in self.content if isinstance(item, Text))

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(item.image for item in self.content if isinstance(item, ImageRef))


@dataclass(frozen=True)
class ChatRecord:
    """One conversation. `id` is "" where the file gives none; extraction demands one."""

    id: str
    messages: tuple[Message, ...]
    meta: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(image for message in self.messages for image in message.images)


def read_chat_record(value: object) -> ChatRecord:
    """Check one JSON value against the chat contract.

    Raises:
        DataError: every breach in one message; the caller adds file and line.
    """
    if not isinstance(value, Mapping):
        raise DataError(f"a record is an object, not {type(value).__name__}")
    raw = cast("Mapping[str, Any]", value)
    problems: list[str] = []
    if unknown := sorted(set(raw) - _RECORD_KEYS):
        problems.append(f"unknown keys {', '.join(unknown)} (known: {', '.join(_RECORD_KEYS)})")
    record_id = raw.get("id", "")
    if not isinstance(record_id, str):
        problems.append(f"'id' is a string, not {type(record_id).__name__}")
    meta: object = raw.get("meta", raw.get("metadata")) or {}
    if not isinstance(meta, Mapping):
        problems.append("'meta' is an object")
    messages = _messages(raw.get("messages"), problems)
    if problems:
        raise DataError("; ".join(problems))
    return ChatRecord(record_id, messages, dict(cast("Mapping[str, Any]", meta)))


def write_chat_record(record: ChatRecord) -> dict[str, Any]:
    """The JSON value of a record, in the preferred spelling."""
    value: dict[str, Any] = {"id": record.id} if record.id else {}
    value["messages"] = [
        {"role": message.role, "content": [_write_item(item) for item in message.content]}
        for message in record.messages
    ]
    if record.meta:
        value["meta"] = record.meta
    return value


def _write_item(item: Item) -> dict[str, str]:
    match item:
        case Text(text):
            return {"type": "text", "text": text}
        case ImageRef(image):
            return {"type": "image", "image": image}


def _messages(value: object, problems: list[str]) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        problems.append("'messages' is a non-empty list")
        return ()
    messages: list[Message] = []
    for index, raw in enumerate(cast("list[object]", value)):
        place = f"messages[{index}]"
        try:
            messages.append(read_message(raw))
        except DataError as error:
            problems.append(f"{place}: {error.message}")
    if messages and not any(m.role == "user" for m in messages):
        problems.append("no user message")
    return tuple(messages)


def read_message(value: object) -> Message:
    """Check one `{role, content}`; content is a string or a list of items.

    Raises:
        DataError: the first breach.
    """
    if not isinstance(value, Mapping):
        raise DataError("a message is an object with 'role' and 'content'")
    raw = cast("Mapping[str, Any]", value)
    if unknown := sorted(set(raw) - {"role", "content"}):
        raise DataError(f"unknown keys {', '.join(unknown)}")
    role, content = raw.get("role"), raw.get("content")
    if role not in ("system", "user", "assistant"):
        raise DataError(f"role {role!r} is none of {', '.join(get_args(Role))}")
    if isinstance(content, str):
        return Message(role, (Text(content),))
    if not isinstance(content, list) or not content:
        raise DataError("'content' is a string or a non-empty list of items")
    items: list[Item] = []
    for index, item in enumerate(cast("list[object]", content)):
        try:
            items.append(_read_item(item))
        except DataError as error:
            where = f"content[{index}]"
            raise DataError(f"{where}: {error.message}", remedy=error.remedy) from None
    if role != "user" and any(isinstance(item, ImageRef) for item in items):
        raise DataError(f"an image in a message of the {role}; images belong to the user's")
    return Message(role, tuple(items))


def _read_item(value: object) -> Item:
    if not isinstance(value, Mapping):
        raise DataError("an item is an object with 'type'")
    raw = cast("Mapping[str, Any]", value)
    kind = raw.get("type")
    if kind not in ("text", "image", "image_url"):
        raise DataError(f"item type {kind!r} is none of text, image, image_url")
    if set(raw) != {"type", kind}:
        # {"type": "image", "url": …} reads as "no image" elsewhere and trains on text alone.
        raise DataError(
            f"an item of type {kind!r} has exactly the keys 'type' and {kind!r}, "
            f"not {', '.join(sorted(raw))}"
        )
    content = raw[kind]
    if kind == "image_url" and isinstance(content, Mapping):
        content = cast("Mapping[str, Any]", content).get("url")
    if not isinstance(content, str) or (kind != "text" and not content):
        raise DataError(f"{kind!r} holds {'text' if kind == 'text' else 'a path or a data URL'}")
    return Text(content) if kind == "text" else ImageRef(content)
