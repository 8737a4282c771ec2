"""What each token of an answer writes: a description, a coordinate of some shape, or the format.

    {"object_1": {"desc": "类别=标签", "bbox_2d": [138, 133, 170, 186]}}
     ^^^^^^^^^^^^^^^^^^^^^ format       ^^^ desc            ^^^  ^^^ bbox

The target itself is read, whatever its header, its nesting and its spaces are. Of an answer that is
other JSON, every value counts as a description; one that is no JSON has no kinds.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import IntEnum

from sightwright.geometry import KINDS


class TokenKind(IntEnum):
    """Kinds of tokens, as numbers that a batch can hold."""

    NONE = 0
    DESC = 1
    BBOX = 2
    POLY = 3
    LINE = 4
    FORMAT = 5


COORDINATES = (TokenKind.BBOX, TokenKind.POLY, TokenKind.LINE)

_OF_LIST: dict[str, TokenKind] = dict(zip(KINDS, COORDINATES, strict=True))
# They repeat what the list says.
_COUNTS = ("line_points", "poly_points")
_PIECE = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|"(?P<text>(?:[^"\\]|\\.)*)"'
    r"|(?P<value>-?\d[\d.eE+-]*|true|false|null)|(?P<open>[{\[])|(?P<close>[}\]])"
)


def kinds_of_tokens(tokens: Sequence[bytes]) -> list[TokenKind]:
    """The kind of each token of one answer: that of most of its bytes, the content's in a tie.

    Args:
        tokens: what each writes, in order; a control token writes nothing and is format.
    """
    # A character of three bytes may be spread over two tokens, hence the kinds of bytes.
    kinds = kinds_of_bytes(b"".join(tokens).decode("utf-8"))
    if not kinds:
        return [TokenKind.NONE] * len(tokens)
    found: list[TokenKind] = []
    start = 0
    for token in tokens:
        found.append(_commonest(kinds[start : start + len(token)]))
        start += len(token)
    return found


def kinds_of_bytes(text: str) -> list[TokenKind]:
    """The kind of each byte of an answer in UTF-8; empty for one that is no JSON."""
    start = _json_start(text)
    if start is None:
        return []
    kinds: list[TokenKind] = []
    end = 0
    for begin, stop, kind in _spans(text, start):
        kinds += [TokenKind.FORMAT] * len(text[end:begin].encode())
        kinds += [kind] * len(text[begin:stop].encode())
        end = stop
    return kinds + [TokenKind.FORMAT] * len(text[end:].encode())


def _json_start(text: str) -> int | None:
    """Where the object or list begins: at once, or below a header line."""
    for start in (0, text.find("\n") + 1):
        if text[start:].lstrip()[:1] in ("{", "["):
            try:
                json.loads(text[start:])
            except ValueError:
                continue
            return start
    return None


def _spans(text: str, start: int) -> Iterator[tuple[int, int, TokenKind]]:
    """Begin, end and kind of what is not format, of text that is JSON from `start` on."""
    # What is open, outermost first: the key that it stands under (in an object that changes with
    # every key), and whether it is a list.
    under = [("", False)]
    for piece in _PIECE.finditer(text, start):
        key, in_list = under[-1]
        match piece.lastgroup:
            case "open":
                under.append((key, piece[0] == "["))
            case "close":
                under.pop()
            case "key":
                under[-1] = (piece["key"][1:-1], in_list)
            case "value" if in_list and key in _OF_LIST:
                yield *piece.span("value"), _OF_LIST[key]
            case "value" if key in _COUNTS:
                pass
            case group:
                yield *piece.span(group or 0), TokenKind.DESC


def _commonest(kinds: Sequence[TokenKind]) -> TokenKind:
    counts = Counter(kinds)
    return max(
        counts, key=lambda kind: (counts[kind], kind is not TokenKind.FORMAT),
        default=TokenKind.FORMAT,
    )  # fmt: skip
