"""Token ids as a person reads them: text in pieces of a token each, image pads as one count."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sightwright.chat import ChatTokenizer
from sightwright.data.encode import Encoded

Kind = Literal["text", "control", "image", "bytes"]

# The longest character is four bytes; a token more than that is no character's part.
_MOST_BYTES_HELD = 4
_SIGNS = {"\n": "↵\n", "\r": "␍", "\t": "→\t", "\x7f": "␡"}


@dataclass(frozen=True)
class Piece:
    """One token, or some that only together are something to see.

    Attributes:
        text: to be shown; white space and invisible characters made visible.
        kind: control tokens by their names; `bytes` is no whole character, in hexadecimal.
        learnt: whether the loss falls on it.
        ids: its tokens; all the pads of an image together.
    """

    text: str
    kind: Kind
    learnt: bool
    ids: tuple[int, ...]


def pieces_of(encoded: Encoded, tokenizer: ChatTokenizer) -> Iterator[Piece]:
    """The conversation from its first token to its last."""
    written = tokenizer.token_bytes(encoded.ids)
    num_images = 0
    position = 0
    while position < encoded.length:
        token, learnt = encoded.ids[position], encoded.supervised[position]
        if token == tokenizer.image_pad:
            end = _end_of_pads(encoded.ids, position, token)
            num_images += 1
            yield Piece(f"image {num_images}", "image", learnt, tuple(encoded.ids[position:end]))
        elif (name := tokenizer.control_names.get(token)) is not None:
            end = position + 1
            yield Piece(name, "control", learnt, (token,))
        else:
            end, text = _whole_text(written, encoded.supervised, position)
            ids = tuple(encoded.ids[position:end])
            if text is None:
                yield Piece(written[position].hex(" "), "bytes", learnt, ids)
            else:
                yield Piece(visible(text), "text", learnt, ids)
        position = end


def visible(text: str) -> str:
    """The text with its line breaks, tabs, control and formatting characters made visible.

    >>> visible("a\\u202eb\\x00")
    'a⟨U+202E⟩b␀'
    """
    return "".join(_sign(character) for character in text)


def _sign(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    if character < " ":
        return chr(0x2400 + ord(character))
    # Marks of direction would turn what stands around them on the page, too.
    if unicodedata.category(character) in ("Cf", "Cc", "Zl", "Zp"):
        return f"⟨U+{ord(character):04X}⟩"
    return character


def _end_of_pads(ids: list[int], start: int, pad: int) -> int:
    end = start
    while end < len(ids) and ids[end] == pad:
        end += 1
    return end


def _whole_text(
    written: tuple[bytes, ...], supervised: list[bool], start: int
) -> tuple[int, str | None]:
    """The first tokens from `start` on that are whole characters, and their text; None and a single
    token where there are none."""
    held = b""
    for end in range(start, min(len(written), start + _MOST_BYTES_HELD)):
        if supervised[end] != supervised[start] or (held and not written[end]):
            break
        held += written[end]
        try:
            return end + 1, held.decode("utf-8")
        except UnicodeDecodeError:
            continue
    return start + 1, None
