"""A font that can write a text: Pillow's own, or one of this machine's that has more.

No font is shipped. `SIGHTWRIGHT_FONT` names a file to look into before all others; then come the
names below, wherever the operating system keeps its fonts. Nothing is looked for before a text
needs it.
"""

import os
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

VARIABLE = "SIGHTWRIGHT_FONT"
_NAMES = (
    # Latin with its accents, which Pillow's own font lacks.
    "DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "Helvetica.ttc",
    # Chinese.
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "NotoSansSC-Regular.otf",
    "NotoSansSC-Regular.ttf", "NotoSansSC[wght].ttf", "SourceHanSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf", "wqy-microhei.ttc", "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf", "uming.ttc", "ukai.ttc",
    "msyh.ttc", "msyh.ttf", "simhei.ttf", "simsun.ttc", "Deng.ttf",
    "PingFang.ttc", "Hiragino Sans GB.ttc", "STHeiti Light.ttc", "Arial Unicode.ttf",
)  # fmt: skip
# Noncharacters: no font has a glyph for them, so each draws what stands for a missing one.
_MISSING = "\U0010fffe"
_PROBE_PX = 16


def font_for(text: str, size_px: int) -> "Font | None":
    """The first font with a glyph for every character of a text; None if there is none."""
    place = _index_for(frozenset(text), os.environ.get(VARIABLE, ""))
    return None if place is None else _sized(place, size_px, os.environ.get(VARIABLE, ""))


@lru_cache(maxsize=64)
def _sized(index: int, size_px: int, preferred: str) -> "Font":
    from PIL.ImageFont import FreeTypeFont

    font = _fonts(index, preferred)
    assert font is not None
    return font.font_variant(size=size_px) if isinstance(font, FreeTypeFont) else font


def _index_for(characters: frozenset[str], preferred: str) -> int | None:
    for index in range(len(_NAMES) + 2):
        font = _fonts(index, preferred)
        if font is not None and all(_has(index, each, preferred) for each in characters):
            return index
    return None


@cache
def _fonts(index: int, preferred: str) -> "Font | None":
    """The font that is asked at this place in the row, if it is here: the one that the variable
    names, Pillow's own, and those that are looked for by name."""
    from PIL import ImageFont

    if index == 1:
        return ImageFont.load_default(_PROBE_PX)
    name = preferred if index == 0 else _NAMES[index - 2]
    if not name:
        return None
    try:
        return ImageFont.truetype(name, _PROBE_PX, layout_engine=ImageFont.Layout.BASIC)
    except (OSError, ValueError, ImportError):
        return None


@cache
def _has(index: int, character: str, preferred: str) -> bool:
    from PIL.ImageFont import FreeTypeFont

    font = _fonts(index, preferred)
    assert font is not None
    if not isinstance(font, FreeTypeFont):
        return character.isascii()
    return character == " " or _drawn(character, font) != _drawn(_MISSING, font)


def _drawn(character: str, font: "Font") -> bytes:
    from PIL import Image, ImageDraw

    cell = Image.new("L", (3 * _PROBE_PX, 3 * _PROBE_PX))
    ImageDraw.Draw(cell).text((_PROBE_PX, _PROBE_PX), character, fill=255, font=font)
    return cell.tobytes()
