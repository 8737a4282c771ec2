"""Objects drawn on their image: outlines, and a label with number and description at each.

    picture = draw_objects(image, record.objects)
    for entry in legend(record.objects):
        print(entry.colour, entry.name, entry.count)

The number is the object's place in the sequence given, from 1. A label that finds no room without
covering another is its number alone; so is one with characters that no font here can write, for
Pillow's own font has no Chinese (`fonts` says where others are looked for, and `can_write` whether
one was found). So keep the descriptions beside the picture: a page's own fonts have them all.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightwright.draw.colours import class_of, colour_of
from sightwright.draw.fonts import font_for
from sightwright.geometry import Geometry, Points, bounds, reference_point
from sightwright.images import as_rgb
from sightwright.inspection_records import DenseObject

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

MOST_CHARACTERS = 48
_HALO = (0, 0, 0, 170)
_FILL_OPACITY = 36
_INK = "#000000"
_CELL_PX = 4
_LABEL_PX = 200
_LABEL_OPACITY = 0.85


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A class on a picture: `colour` is `#rrggbb`, `count` how many objects are of it."""

    colour: str
    name: str
    count: int


def draw_objects(
    image: "Image",
    objects: Sequence[DenseObject],
    *,
    labels: bool = True,
    max_side: int | None = None,
    min_side: int = 0,
) -> "Image":
    """Draw objects on a copy of an image.

    Args:
        image: of Pillow's; transparent parts become white, as for the model.
        objects: in pixels of the image. What reaches beyond it is cut off at its border, and the
            label of what lies wholly outside stands at the border.
        labels: whether number and description are written.
        max_side: of the copy, in pixels; a larger image is drawn smaller.
        min_side: an image with no side as long is drawn larger, by a whole factor.
    """
    canvas, scale = _sized(as_rgb(image), max_side, min_side)
    drawing = _Drawing.of(canvas, scale)
    for each in objects:
        drawing.add_shape(each.geometry, colour_of(class_of(each.desc)))
    if labels:
        for number, each in enumerate(objects, start=1):
            drawing.add_label(number, each)
    return canvas


def legend(objects: Sequence[DenseObject]) -> list[LegendEntry]:
    """The classes of objects, the commonest first, each with the colour it is drawn in."""
    counts = Counter(class_of(each.desc) for each in objects)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [LegendEntry(colour_of(name), shown(name), count) for name, count in ranked]


def shown(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text on one line for a label: control characters spelled out, its end cut off visibly.

    >>> shown("a\\nb"), shown("abcdef", most=4)
    ('a\\\\nb', 'abc…')
    """
    spelled = "".join(map(_spelled, text[: most + 1]))
    return spelled if len(spelled) <= most else spelled[: most - 1] + "…"


def can_write(objects: Sequence[DenseObject]) -> bool:
    """Whether a font here has every character of the descriptions, as far as labels show them."""
    return all(font_for(shown(each.desc), 16) is not None for each in objects)


def _spelled(character: str) -> str:
    # Controls, marks of direction, lone surrogates: nothing that a font draws.
    if unicodedata.category(character)[0] in "CZ" and character != " ":
        return character.encode("unicode_escape").decode("ascii")
    return character


def _sized(image: "Image", max_side: int | None, min_side: int) -> "tuple[Image, float]":
    """A copy within the limits, and its size over the image's."""
    from PIL.Image import Resampling

    longest = max(image.size)
    if max_side is not None and longest > max_side:
        width, height = (max(1, round(side * max_side / longest)) for side in image.size)
        return image.resize((width, height), Resampling.LANCZOS, reducing_gap=3.0), (
            max_side / longest
        )
    factor = -(-min_side // longest)
    if factor > 1:
        size = (image.width * factor, image.height * factor)
        return image.resize(size, Resampling.NEAREST), factor
    return image.copy(), 1.0


@dataclass
class _Drawing:
    """A canvas that is drawn on.

    Attributes:
        scale: canvas pixels to a pixel of the image.
        line_px, text_px: thickness of outlines, height of labels' text.
        taken: which cells of 4 x 4 pixels are under a label.
    """

    canvas: "Image"
    scale: float
    line_px: int
    text_px: int
    taken: "np.ndarray"

    @classmethod
    def of(cls, canvas: "Image", scale: float) -> "_Drawing":
        import numpy as np

        longest = max(canvas.size)
        cells = (canvas.height // _CELL_PX + 1, canvas.width // _CELL_PX + 1)
        return cls(
            canvas, scale, max(2, round(longest / 350)), max(11, round(longest / 50)),
            np.zeros(cells, dtype=bool),
        )  # fmt: skip

    def add_shape(self, geometry: Geometry, colour: str) -> None:
        from PIL import ImageColor, ImageDraw

        draw = ImageDraw.Draw(self.canvas, "RGBA")
        points = self._on_canvas(geometry.points)
        if geometry.kind != "line":
            if geometry.kind == "poly" and len(points) > 2:
                rgb = ImageColor.getrgb(colour)
                draw.polygon(points, fill=(rgb[0], rgb[1], rgb[2], _FILL_OPACITY))
            # One edge is drawn twice, so that the corner between is joined too.
            points = [*points, *points[:2]]
        halo_px = self.line_px + 2 * max(1, self.line_px // 2)
        draw.line(points, fill=_HALO, width=halo_px, joint="curve")
        draw.line(points, fill=colour, width=self.line_px, joint="curve")

    def add_label(self, number: int, item: DenseObject) -> None:
        x, y = self._on_canvas((reference_point(item.geometry),))[0]
        box = bounds(item.geometry)
        _, bottom = self._on_canvas(((box.x1, box.y2),))[0]
        text = shown(item.desc)
        chips = [self._chip(f"{number} {text}", colour_of(class_of(item.desc)))]
        chips += [self._chip(str(number), colour_of(class_of(item.desc)))]
        for chip in chips:
            if chip is not None:
                for place in ((x, y - chip.height), (x, y), (x, bottom)):
                    if self._put(chip, place):
                        return
        last = chips[-1]
        assert last is not None, "every font has digits"
        self._put(last, (x, y - last.height), anyway=True)

    def _chip(self, text: str, colour: str) -> "Image | None":
        """A label as a picture of its own, cut visibly at half the canvas's width."""
        from PIL import Image, ImageDraw

        font = font_for(text, self.text_px)
        if font is None:
            return None
        pad, width = max(1, self.text_px // 5), font.getlength(text)
        most_px = min(self.canvas.width, max(self.canvas.width // 2, _LABEL_PX)) - 2 * pad
        while width > most_px and len(text) > 2:
            text = text.removesuffix("…")[:-1] + "…"
            width = font.getlength(text)
        chip = Image.new("RGB", (round(width) + 2 * pad, round(self.text_px * 1.35)), colour)
        draw = ImageDraw.Draw(chip)
        draw.text((pad, chip.height / 2), text, fill=_INK, font=font, anchor="lm")
        return chip

    def _put(self, chip: "Image", place: tuple[float, float], *, anyway: bool = False) -> bool:
        """Lay a label on the canvas, moved inside it; not over another unless it must be."""
        from PIL import Image

        left = round(max(0, min(place[0], self.canvas.width - chip.width)))
        top = round(max(0, min(place[1], self.canvas.height - chip.height)))
        cells = self.taken[
            top // _CELL_PX : (top + chip.height - 1) // _CELL_PX + 1,
            left // _CELL_PX : (left + chip.width - 1) // _CELL_PX + 1,
        ]
        if cells.any() and not anyway:
            return False
        cells[:] = True
        under = self.canvas.crop((left, top, left + chip.width, top + chip.height))
        self.canvas.paste(Image.blend(under, chip, _LABEL_OPACITY), (left, top))
        return True

    def _on_canvas(self, points: Points) -> list[tuple[float, float]]:
        """Canvas pixels; absurd places are brought near enough for Pillow's whole numbers."""
        far = 8.0 * max(self.canvas.size)
        return [
            (max(-far, min(far, x * self.scale)), max(-far, min(far, y * self.scale)))
            for x, y in points
        ]
