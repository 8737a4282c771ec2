"""A good record recognised fast, so that only the others are looked at closely.

A yes means that the close look (`canonical.loads`, `read_record`, `DocumentSchema.conform`) would
find nothing either; a no only means "look closely". Lines are decoded straight into the types of
`records`. What such a decoder does not see is checked on the text: a key that stands twice, and
how numbers are spelled.
"""

import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec
from msgspec import UNSET

from sightwright import canonical
from sightwright.image_tags import IMAGE
from sightwright.ingest.double_keys import keys_are_unique, may_space_colons, num_keys_of
from sightwright.records import (
    AssistantLine,
    ImageLine,
    ImageUrlLine,
    ItemLine,
    OnlyTextLine,
    RecordLine,
    UserLine,
)
from sightwright.schema import DocumentSchema, Node

_WHOLE_FLOAT = re.compile(r"\.0+(?: |$)")
_MINUS_ZERO = re.compile(r"-0\.0*(?: |$)")
_REFUSALS = (msgspec.MsgspecError, ValueError, RecursionError)


class QuickCheck:
    """Decoders made once for all lines."""

    def __init__(self, schema: DocumentSchema | None) -> None:
        self._decode_record = msgspec.json.Decoder(RecordLine).decode
        self._decode_answer = msgspec.json.Decoder().decode
        self._encode = msgspec.json.Encoder().encode
        self._schema = None if schema is None else _AnswerSchema(schema)

    def read(self, data: bytes) -> tuple[str, list[str]] | None:
        """The id and the images of a line whose record and answer are good beyond doubt."""
        data = data.rstrip()
        try:
            record = self._decode_record(data)
            num_keys, images = _survey(record)
            answer = record.messages[-1]
            if num_keys is None or not images or not isinstance(answer, AssistantLine):
                return None
            # Written again it is the same, as our own writer spells it: nothing was thrown away.
            if data != self._encode(record) and not keys_are_unique(data, num_keys):
                canonical.loads(data)  # Raises if a key stands twice.
            # A file: URL is read as the path it names.
            if not self._is_good(_text_of(answer).encode()) or _has_file_url(images):
                return None
            return record.id, images
        except _REFUSALS:
            return None

    def _is_good(self, data: bytes) -> bool:
        answer = self._decode_answer(data)
        if not isinstance(answer, dict):
            return False
        written = self._encode(answer)
        if data != written and not _answer_keys_are_unique(data, written):
            canonical.loads(data)
        return self._schema is None or self._schema.accepts(cast("dict[str, Any]", answer), data)


class _AnswerSchema:
    """`DocumentSchema.conform` as a yes or no on labels as they are written."""

    def __init__(self, schema: DocumentSchema) -> None:
        import jsonschema_rs

        self._is_valid = jsonschema_rs.validator_for(_as_written(schema.root)).is_valid
        self._integers = _integers_below(schema.root)
        self._spellings: list[str] = []
        hook = self._spellings.append
        self._spell = msgspec.json.Decoder(float_hook=hook).decode

    def accepts(self, answer: dict[str, Any], data: bytes) -> bool:
        if not self._is_valid(answer):
            return False
        self._spellings.clear()
        self._spell(data)
        if not self._spellings:
            return True
        spellings = " ".join(self._spellings)
        if "e" in spellings or "E" in spellings:
            return False
        if "-0" in spellings and _MINUS_ZERO.search(spellings):
            return False
        # `3.0` is an integer to JSON Schema, and none to the decoder.
        if self._integers and ".0" in spellings and _WHOLE_FLOAT.search(spellings):
            return not _holds_float(self._integers, answer)
        return True


def _as_written(node: Node) -> dict[str, Any]:
    """The schema of labels before `conform`: a key that may be null may also be missing."""
    match node.kind:
        case "object":
            described = {key: _as_written(child) for key, child in node.properties.items()}
            required = [key for key, child in node.properties.items() if not child.nullable]
            return {**node.schema, "properties": described, "required": required}
        case "array":
            assert node.items is not None
            return {**node.schema, "items": _as_written(node.items)}
        case "scalar":
            return node.schema


class _Integers(dict[str, "_Integers | None"]):
    """Where a document holds integers: by key (None: here), `[]` for the rows of an array."""


def _integers_below(node: Node) -> _Integers:
    children = dict(node.properties)
    if node.items is not None:
        children["[]"] = node.items
    places = _Integers()
    for key, child in children.items():
        if child.kind == "scalar":
            types = child.schema["type"]
            if "integer" in types and "number" not in types:
                places[key] = None
        elif below := _integers_below(child):
            places[key] = below
    return places


def _holds_float(places: _Integers, value: object) -> bool:
    """Whether a value that is valid holds a float where an integer belongs."""
    for key, below in places.items():
        if isinstance(value, dict):
            held = [cast("dict[str, object]", value).get(key)]
        else:
            held = cast("list[object]", value or [])
        for child in held:
            if isinstance(child, float) if below is None else _holds_float(below, child):
                return True
    return False


def _answer_keys_are_unique(data: bytes, encoded: bytes) -> bool:
    """The same of an answer, given what it is once decoded and written again.

    With no escape that is written otherwise (`\\u…`), and no text that ends in a backslash, each
    text looks the same in both; so a key more shows as one more `":`.
    """
    if b"\\" not in data:
        return data.count(b'":') == encoded.count(b'":') and not may_space_colons(data)
    found = data.count(b'":') - data.count(b'\\":')
    kept = encoded.count(b'":') - encoded.count(b'\\":')
    is_plain = b"\\u" not in data and b'\\\\"' not in data
    return found == kept and is_plain and not may_space_colons(data)


def _survey(record: RecordLine) -> tuple[int | None, list[str]]:
    """How many keys the line has (None: look closely), and its images."""
    num_keys = 2 + 2 * len(record.messages)
    if record.meta is not UNSET or record.metadata is not UNSET:
        if record.meta is not UNSET and record.metadata is not UNSET:
            return None, []
        meta = record.metadata if record.meta is UNSET else record.meta
        num_keys += 1 + num_keys_of(meta)
    images: list[str] = []
    for message in record.messages:
        content = message.content
        if isinstance(content, str):
            if IMAGE in content:
                return None, []
            continue
        num_keys += 2 * len(content)
        # Only a user's message can hold one.
        if isinstance(message, UserLine):
            num_keys += _add_images(content, images)
    return num_keys, images


def _add_images(content: Iterable[ItemLine | OnlyTextLine], images: list[str]) -> int:
    """Add the images of a message; returns how many keys their addresses have."""
    num_keys = 0
    for item in content:
        if isinstance(item, ImageLine):
            images.append(item.image)
        elif isinstance(item, ImageUrlLine):
            address = item.image_url
            if isinstance(address, str):
                images.append(address)
            else:
                images.append(address.url)
                num_keys += 1 if address.detail is UNSET else 2
    return num_keys


def _text_of(message: AssistantLine) -> str:
    content = message.content
    return content if isinstance(content, str) else "".join(item.text for item in content)


def _has_file_url(images: list[str]) -> bool:
    return any(image.startswith("file:") for image in images)
