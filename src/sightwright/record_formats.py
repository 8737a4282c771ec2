"""Records as other programs write them: read into ours, and written back in their styles.

| style | told by | an image stands as |
|---|---|---|
| sightwright | `messages` of item lists | an item in its place |
| openai | `image_url` with an object, or contents that are plain strings | a part in its place |
| ms-swift | `messages` and `images` | `<image>` in the text |
| llava | `conversations`, `id`, one path in `image` | `<image>` and a line break |
| qwen-vl | `conversations`, and a list in `image` or no `id` | `<image>` and a line break |
| its first style | `conversations` of user and assistant | `Picture 1: <img>path</img>` |

A tag cannot be told from the same characters in a text. So a record whose text holds them is not
written in a style of tags, and where one is read nothing is guessed.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast, get_args

from sightwright import image_tags
from sightwright.errors import DataError
from sightwright.image_tags import Files
from sightwright.inspection_records import (
    InspectionRecord,
    is_inspection,
    read_inspection_record,
    write_inspection_record,
)
from sightwright.records import (
    ChatRecord,
    ImageRef,
    Item,
    Message,
    Role,
    Text,
    joined,
    read_chat_record,
    read_item,
    read_meta,
    write_chat_record,
)

Record = ChatRecord | InspectionRecord
"""A line of either kind: a conversation, or a photograph with its objects."""

RecordFormat = Literal["sightwright", "openai", "ms-swift", "llava", "qwen-vl"]
FORMATS: tuple[RecordFormat, ...] = get_args(RecordFormat)

_ROLE_OF: dict[str, Role] = {
    "system": "system",
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant"), "assistant"),
}
_BESIDE = ("id", "image", "images", "meta", "metadata")


def format_of(value: object) -> RecordFormat:
    """The style a JSON value is written in, by its keys.

    Raises:
        DataError: neither `messages` nor `conversations`.
    """
    if not isinstance(value, Mapping):
        raise DataError(f"a record is an object, not {type(value).__name__}")
    raw = cast("Mapping[str, Any]", value)
    if "conversations" in raw:
        one_file = "images" not in raw and isinstance(raw.get("image", ""), str)
        return "llava" if "id" in raw and one_file and not _has_files_inside(raw) else "qwen-vl"
    if "messages" not in raw:
        raise DataError(
            "neither 'messages' nor 'conversations': no record that is known here",
            remedy=f"write one of the styles {', '.join(FORMATS)}",
        )
    if "images" in raw or "image" in raw:
        return "ms-swift"
    return "openai" if any(map(_is_openais, _list(raw["messages"]))) else "sightwright"


def read_any_record(value: object) -> Record:
    """Read inspection data, or a conversation of any of the styles; the keys tell which.

    Raises:
        DataError: every breach of the contract.
    """
    return read_inspection_record(value) if is_inspection(value) else read_record(value)


def read_record(value: object) -> ChatRecord:
    """Read a conversation of any of the styles.

    Raises:
        DataError: every breach of the contract, or tags and images that do not match.
    """
    if not isinstance(value, Mapping):
        return read_chat_record(value)
    raw = cast("Mapping[str, Any]", value)
    if "conversations" in raw:
        return _read_conversations(raw)
    if "messages" in raw and ("images" in raw or "image" in raw):
        return _read_ms_swift(raw)
    record = read_chat_record(raw)
    _refuse_lost_images(_list(raw["messages"]))
    return record


def write_any_record(record: Record) -> dict[str, Any]:
    """The JSON value of a record of either kind, in our own style."""
    if isinstance(record, InspectionRecord):
        return write_inspection_record(record)
    return write_chat_record(record)


def write_record(record: ChatRecord, to: RecordFormat) -> dict[str, Any]:
    """The JSON value of a record in one of the styles; `meta` is written in ours alone.

    Raises:
        DataError: something the style cannot say, naming the record and a way out.
    """
    try:
        return _WRITERS[to](record)
    except DataError as error:
        where = f"record {record.id!r}"
        raise DataError(error.message, where=where, remedy=error.remedy) from None


def _read_ms_swift(raw: Mapping[str, Any]) -> ChatRecord:
    if raw.get("objects"):
        raise DataError(
            "an ms-swift record with 'objects', which a conversation has no place for",
            remedy="sightwright ingest annotations --format ms-swift makes photographs of them",
        )
    _refuse_keys(raw, ("messages", *_BESIDE), "an ms-swift record")
    files = Files.of(raw)

    def message(value: Mapping[str, Any]) -> Message:
        _refuse_keys(value, ("role", "content"), "a message")
        role, content = value.get("role"), value.get("content")
        if role not in ("system", "user", "assistant"):
            raise DataError(f"role {role!r} is none of {', '.join(get_args(Role))}")
        if not isinstance(content, str):
            parts = [_part(part, files) for part in _filled(content, "content")]
            return _checked(role, tuple(parts))
        image_tags.refuse_other_tags(content)
        return _checked(role, files.items(content, image_tags.ALONE))

    messages = _read_turns(raw["messages"], "messages", message)
    files.check()
    return ChatRecord(_id(raw), messages, read_meta(raw))


def _part(value: object, files: Files) -> Item:
    """An item of a list beside `images`: `{"type": "image"}` alone stands for the next of them."""
    if value == {"type": "image"}:
        return files.take()
    item = read_item(value)
    if isinstance(item, ImageRef) and files.references:
        raise DataError("an image in its place, and others in 'images': one way or the other")
    if isinstance(item, Text) and image_tags.has_tag(item.text):
        raise DataError(
            "a tag within a list of items", remedy="write the whole content as one string"
        )
    return item


def _read_conversations(raw: Mapping[str, Any]) -> ChatRecord:
    _refuse_keys(raw, ("conversations", *_BESIDE), "a record of conversations")
    files_inside = _has_files_inside(raw)
    files = Files([]) if files_inside else Files.of(raw)

    def message(value: Mapping[str, Any]) -> Message:
        _refuse_keys(value, ("from", "value"), "a turn")
        role, text = _ROLE_OF.get(str(value.get("from"))), value.get("value")
        if role is None:
            raise DataError(f"'from' is {value.get('from')!r}, none of {', '.join(_ROLE_OF)}")
        if not isinstance(text, str):
            raise DataError("'value' is a string")
        if files_inside:
            return _checked(role, image_tags.items_with_files(text))
        image_tags.refuse_other_tags(text)
        return _checked(role, files.items(text, image_tags.WITH_LINE_BREAK))

    messages = _read_turns(raw["conversations"], "conversations", message)
    files.check()
    return ChatRecord(_id(raw), messages, read_meta(raw))


def _read_turns(
    value: object, key: str, read: Callable[[Mapping[str, Any]], Message]
) -> tuple[Message, ...]:
    messages: list[Message] = []
    problems: list[DataError] = []
    for index, turn in enumerate(_filled(value, key)):
        try:
            if not isinstance(turn, Mapping):
                raise DataError("not an object")
            messages.append(read(cast("Mapping[str, Any]", turn)))
        except DataError as error:
            problems.append(DataError(f"{key}[{index}]: {error.message}", remedy=error.remedy))
    if not problems and not any(message.role == "user" for message in messages):
        problems.append(DataError("no user message"))
    if problems:
        raise joined(problems)
    return tuple(messages)


def _checked(role: Role, items: tuple[Item, ...]) -> Message:
    if role != "user" and any(isinstance(item, ImageRef) for item in items):
        raise DataError(f"an image in a message of the {role}; images belong to the user's")
    return Message(role, items)


def _has_files_inside(raw: Mapping[str, Any]) -> bool:
    """Qwen-VL's first style: speakers called user and assistant, files named in the text."""
    speakers = {
        str(cast("Mapping[str, object]", turn).get("from"))
        for turn in _list(raw["conversations"])
        if isinstance(turn, Mapping)
    }
    return not ({"image", "images"} & set(raw)) and bool(speakers & {"user", "assistant"})


def _refuse_lost_images(messages: list[object]) -> None:
    """`<image>` in a plain string, and no images: an ms-swift record that has lost them?"""
    for index, message in enumerate(messages):
        content = cast("Mapping[str, object]", message).get("content")
        if isinstance(content, str) and image_tags.IMAGE in content:
            raise DataError(
                f"messages[{index}]: {image_tags.IMAGE} in the text, and no 'images' beside it",
                remedy="give 'images'; if the characters are meant, write the content as a list "
                "of items",
            )


def _is_openais(message: object) -> bool:
    if not isinstance(message, Mapping):
        return False
    content = cast("Mapping[str, object]", message).get("content")
    return isinstance(content, str) or any(
        isinstance(item, Mapping)
        and isinstance(cast("Mapping[str, object]", item).get("image_url"), Mapping)
        for item in _list(content)
    )


def _id(raw: Mapping[str, Any]) -> str:
    value = raw.get("id", "")
    # LLaVA's own files number some of their records.
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"'id' is a string, not {type(value).__name__}")
    return str(value)


def _refuse_keys(raw: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    # `"videos": []`, or the nulls with which tables fill their columns, say nothing.
    unknown = sorted(key for key in set(raw) - set(known) if raw[key] not in (None, "", [], {}))
    if unknown:
        raise DataError(
            f"unknown keys {', '.join(unknown)}",
            remedy=f"{what} is read with {', '.join(known)}",
        )


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _filled(value: object, key: str) -> list[object]:
    if not _list(value):
        raise DataError(f"{key!r} is a non-empty list")
    return _list(value)


def _write_openai(record: ChatRecord) -> dict[str, Any]:
    messages = [
        {"role": message.role, "content": _openai_content(message.content)}
        for message in record.messages
    ]
    return {**_head(record), "messages": messages}


def _openai_content(content: tuple[Item, ...]) -> str | list[dict[str, Any]]:
    match content:
        # In a plain string a tag could be another program's; in a part it is text.
        case (Text(text),) if not image_tags.has_tag(text):
            return text
        case _:
            return [
                {"type": "text", "text": item.text}
                if isinstance(item, Text)
                else {"type": "image_url", "image_url": {"url": item.image}}
                for item in content
            ]


def _write_ms_swift(record: ChatRecord) -> dict[str, Any]:
    messages = [
        {
            "role": message.role,
            "content": image_tags.tagged_text(message, image_tags.IMAGE, "ms-swift"),
        }
        for message in record.messages
    ]
    return {**_head(record), "messages": messages, "images": list(record.images)}


def _write_llava(record: ChatRecord) -> dict[str, Any]:
    turns = _conversations(record, "llava")
    roles = [message.role for message in record.messages]
    if any(role != ("user", "assistant")[index % 2] for index, role in enumerate(roles)):
        raise DataError(
            f"llava's turns go human, gpt, human, gpt; these go {', '.join(roles)}",
            remedy="convert to openai or ms-swift",
        )
    images = list(record.images)
    held = {"image": images[0] if len(images) == 1 else images} if images else {}
    return {**_head(record), **held, "conversations": turns}


def _write_qwen_vl(record: ChatRecord) -> dict[str, Any]:
    turns = _conversations(record, "qwen-vl")
    return {**_head(record), "image": list(record.images), "conversations": turns}


def _conversations(record: ChatRecord, to: RecordFormat) -> list[dict[str, str]]:
    if any(message.role == "system" for message in record.messages):
        raise DataError(
            f"{to} has no system message: its readers drop it, or take it for an answer",
            remedy="convert to openai or ms-swift, or put its text into the user's first message",
        )
    return [
        {
            "from": "human" if message.role == "user" else "gpt",
            "value": image_tags.tagged_text(message, f"{image_tags.IMAGE}\n", to),
        }
        for message in record.messages
    ]


def _head(record: ChatRecord) -> dict[str, Any]:
    return {"id": record.id} if record.id else {}


_WRITERS: dict[RecordFormat, Callable[[ChatRecord], dict[str, Any]]] = {
    "sightwright": write_chat_record,
    "openai": _write_openai,
    "ms-swift": _write_ms_swift,
    "llava": _write_llava,
    "qwen-vl": _write_qwen_vl,
}
