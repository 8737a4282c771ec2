"""The contracts: what one JSONL line may hold.

A *chat record* is a conversation with its images: `{"id", "messages": [{"role", "content": [...]}],
"meta"}`. Content items are `{"type": "text", "text": T}` and `{"type": "image", "image": V}`;
`image_url` items (a string or `{"url": …}`) are read too. V is a path relative to the JSONL's own
folder, an http(s) URL, or a data URL.

The `…Line` types are the same contract as data types: a decoder checks a line against them while
it parses it (`ingest.quick_check`), and the published JSON Schema is generated from them.
`read_chat_record` is the one that explains what is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast, get_args
from urllib.request import url2pathname

from msgspec import UNSET, Meta, Struct, UnsetType

from sightwright.errors import DataError

Role = Literal["system", "user", "assistant"]

_RECORD_KEYS = ("id", "messages", "meta", "metadata")
_WRITE_AN_IMAGE = 'write {"type": "image", "image": a path, an http(s) URL or a data URL}'
_WRITE_A_TEXT = 'write {"type": "text", "text": …}'
# How other programs spell an item; each would be read as no item at all somewhere.
_FOREIGN_ITEMS = {
    **dict.fromkeys(("input_image", "image_path", "img"), _WRITE_AN_IMAGE),
    **dict.fromkeys(("input_text", "output_text"), _WRITE_A_TEXT),
    **dict.fromkeys(("video", "video_url"), "give single frames as images"),
}

_FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(/[^/?#][^?#]*)")

_Filled = Annotated[str, Meta(min_length=1)]
_Where = Annotated[
    str,
    Meta(
        min_length=1,
        description="A path relative to the JSONL's own folder, an http(s) URL, or a data URL.",
    ),
]


class ImageLine(Struct, tag_field="type", tag="image", forbid_unknown_fields=True):
    """`{"type": "image", "image": V}`."""

    image: _Where


class ImageAddress(Struct, forbid_unknown_fields=True):
    """What OpenAI's style writes for an image; `detail` says nothing to us: the pixel policy of
    the model sizes its images."""

    url: _Where
    detail: Literal["auto", "low", "high"] | UnsetType = UNSET


class ImageUrlLine(Struct, tag_field="type", tag="image_url", forbid_unknown_fields=True):
    """`{"type": "image_url", "image_url": V or {"url": V}}`."""

    image_url: _Where | ImageAddress


class TextLine(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    """`{"type": "text", "text": T}`."""

    text: str


class OnlyTextLine(Struct, forbid_unknown_fields=True):
    """A text where nothing else may stand."""

    # A field: msgspec lets the tag of a type that stands alone be left out.
    type: Literal["text"]
    text: str


ItemLine = TextLine | ImageLine | ImageUrlLine
_Texts = Annotated[list[OnlyTextLine], Meta(min_length=1)]
_Items = Annotated[list[ItemLine], Meta(min_length=1)]


class SystemLine(Struct, tag_field="role", tag="system", forbid_unknown_fields=True):
    content: str | _Texts


class UserLine(Struct, tag_field="role", tag="user", forbid_unknown_fields=True):
    content: str | _Items


class AssistantLine(Struct, tag_field="role", tag="assistant", forbid_unknown_fields=True):
    """What the model is to say; the last text of an extraction record is JSON alone."""

    content: str | _Texts


MessageLine = SystemLine | UserLine | AssistantLine
_A_USERS = {
    "contains": {"type": "object", "properties": {"role": {"const": "user"}}, "required": ["role"]}
}


class RecordLine(Struct, forbid_unknown_fields=True):
    """One line of an extraction data set: page images, an instruction, the gold JSON."""

    id: Annotated[_Filled, Meta(description="Unique across the data set.")]
    messages: Annotated[list[MessageLine], Meta(min_length=2, extra_json_schema=_A_USERS)]
    meta: dict[str, Any] | UnsetType | None = UNSET
    metadata: Annotated[
        dict[str, Any] | UnsetType | None, Meta(description="Another name of 'meta'.")
    ] = UNSET


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class ImageRef:
    """An image by reference: a path, an http(s) URL or a data URL, nothing opened yet."""

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
    problems: list[DataError] = []
    if unknown := sorted(set(raw) - set(_RECORD_KEYS)):
        known = ", ".join(_RECORD_KEYS)
        problems.append(DataError(f"unknown keys {', '.join(unknown)} (known: {known})"))
    record_id = raw.get("id", "")
    if not isinstance(record_id, str):
        problems.append(DataError(f"'id' is a string, not {type(record_id).__name__}"))
    try:
        meta = read_meta(raw)
    except DataError as error:
        problems.append(error)
        meta = {}
    messages = _messages(raw.get("messages"), problems)
    if problems:
        raise joined(problems)
    return ChatRecord(record_id, messages, meta)


def read_meta(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of itself under `meta`, or under `metadata`.

    Raises:
        DataError: both, or no object.
    """
    if "meta" in raw and "metadata" in raw:
        raise DataError("both 'meta' and 'metadata'; they are one", remedy="keep 'meta'")
    meta = raw.get("meta", raw.get("metadata"))
    if meta is not None and not isinstance(meta, Mapping):
        raise DataError(f"'meta' is an object, not {type(meta).__name__}")
    return dict(cast("Mapping[str, Any]", meta or {}))


def joined(problems: list[DataError]) -> DataError:
    """Several breaches of one record as one error, each remedy said once."""
    remedies = dict.fromkeys(problem.remedy for problem in problems if problem.remedy)
    return DataError(
        "; ".join(problem.message for problem in problems), remedy="; ".join(remedies) or None
    )


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


def _messages(value: object, problems: list[DataError]) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        problems.append(DataError("'messages' is a non-empty list"))
        return ()
    entries = cast("list[object]", value)
    messages: list[Message] = []
    for index, raw in enumerate(entries):
        try:
            messages.append(read_message(raw))
        except DataError as error:
            place = f"messages[{index}]"
            problems.append(DataError(f"{place}: {error.message}", remedy=error.remedy))
    # One that could not be read may be the user's.
    if len(messages) == len(entries) and not any(m.role == "user" for m in messages):
        problems.append(DataError("no user message"))
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
            items.append(read_item(item))
        except DataError as error:
            where = f"content[{index}]"
            raise DataError(f"{where}: {error.message}", remedy=error.remedy) from None
    if role != "user" and any(isinstance(item, ImageRef) for item in items):
        raise DataError(f"an image in a message of the {role}; images belong to the user's")
    return Message(role, tuple(items))


def read_item(value: object) -> Item:
    """Check one content item.

    Raises:
        DataError: the first breach.
    """
    if not isinstance(value, Mapping):
        raise DataError("an item is an object with 'type'", remedy=_WRITE_A_TEXT)
    raw = cast("Mapping[str, Any]", value)
    kind = raw.get("type")
    if kind not in ("text", "image", "image_url"):
        likely = _WRITE_AN_IMAGE if "image" in raw else _WRITE_A_TEXT
        remedy = _FOREIGN_ITEMS.get(kind, likely) if isinstance(kind, str) else likely
        raise DataError(f"item type {kind!r} is none of text, image, image_url", remedy=remedy)
    if set(raw) != {"type", kind}:
        # {"type": "image", "url": …} reads as "no image" elsewhere and trains on text alone.
        raise DataError(
            f"an item of type {kind!r} has exactly the keys 'type' and {kind!r}, "
            f"not {', '.join(sorted(raw))}",
            remedy=_WRITE_A_TEXT if kind == "text" else _WRITE_AN_IMAGE,
        )
    content = _address(raw[kind]) if kind == "image_url" else raw[kind]
    if not isinstance(content, str) or (kind != "text" and not content):
        held = "text" if kind == "text" else "a path, an http(s) URL or a data URL"
        raise DataError(f"{kind!r} holds {held}")
    return Text(content) if kind == "text" else ImageRef(local_path(content))


def local_path(reference: str) -> str:
    """An image reference with `file:///pages/a%20b.png` written as the path it is.

    Raises:
        DataError: a file of another machine.
    """
    if not reference.startswith("file:"):
        return reference
    match = _FILE_URL.fullmatch(reference)
    if match is None:
        raise DataError(
            f"{reference[:200]!r} names no file of this machine", remedy="write the path itself"
        )
    return url2pathname(match[1])


def _address(value: object) -> object:
    """The URL of `{"url": …, "detail": …}`, or what stands in its place."""
    if not isinstance(value, Mapping):
        return value
    raw = cast("Mapping[str, object]", value)
    if unknown := sorted(set(raw) - {"url", "detail"}):
        raise DataError(f"'image_url' has the keys url and detail, not {', '.join(unknown)}")
    if raw.get("detail", "auto") not in ("auto", "low", "high"):
        raise DataError(f"'detail' is none of auto, low, high: {raw['detail']!r}")
    return raw.get("url")
