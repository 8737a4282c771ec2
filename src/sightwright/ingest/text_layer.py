"""The text layer of a PDF page: its words, with the pixels of the page image that each covers."""

# pypdfium2 carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

import math
from collections.abc import Iterator
from ctypes import byref, c_double
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium_c

from sightwright.ingest.words import Box, Word

MAX_CHARACTERS = 1_000_000

_UNKNOWN = "\ufffd"
# Soft hyphen, zero-width space, word joiner, byte order mark: nothing to see, nothing to say.
_WITHOUT_INK = frozenset("\u00ad\u200b\u2060\ufeff")
# A gap of so many letters ends a word, whether or not a space was written.
_LETTERS_APART = 3.0

Rect = tuple[float, float, float, float]


class TooMuchTextError(ValueError):
    """A page whose text nobody would read."""


@dataclass(frozen=True)
class _Letter:
    """`rect` is (x0, y0, x1, y1) on the image; None for what leaves no ink."""

    text: str
    rect: Rect | None
    ends_line: bool = False


@dataclass(frozen=True)
class _Placement:
    """From page units (y upwards) to pixels of the image (y downwards), turned as it is read."""

    bounds: Rect
    quarter_turns: int
    width: int
    height: int

    def rect_px(self, left: float, bottom: float, right: float, top: float) -> Rect:
        x0, y0, x1, y1 = self.bounds
        # Shares of the unturned page, from its lower left corner.
        left, right = (left - x0) / (x1 - x0), (right - x0) / (x1 - x0)
        bottom, top = (bottom - y0) / (y1 - y0), (top - y0) / (y1 - y0)
        match self.quarter_turns:
            case 0:
                turned = (left, 1 - top, right, 1 - bottom)
            case 1:
                turned = (bottom, left, top, right)
            case 2:
                turned = (1 - right, bottom, 1 - left, top)
            case _:
                turned = (1 - top, 1 - right, 1 - bottom, 1 - left)
        width, height = self.width, self.height
        return turned[0] * width, turned[1] * height, turned[2] * width, turned[3] * height


def read_text_layer(page: Any, width: int, height: int) -> list[Word]:
    """The words of a pypdfium2 page that is drawn as `width` x `height` pixels.

    A word ends at white space, at the end of its line, and at a wide gap. One that lies outside
    the page's crop box is left out: nobody sees it. Text drawn without ink stays in: that is how
    scanners write what they have read.

    Raises:
        TooMuchTextError: over a million characters.
    """
    text_page = pdfium_c.FPDFText_LoadPage(page)
    if not text_page:
        return []
    try:
        num_letters = pdfium_c.FPDFText_CountChars(text_page)
        if num_letters > MAX_CHARACTERS:
            raise TooMuchTextError(f"{num_letters} characters, over the limit of {MAX_CHARACTERS}")
        place = _Placement(page.get_bbox(), page.get_rotation() // 90 % 4, width, height)
        letters = _letters(text_page, num_letters, place)
        words = [_word(run, width, height) for run in _runs(letters)]
    finally:
        pdfium_c.FPDFText_ClosePage(text_page)
    return [word for word in words if word is not None]


def _letters(text_page: Any, num_letters: int, place: _Placement) -> Iterator[_Letter]:
    high = 0
    for index in range(num_letters):
        code = pdfium_c.FPDFText_GetUnicode(text_page, index)
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000 and high:
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
        high = 0
        # At the end of a line pdfium marks a hyphen instead of giving its code.
        ends_line = code < 32 and pdfium_c.FPDFText_IsHyphen(text_page, index) == 1
        text = "-" if ends_line else _text(code)
        if text:
            rect = None if text.isspace() else _rect(text_page, index, place)
            yield _Letter(text, rect, ends_line)


def _text(code: int) -> str:
    if code in (9, 10, 12, 13):
        return " "
    no_character = code < 32 or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE
    if no_character or code > 0x10FFFF:
        return _UNKNOWN
    letter = chr(code)
    return "" if letter in _WITHOUT_INK else letter


def _rect(text_page: Any, index: int, place: _Placement) -> Rect | None:
    """The ink of a letter; the room that its font gives it, where the font does not tell."""
    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    if pdfium_c.FPDFText_GetCharBox(
        text_page, index, byref(left), byref(right), byref(bottom), byref(top)
    ):
        sides = (left.value, bottom.value, right.value, top.value)
        if _has_area(sides):
            return place.rect_px(*sides)
    loose = pdfium_c.FS_RECTF()
    if pdfium_c.FPDFText_GetLooseCharBox(text_page, index, byref(loose)):
        sides = (loose.left, loose.bottom, loose.right, loose.top)
        if _has_area(sides):
            return place.rect_px(*sides)
    return None


def _has_area(sides: Rect) -> bool:
    left, bottom, right, top = sides
    return all(map(math.isfinite, sides)) and left < right and bottom < top


def _runs(letters: Iterator[_Letter]) -> Iterator[list[_Letter]]:
    run: list[_Letter] = []
    last: Rect | None = None
    for letter in letters:
        is_apart = last is not None and letter.rect is not None and _apart(last, letter.rect)
        if run and (letter.text.isspace() or is_apart):
            yield run
            run, last = [], None
        if not letter.text.isspace():
            run.append(letter)
            last = letter.rect or last
        if run and letter.ends_line:
            yield run
            run, last = [], None
    if run:
        yield run


def _apart(one: Rect, other: Rect) -> bool:
    gap_x = max(one[0], other[0]) - min(one[2], other[2])
    gap_y = max(one[1], other[1]) - min(one[3], other[3])
    letter_size = max(max(r[2] - r[0], r[3] - r[1]) for r in (one, other))
    return max(gap_x, gap_y) > _LETTERS_APART * letter_size


def _word(run: list[_Letter], width: int, height: int) -> Word | None:
    text = "".join(letter.text for letter in run)
    rects = [letter.rect for letter in run if letter.rect is not None]
    if not rects or not text.strip(_UNKNOWN):
        return None
    x0, y0 = min(r[0] for r in rects), min(r[1] for r in rects)
    x1, y1 = max(r[2] for r in rects), max(r[3] for r in rects)
    box = _whole_pixels((x0, y0, x1, y1), width, height)
    return Word(text, box) if box is not None else None


def _whole_pixels(rect: Rect, width: int, height: int) -> Box | None:
    """The pixels of the image that a rectangle touches; None when it lies outside."""
    x0, y0 = max(0.0, rect[0]), max(0.0, rect[1])
    x1, y1 = min(float(width), rect[2]), min(float(height), rect[3])
    if x0 >= x1 or y0 >= y1:
        return None
    return math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
