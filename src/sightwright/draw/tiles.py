"""Several pictures as one, each with a line of text over it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sightwright.draw.fonts import font_for
from sightwright.draw.overlay import shown

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP_PX = 10
_CAPTION_PX = 24
_TEXT_PX = 14
_PAPER = (255, 255, 255)
_INK = (40, 40, 40)


def laid_out(pictures: "Sequence[Image]", captions: Sequence[str]) -> "Image":
    """Pictures in rows, as square a sheet as they make, each in a cell of the largest size.

    What no font here can write of a caption is spelled out; its end is cut off visibly.
    """
    from PIL import Image, ImageDraw

    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width = max(picture.width for picture in pictures) + _GAP_PX
    height = max(picture.height for picture in pictures) + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (columns * width + _GAP_PX, rows * height + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x = _GAP_PX + number % columns * width
        y = _GAP_PX + number // columns * height
        _write(draw, (x, y), caption, width - _GAP_PX)
        sheet.paste(picture, (x, y + _CAPTION_PX))
    return sheet


def _write(draw: object, place: tuple[int, int], caption: str, width: int) -> None:
    from PIL.ImageDraw import ImageDraw

    assert isinstance(draw, ImageDraw)
    text = shown(caption, 200)
    font = font_for(text, _TEXT_PX)
    if font is None:
        text = shown(caption.encode("ascii", "backslashreplace").decode("ascii"), 200)
        font = font_for(text, _TEXT_PX)
    assert font is not None, "every font has ASCII"
    while len(text) > 1 and font.getlength(text) > width:
        text = text.removesuffix("…")[:-1] + "…"
    draw.text(place, text, fill=_INK, font=font)
