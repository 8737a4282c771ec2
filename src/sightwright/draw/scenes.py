"""Drawn cabinets with exact annotations: units, plates, screws, labels and cables.

    scene = draw_scene(7, "bbu")
    scene.image          # 256 x 256 px RGB: a grey cabinet with coloured parts
    scene.record         # its InspectionRecord: boxes, polygons and lines, and a summary
    scene.defects        # ("螺丝未拧紧",): what a group's verdict goes by

Parts stand on a grid of 32 px (one image token of Qwen3-VL) and never overlap, so that every
coordinate of a label is exact and takes few values. `scene` describes parts by an English word, as
auxiliary data does; `bbu` and `rru` in the `key=value` style of inspection data.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from PIL import Image, ImageDraw

from sightwright.geometry import Box, Geometry, Line, Point, Polygon, canonical, reading_order
from sightwright.inspection_records import DenseObject, InspectionRecord
from sightwright.metrics.summary import IRRELEVANT
from sightwright.tasks.summaries import build_summary, summary_text

Domain = Literal["scene", "bbu", "rru"]
Part = Literal["unit", "plate", "screw", "label", "cable", "wire"]
Colour = tuple[int, int, int]

DOMAINS: tuple[Domain, ...] = get_args(Domain)
PARTS: tuple[Part, ...] = get_args(Part)
GRID = 32
CELLS = 8
"""Cells of a side, where nothing else is said: a canvas of 256 px, 64 image tokens."""
LINE_PX = 9

_WALL: Colour = (196, 198, 202)
_FRAME: Colour = (120, 124, 130)


@dataclass(frozen=True, slots=True)
class Look:
    """One state of a part: its ink, its words in the domain, and the defect that it is, if any."""

    colour: Colour
    words: str
    defect: str | None = None


_BLUE, _NAVY, _STEEL = (30, 90, 220), (20, 40, 110), (90, 150, 170)
_GREEN, _RED = (30, 160, 60), (225, 35, 40)
_YELLOW, _OCHRE = (250, 225, 40), (150, 130, 50)
_PURPLE, _PINK = (130, 50, 170), (235, 130, 190)
_ORANGE, _BROWN = (245, 140, 20), (120, 70, 30)
_CYAN, _BLACK = (40, 200, 220), (25, 25, 30)

# Domain → part → how it may look.
LOOKS: dict[Domain, dict[Part, tuple[Look, ...]]] = {
    "scene": {
        "unit": (Look(_BLUE, "unit"),),
        "plate": (Look(_PURPLE, "plate"),),
        "screw": (Look(_GREEN, "screw"),),
        "label": (Look(_YELLOW, "label"),),
        "cable": (Look(_ORANGE, "cable"),),
        "wire": (Look(_RED, "wire"),),
    },
    "bbu": {
        "unit": (
            Look(_BLUE, "类别=BBU设备,品牌=华为"),
            Look(_NAVY, "类别=BBU设备,品牌=中兴"),
            Look(_STEEL, "类别=BBU设备,品牌=爱立信"),
        ),
        "plate": (Look(_PURPLE, "类别=挡风板,品牌=华为"), Look(_PINK, "类别=挡风板,品牌=中兴")),
        "screw": (
            Look(_GREEN, "类别=BBU安装螺丝,符合性=符合"),
            Look(_RED, "类别=BBU安装螺丝,符合性=不符合,问题=未拧紧", "螺丝未拧紧"),
        ),
        "label": (Look(_YELLOW, "类别=标签,文本=5G"), Look(_OCHRE, "类别=标签,可读性=不可读")),
        "cable": (
            Look(_ORANGE, "类别=光纤,保护措施=有保护"),
            Look(_BROWN, "类别=光纤,保护措施=无保护", "光纤无保护"),
        ),
        "wire": (Look(_CYAN, "类别=电线,捆扎=整齐"), Look(_BLACK, "类别=电线,捆扎=散乱")),
    },
    "rru": {
        "unit": (Look(_BLUE, "类别=RRU设备"),),
        "plate": (Look(_PURPLE, "类别=站点距离,站点距离=51"),),
        "screw": (
            Look(_GREEN, "类别=紧固件,安装状态=合格"),
            Look(_RED, "类别=紧固件,安装状态=不合格", "紧固件不合格"),
        ),
        "label": (Look(_YELLOW, "类别=标签,文本=5G"), Look(_OCHRE, "类别=标签,可读性=不可读")),
        "cable": (
            Look(_ORANGE, "类别=尾纤,标签=有标签,套管保护=有套管"),
            Look(_BROWN, "类别=尾纤,标签=无标签,套管保护=无套管", "尾纤无套管"),
        ),
        "wire": (
            Look(_CYAN, "类别=接地线,标签=有标签"),
            Look(_BLACK, "类别=接地线,标签=无标签", "接地线无标签"),
        ),
    },
}

# Columns and rows that a part may take up, both inclusive.
_SIZES: dict[Part, tuple[tuple[int, int], tuple[int, int]]] = {
    "unit": ((2, 4), (2, 3)),
    "plate": ((2, 3), (2, 3)),
    "screw": ((1, 1), (1, 1)),
    "label": ((2, 2), (1, 1)),
    "cable": ((2, 5), (1, 3)),
    "wire": ((2, 4), (2, 3)),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """One part as it lies on the canvas."""

    part: Part
    look: Look
    geometry: Geometry


@dataclass(frozen=True)
class Scene:
    """A picture, its record (whose image is `images/<id>.png`), and what its parts are.

    `drawn` is in the order of the record's objects; an irrelevant picture has none.
    """

    image: Image.Image
    record: InspectionRecord
    drawn: tuple[Drawn, ...]

    @property
    def defects(self) -> tuple[str, ...]:
        """What is wrong in the picture, a phrase for each part that has a fault."""
        return tuple(each.look.defect for each in self.drawn if each.look.defect)


def draw_scene(
    seed: int,
    domain: Domain = "scene",
    *,
    parts: tuple[Part, ...] = PARTS,
    fewest: int = 1,
    most: int = 5,
    cells: int = CELLS,
    faulty: bool = True,
) -> Scene:
    """Draw one cabinet; the same arguments give the same pixels and the same record.

    Args:
        parts: what may stand in it.
        fewest, most: how many parts are tried; one that finds no room is left out, never the first.
        cells: of a side of the square canvas; 4 at least.
        faulty: whether a part may have a defect.
    """
    rng = random.Random(f"scene:{domain}:{seed}")
    taken: set[tuple[int, int]] = set()
    found: list[Drawn] = []
    for _ in range(rng.randint(fewest, most)):
        part = rng.choice(parts)
        place = _free_place(part, cells, taken, rng)
        looks = [look for look in LOOKS[domain][part] if faulty or look.defect is None]
        if place is not None:
            found.append(Drawn(part, rng.choice(looks), _shape(part, place, rng)))
    order = reading_order([each.geometry for each in found])
    drawn = tuple(found[index] for index in order)
    objects = _objects(domain, drawn)
    record = _record(f"{domain}-{seed:08d}", cells, objects, _summary(domain, objects))
    return Scene(_painted(drawn, cells * GRID, rng), record, drawn)


def draw_irrelevant(seed: int, *, cells: int = CELLS) -> Scene:
    """A picture that shows no cabinet: a sheet of print, or a landscape."""
    rng = random.Random(f"irrelevant:{seed}")
    side = cells * GRID
    image = rng.choice((_sheet, _landscape))(rng, side)
    whole = DenseObject("irrelevant", Box(0, 0, side, side))
    return Scene(image, _record(f"irrelevant-{seed:08d}", cells, (whole,), IRRELEVANT), ())


def _objects(domain: Domain, drawn: tuple[Drawn, ...]) -> tuple[DenseObject, ...]:
    """What the record says of the parts. The first label of an RRU belongs to the first cable."""
    parts = [each.part for each in drawn]
    tied: set[int] = set()
    if domain == "rru" and "label" in parts and "cable" in parts:
        tied = {parts.index("label"), parts.index("cable")}
    return tuple(
        DenseObject(each.look.words + (",组=1" if index in tied else ""), each.geometry)
        for index, each in enumerate(drawn)
    )


def _record(
    name: str, cells: int, objects: tuple[DenseObject, ...], summary: str | None
) -> InspectionRecord:
    side = cells * GRID
    return InspectionRecord(name, f"images/{name}.png", side, side, objects, summary)


def _summary(domain: Domain, objects: tuple[DenseObject, ...]) -> str | None:
    if domain == "scene":
        return None
    return summary_text(build_summary(domain, objects))


# Where parts lie


def _free_place(
    part: Part, cells: int, taken: set[tuple[int, int]], rng: random.Random
) -> tuple[int, int, int, int] | None:
    """Left, top, columns and rows, in cells, of a place where nothing stands; None when none is
    found in 20 draws. The cells are marked as taken."""
    for _ in range(20):
        columns, rows = (rng.randint(least, min(most, cells)) for least, most in _SIZES[part])
        left, top = rng.randint(0, cells - columns), rng.randint(0, cells - rows)
        needed = {(x, y) for x in range(left, left + columns) for y in range(top, top + rows)}
        if not needed & taken:
            taken |= needed
            return left, top, columns, rows
    return None


def _shape(part: Part, place: tuple[int, int, int, int], rng: random.Random) -> Geometry:
    left, top = place[0] * GRID, place[1] * GRID
    right, bottom = left + place[2] * GRID, top + place[3] * GRID
    return _SHAPES.get(part, _box)((left, top, right, bottom), rng)


_Sides = tuple[int, int, int, int]


def _box(sides: _Sides, rng: random.Random) -> Geometry:
    return Box(*sides)


def _turned(sides: _Sides, rng: random.Random) -> Geometry:
    """A parallelogram (of three by three cells a turned square), its corners on the grid."""
    left, top, right, bottom = sides
    step = rng.choice((GRID, min(right - left, bottom - top) - GRID))
    points = (
        (left + step, top),
        (right, top + step),
        (right - step, bottom),
        (left, bottom - step),
    )
    return canonical(Polygon(points))


def _straight(sides: _Sides, rng: random.Random) -> Geometry:
    """From the middle of a cell to the middle of another, so that no end touches a neighbour."""
    (x1, y1), (x2, y2) = _ends(sides, rng)
    return canonical(Line(((x1, y1), (x2, y2))))


def _bent(sides: _Sides, rng: random.Random) -> Geometry:
    (x1, y1), (x2, y2) = _ends(sides, rng)
    corner: Point = (x2, y1) if rng.random() < 0.5 else (x1, y2)
    return canonical(Line(((x1, y1), corner, (x2, y2))))


def _ends(sides: _Sides, rng: random.Random) -> tuple[Point, Point]:
    left, top, right, bottom = sides
    half = GRID // 2
    ys = [top + half, bottom - half]
    if rng.random() < 0.5:
        ys.reverse()
    return (left + half, ys[0]), (right - half, ys[1])


_SHAPES: dict[Part, Callable[[_Sides, random.Random], Geometry]] = {
    "plate": _turned,
    "cable": _straight,
    "wire": _bent,
}


# Ink


def _painted(drawn: tuple[Drawn, ...], side: int, rng: random.Random) -> Image.Image:
    shade = rng.randint(-12, 12)
    image = Image.new("RGB", (side, side), _shaded(_WALL, shade))
    canvas = ImageDraw.Draw(image)
    canvas.rectangle((0, 0, side - 1, side - 1), outline=_shaded(_FRAME, shade), width=3)
    for each in drawn:
        _paint(canvas, each)
    return image


def _shaded(colour: Colour, by: int) -> Colour:
    red, green, blue = (min(255, max(0, value + by)) for value in colour)
    return red, green, blue


def _paint(canvas: ImageDraw.ImageDraw, drawn: Drawn) -> None:
    """Fill the part; a box ends before its right and lower side, which lie between pixels."""
    colour, dark = drawn.look.colour, _shaded(drawn.look.colour, -60)
    match drawn.geometry:
        case Box(x1, y1, x2, y2):
            inside = (x1, y1, x2 - 1, y2 - 1)
            if drawn.part == "screw":
                canvas.ellipse(inside, fill=colour, outline=dark, width=2)
            else:
                canvas.rectangle(inside, fill=colour, outline=dark, width=2)
        case Polygon(points):
            canvas.polygon(points, fill=colour, outline=dark)
        case Line(points):
            canvas.line(points, fill=colour, width=LINE_PX, joint="curve")


def _sheet(rng: random.Random, side: int) -> Image.Image:
    """White paper with grey lines of print."""
    image = Image.new("RGB", (side, side), (250, 250, 248))
    canvas = ImageDraw.Draw(image)
    for y in range(rng.randint(10, 20), side - 10, rng.randint(12, 20)):
        canvas.line((14, y, rng.randint(side // 2, side - 14), y), fill=(70, 70, 74), width=4)
    return image


def _landscape(rng: random.Random, side: int) -> Image.Image:
    """Sky, a sun and hills."""
    image = Image.new("RGB", (side, side), (150, 200, 245))
    canvas = ImageDraw.Draw(image)
    x, y, radius = rng.randint(20, side - 20), rng.randint(20, side // 3), rng.randint(10, 20)
    canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 240, 170))
    for share, green in ((0.5, 150), (0.75, 175)):
        base, middle = int(share * side) + rng.randint(-12, 12), rng.randint(20, side - 20)
        hill: Any = ((0, side), (0, base), (middle, base - 40), (side, base), (side, side))
        canvas.polygon(hill, fill=(90, green, 70))
    return image
