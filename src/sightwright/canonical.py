"""The one JSON writer: labels, grammars, rewards and metrics all see the same characters.

Keys stay in the order given, numbers stay as they were written in the label (`34.70` is not
`34.7`), and nothing is escaped that JSON does not require.
"""

import json
import math
import os
import secrets
from pathlib import Path
from typing import Any, Literal, cast

Style = Literal["compact", "spaced"]

_SEPARATORS: dict[Style, tuple[str, str]] = {"compact": (",", ":"), "spaced": (", ", ": ")}


class Number(float):
    """A JSON number that remembers its spelling: equal to its float, written as it was read."""

    spelling: str

    def __new__(cls, spelling: str) -> "Number":
        number = super().__new__(cls, spelling)
        number.spelling = spelling
        return number

    def __reduce__(self) -> tuple[type["Number"], tuple[str]]:
        return Number, (self.spelling,)


class DuplicateKeyError(ValueError):
    """A JSON object names the same key twice."""


def loads(text: str | bytes) -> Any:
    """Parse strict JSON: spellings of decimals kept; repeated keys, NaN and Infinity refused.

    Raises:
        ValueError: not JSON (`json.JSONDecodeError`), a repeated key, NaN/Infinity, nested too
            deep to be read, or half of a surrogate pair, which is no character and could not be
            written again.
    """
    if isinstance(text, bytes):
        # As `json.loads` does, but strictly: bytes that spell half a pair are no text.
        text = text.decode(json.detect_encoding(text))
    try:
        value = json.loads(
            text,
            parse_float=Number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_without_repeats,
        )
        # Only an escape can bring half a pair into a text.
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def dumps(value: Any, style: Style = "compact") -> str:
    """Write `value` as one line of JSON.

    >>> dumps({"total": Number("34.70"), "note": None})
    '{"total":34.70,"note":null}'
    """
    comma, colon = _SEPARATORS[style]
    return _write(value, comma, colon)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON for people, atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically: readers see the old content or the new one, never a part."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically and durably: a temporary beside it, flushed, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise DuplicateKeyError(f"the key {key!r} stands twice in one object")
        result[key] = value
    return result


def _write(value: Any, comma: str, colon: str) -> str:
    match value:
        case dict():
            members = cast("dict[str, Any]", value).items()
            return "{" + comma.join(_member(k, v, comma, colon) for k, v in members) + "}"
        case list() | tuple():
            return "[" + comma.join(_write(v, comma, colon) for v in cast("list[Any]", value)) + "]"
        case Number():
            return value.spelling
        case float() if not math.isfinite(value):
            raise ValueError(f"{value} cannot be written as JSON")
        case str():
            return _text(value)
        case _:
            return json.dumps(value)


def _member(key: str, value: Any, comma: str, colon: str) -> str:
    return f"{_text(key)}{colon}{_write(value, comma, colon)}"


def _text(text: str) -> str:
    # The grammar of the decoder takes DEL as a control character; JSON allows it either way.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
