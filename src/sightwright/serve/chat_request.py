"""An OpenAI chat request, read strictly: what we would not honour is refused, never swallowed."""

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sightwright.errors import DataError, RefusedError
from sightwright.records import ImageRef, Item, Message, Text, read_message
from sightwright.serve.bodies import refuse_unknown, whole_number
from sightwright.serve.response_format import requested_schema
from sightwright.serve.service import Service

_HONOURED = (
    *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "seed"),
    *("response_format", "user", "stream", "stream_options", "logprobs"),
)
# Known fields that this version cannot act on: what they may hold is what changes nothing.
_NEUTRAL: dict[str, object] = {
    "n": 1,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "top_logprobs": 0,
    "logit_bias": {},
    "stop": [],
    "tools": [],
    "store": False,
}
_MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Attached:
    """A file of a message, by its place among the messages' items."""

    url: str
    place: str


@dataclass(frozen=True)
class ChatRequest:
    """What is asked, the files of the messages not yet opened.

    Attributes:
        messages: each file stands in its place as an `ImageRef` with a data URL.
        files: those data URLs, in order, with their places for messages.
        stream: whether the answer is sent as it grows; `stream_usage`, with its tokens counted at
            the end.
        logprobs: whether each token's probability is told.
    """

    messages: tuple[Message, ...]
    files: tuple[Attached, ...]
    json_schema: dict[str, Any] | None
    max_tokens: int
    temperature: float
    seed: int
    stream: bool
    stream_usage: bool
    logprobs: bool


def read_chat_request(body: Mapping[str, Any], service: Service) -> ChatRequest:
    """Check a request.

    Raises:
        RefusedError: 400 with the field's name; 404 another model.
        SchemaError: a schema that cannot be honoured.
    """
    refuse_unknown(body, (*_HONOURED, *_NEUTRAL), "the body")
    if refused := [name for name, neutral in _NEUTRAL.items() if not _changes_nothing(body, name)]:
        allowed = ", ".join(f"{name} may only be {_NEUTRAL[name]!r}" for name in refused)
        raise RefusedError(f"not supported by this version: {allowed}", status=400)
    if body.get("model") != service.engine.name:
        raise RefusedError(
            f"the model {body.get('model')!r} is not served here",
            status=404,
            remedy=f"this server has {service.engine.name!r}",
        )
    messages, files = _messages(body.get("messages"))
    return ChatRequest(
        messages=messages,
        files=files,
        json_schema=requested_schema(body.get("response_format"), service.task),
        max_tokens=_max_tokens(body, service),
        temperature=_temperature(body.get("temperature")),
        seed=_seed(body.get("seed")),
        stream=_flag(body, "stream"),
        stream_usage=_wants_usage(body),
        logprobs=_flag(body, "logprobs"),
    )


def _changes_nothing(body: Mapping[str, Any], name: str) -> bool:
    value, neutral = body.get(name), _NEUTRAL[name]
    same_kind = isinstance(value, bool) == isinstance(neutral, bool)
    return value is None or (same_kind and value == neutral)


def _max_tokens(body: Mapping[str, Any], service: Service) -> int:
    names = ("max_completion_tokens", "max_tokens")
    given = {name: body[name] for name in names if body.get(name) is not None}
    limit = service.limits.max_output_tokens
    for name, value in given.items():
        whole_number(value, name, low=1, high=limit)
    if len(set(given.values())) > 1:
        raise RefusedError("max_tokens and max_completion_tokens differ", status=400)
    return next(iter(given.values()), service.output_tokens)


def _temperature(value: object) -> float:
    # Not OpenAI's 1: a document has one reading.
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedError(f"temperature: {value!r} is no number", status=400)
    if not (math.isfinite(value) and 0 <= value <= 2):
        raise RefusedError(f"temperature: {value!r} is not in 0..2", status=400)
    return float(value)


def _seed(value: object) -> int:
    if value is None:
        return secrets.randbelow(_MAX_SEED)
    return whole_number(value, "seed", low=-_MAX_SEED, high=_MAX_SEED)


def _flag(body: Mapping[str, Any], name: str, place: str = "") -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RefusedError(f"{place}{name}: {value!r} is neither true nor false", status=400)
    return bool(value)


def _wants_usage(body: Mapping[str, Any]) -> bool:
    value = body.get("stream_options")
    if value is None:
        return False
    if not isinstance(value, Mapping):
        raise RefusedError("'stream_options' is an object", status=400)
    if not body.get("stream"):
        raise RefusedError("stream_options: only with stream: true", status=400)
    options = cast("Mapping[str, Any]", value)
    refuse_unknown(options, ("include_usage", "include_obfuscation"), "stream_options")
    if _flag(options, "include_obfuscation", "stream_options."):
        raise RefusedError("stream_options.include_obfuscation may only be False", status=400)
    return _flag(options, "include_usage", "stream_options.")


def _messages(value: object) -> tuple[tuple[Message, ...], tuple[Attached, ...]]:
    if not isinstance(value, list) or not value:
        raise RefusedError("'messages' is a non-empty list", status=400)
    messages: list[Message] = []
    files: list[Attached] = []
    for index, raw in enumerate(cast("list[object]", value)):
        message, attached = _message(raw, f"messages[{index}]")
        messages.append(message)
        files += attached
    if messages[-1].role != "user":
        raise RefusedError(
            f"the last message is the {messages[-1].role}'s; the user's is expected", status=400
        )
    return tuple(messages), tuple(files)


def _message(value: object, place: str) -> tuple[Message, list[Attached]]:
    if not isinstance(value, Mapping):
        raise RefusedError(f"{place}: not an object", status=400)
    raw = dict(cast("Mapping[str, Any]", value))
    content = raw.get("content")
    files: list[Attached] = []
    if isinstance(content, list):
        parts = cast("list[object]", content)
        items = [_item(part, f"{place}.content[{i}]", files) for i, part in enumerate(parts)]
        raw["content"] = [_plain(item) for item in items]
    try:
        return read_message(raw), files
    except DataError as error:
        raise RefusedError(f"{place}: {error.message}", status=400) from None


def _item(value: object, place: str, files: list[Attached]) -> Item:
    if not isinstance(value, Mapping):
        raise RefusedError(f"{place}: not an object", status=400)
    part = cast("Mapping[str, Any]", value)
    kind: object = part.get("type")
    if kind not in ("text", "image_url", "file"):
        raise RefusedError(f"{place}: type {kind!r} is none of text, image_url, file", status=400)
    refuse_unknown(part, ("type", str(kind)), place)
    held: object = part.get(str(kind))
    if kind == "text":
        if not isinstance(held, str):
            raise RefusedError(f"{place}.text is a string", status=400)
        return Text(held)
    url = _image_address(held, place) if kind == "image_url" else _file_address(held, place)
    files.append(Attached(url, place))
    return ImageRef(url)


def _image_address(held: object, place: str) -> str:
    image = cast("Mapping[str, object]", held) if isinstance(held, Mapping) else {}
    refuse_unknown(image, ("url", "detail"), f"{place}.image_url")
    if image.get("detail") not in (None, "auto"):
        raise RefusedError(
            f"{place}.image_url.detail: only 'auto'; the model's pixel policy sizes its images",
            status=400,
        )
    return _address(image.get("url"), f"{place}.image_url.url")


def _file_address(held: object, place: str) -> str:
    file = cast("Mapping[str, object]", held) if isinstance(held, Mapping) else {}
    refuse_unknown(file, ("file_data", "filename"), f"{place}.file")
    return _address(file.get("file_data"), f"{place}.file.file_data")


def _address(value: object, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise RefusedError(f"{place} is a data URL", status=400)
    return value


def _plain(item: Item) -> dict[str, str]:
    match item:
        case Text(text):
            return {"type": "text", "text": text}
        case ImageRef(image):
            return {"type": "image_url", "image_url": image}


def with_pages(messages: Sequence[Message], num_pages: Sequence[int]) -> tuple[Message, ...]:
    """The messages with one reference for each page: the i-th file has `num_pages[i]`."""
    counts = iter(num_pages)
    return tuple(
        Message(
            message.role, tuple(part for item in message.content for part in _pages(item, counts))
        )
        for message in messages
    )


def _pages(item: Item, counts: Iterator[int]) -> list[Item]:
    if isinstance(item, Text):
        return [item]
    return [ImageRef("page")] * next(counts)
