"""Several pictures as one, each with its text over it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sightwright.draw.fonts import font_for
from sightwright.draw.overlay import shown

if TYPE_CHECKING:
    from PIL.Image import Image

    from sightwright.draw.fonts import Font

_GAP_PX = 10
_TEXT_PX = 14
_PAPER = (255, 255, 255)
_INK = (40, 40, 40)


def laid_out(pictures: "Sequence[Image]", captions: Sequence[str], *, lines: int = 1) -> "Image":
    """Pictures in rows, as square a sheet as they make, each in a cell of the largest size.

    What no font here can write of a caption is spelled out; its end is cut off visibly.

    Args:
        lines: that a caption may take.
    """
    from PIL import Image, ImageDraw

    caption_px = lines * _TEXT_PX + _GAP_PX
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width = max(picture.width for picture in pictures) + _GAP_PX
    height = max(picture.height for picture in pictures) + caption_px + _GAP_PX
    sheet = Image.new("RGB", (columns * width + _GAP_PX, rows * height + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x = _GAP_PX + number % columns * width
        y = _GAP_PX + number // columns * height
        text, font = _writable(shown(caption, 200))
        for line, part in enumerate(_broken(text, font, width - _GAP_PX, lines)):
            draw.text((x, y + line * _TEXT_PX), part, fill=_INK, font=font)
        sheet.paste(picture, (x, y + caption_px))
    return sheet


def _writable(text: str) -> "tuple[str, Font]":
    font = font_for(text, _TEXT_PX)
    if font is None:
        text = shown(text.encode("ascii", "backslashreplace").decode("ascii"), 200)
        font = font_for(text, _TEXT_PX)
    assert font is not None, "every font has ASCII"
    return text, font


def _broken(text: str, font: "Font", width: int, most: int) -> list[str]:
    """At spaces, into `most` lines at most."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and len(lines) < most and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_cut(line, font, width) for line in lines]


def _cut(text: str, font: "Font", width: int) -> str:
    while len(text) > 1 and font.getlength(text) > width:
        text = text.removesuffix("…")[:-1] + "…"
    return text
