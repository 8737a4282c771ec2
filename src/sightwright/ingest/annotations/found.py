"""What a reader of annotations yields: images with their objects, as the source states them.

Nothing is judged here but what cannot be read at all; sizes, order, clipping and wording are the
business of what comes after.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sightwright.errors import DataError
from sightwright.geometry import Box, Geometry, Point, Points

Attribute = tuple[str, tuple[str, ...]]
"""A key and its values, as the source has them."""

# No image has its edge here; larger numbers are damage, and overflow in the arithmetic.
_FARTHEST = 1e7


@dataclass(frozen=True, slots=True)
class Marked:
    """One object.

    Attributes:
        label: the class, or a whole description; as written.
        parts: where it is, in stated pixels; several for one object in pieces.
        place: of the object within its source, such as `annotation 17`.
        box: the box that the source gives beside a polygon, if any.
    """

    label: str
    parts: tuple[Geometry, ...]
    place: str
    attributes: tuple[Attribute, ...] = ()
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that is not taken over as it is, and why.

    Attributes:
        place: within its sample.
        reason: a short name to count by, such as `no-label`.
        rule: left out because the options say so (a crowd region), not because it is wrong.
        kept: it is in the output all the same, changed as the detail says.
    """

    place: str
    reason: str
    detail: str
    label: str = ""
    rule: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Annotated:
    """One image with its objects.

    Attributes:
        images: paths that may be meant, the likeliest first, as written.
        size: (width, height) that the coordinates belong to; None: the image's own.
        place: of the image within its source, for messages.
        beside: a folder that relative paths may start from too.
        normalised: `size` is a scale (1 or 1000 for either side), not the image's.
    """

    images: tuple[str, ...]
    size: tuple[int, int] | None
    place: str
    objects: tuple[Marked, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    beside: Path | None = None
    normalised: bool = False


@dataclass(frozen=True, slots=True)
class BadSample:
    """An image, or a file of annotations, that is not taken over, and why.

    Attributes:
        rule: there is nothing wrong with it (an image without objects).
        kept: it is in the output all the same.
    """

    place: str
    reason: str
    detail: str
    image: str = ""
    rule: bool = False
    kept: bool = False


@dataclass(frozen=True)
class ReadOptions:
    """What the readers take.

    Attributes:
        boxes: the boxes of COCO and LVIS, though there are polygons.
        keep_crowd: crowd regions and masks (run lengths), as their boxes; else they are left out.
        one_based: the first pixel of VOC coordinates is 1.
        ignore_labels: objects of these labels are left out.
    """

    boxes: bool = False
    keep_crowd: bool = False
    one_based: bool = False
    ignore_labels: frozenset[str] = frozenset({"__ignore__", "_background_"})


Expect = Callable[[int], None]
"""Told by a reader, before its first sample, how many there will be, if it knows."""


def expect_nothing(number: int) -> None:
    """An `Expect` that does not care."""


@dataclass
class Gathered:
    """The objects of one image while they are read."""

    options: ReadOptions
    objects: list[Marked] = field(default_factory=list[Marked])
    refusals: list[Refusal] = field(default_factory=list[Refusal])

    def add(self, item: Marked) -> None:
        if not item.label.strip():
            self.refuse(item.place, "no-label", "an object without a label")
        elif item.label in self.options.ignore_labels:
            self.refuse(item.place, "ignored-label", "by --ignore-label", item.label, rule=True)
        else:
            self.objects.append(item)

    def refuse(
        self, place: str, reason: str, detail: str, label: str = "", *, rule: bool = False
    ) -> None:
        self.refusals.append(Refusal(place, reason, detail, label, rule=rule))

    def mask(self, item: Marked) -> None:
        """A crowd region or a mask: its box, or nothing."""
        if self.options.keep_crowd:
            self.add(item)
        else:
            detail = "a crowd region or a mask; --keep-crowd takes its box"
            self.refuse(item.place, "crowd", detail, item.label, rule=True)


def number(value: object, what: str) -> float:
    """A finite number; in XML and some exports it stands as text.

    Raises:
        DataError: it is none.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise DataError(f"{what} is {value[:40]!r}, which is no number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{what} is {_shown(value)}, which is no number")
    # Compared, not asked by `isfinite`, which overflows on a whole number of 400 digits.
    if not -_FARTHEST <= value <= _FARTHEST:
        raise DataError(f"{what} is {_shown(value)}, which is no place in an image")
    return float(value)


def point(value: object, what: str) -> Point:
    """`[x, y]` or `{"x": x, "y": y}`.

    Raises:
        DataError: anything else.
    """
    if isinstance(value, Mapping):
        raw = cast("Mapping[str, object]", value)
        return number(raw.get("x"), f"{what}.x"), number(raw.get("y"), f"{what}.y")
    pair = entries(value)
    if len(pair) < 2:
        raise DataError(f"{what} is {_shown(pair)}, not a pair of x and y")
    return number(pair[0], f"{what}[0]"), number(pair[1], f"{what}[1]")


def points(value: object, what: str, fewest: int = 1) -> Points:
    """`[[x, y], …]`.

    Raises:
        DataError: anything else, or fewer than `fewest`.
    """
    found = entries(value)
    if len(found) < fewest:
        raise DataError(f"{what} has {len(found)} points, and needs {fewest}")
    return tuple(point(entry, f"{what}[{index}]") for index, entry in enumerate(found))


def flat_points(value: object, what: str, fewest: int) -> Points:
    """`[x, y, x, y, …]`.

    Raises:
        DataError: anything else, or fewer points than `fewest`.
    """
    found = entries(value)
    if len(found) % 2 or len(found) < 2 * fewest:
        raise DataError(f"{what} has {len(found)} numbers, and needs pairs, at least {fewest}")
    # A set has millions of numbers: names for the odd ones are made when there is one.
    if _are_places(found):
        return tuple(zip(map(float, found[::2]), map(float, found[1::2]), strict=True))
    numbers = [number(entry, f"{what}[{index}]") for index, entry in enumerate(found)]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _are_places(found: list[Any]) -> bool:
    plain = bool(found) and set(map(type, found)) <= {int, float}
    # The least and the largest may miss a NaN; a sum does not.
    bounded = plain and min(found) >= -_FARTHEST and max(found) <= _FARTHEST
    return bounded and not math.isnan(sum(found))


def box_around(corners: Points) -> Box:
    """The upright box of two corners or more."""
    xs, ys = zip(*corners, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def turned_box(box: Box, degrees: float) -> Points:
    """The corners of a box turned about its centre, clockwise on the screen."""
    x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return tuple(
        (x + cosine * (px - x) - sine * (py - y), y + sine * (px - x) + cosine * (py - y))
        for px, py in box.points
    )


def ellipse(box: Box, degrees: float = 0.0, corners: int = 16) -> Points:
    """Points on the ellipse within a box, turned about its centre."""
    x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    turn = math.radians(degrees)
    found: list[Point] = []
    for index in range(corners):
        angle = 2 * math.pi * index / corners
        across = (box.x2 - box.x1) / 2 * math.cos(angle)
        down = (box.y2 - box.y1) / 2 * math.sin(angle)
        found.append(
            (
                x + across * math.cos(turn) - down * math.sin(turn),
                y + across * math.sin(turn) + down * math.cos(turn),
            )
        )
    return tuple(found)


def stated_size(width: object, height: object) -> tuple[int, int] | None:
    """A size in whole pixels; None where the source gives none (missing, null or 0).

    Raises:
        DataError: something else than two sizes.
    """
    if width in (None, 0, "", "0") and height in (None, 0, "", "0"):
        return None
    sides = number(width, "the stated width"), number(height, "the stated height")
    if min(sides) < 1 or any(side != int(side) for side in sides):
        raise DataError(f"the stated size is {_shown(width)} by {_shown(height)}, which is none")
    return int(sides[0]), int(sides[1])


def mapping(value: object) -> Mapping[str, Any]:
    """The value, or nothing where it is no object."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def entries(value: object) -> list[Any]:
    """The value, or nothing where it is no list."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text(value: object) -> str:
    """A label as text: numbers are written out, anything else is no label."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def texts(value: object) -> tuple[str, ...]:
    """One value or a list of them, without empty ones."""
    many: list[object] = cast("list[object]", value) if isinstance(value, list) else [value]
    found = ("true" if each is True else text(each) for each in many)
    return tuple(each for each in found if each)


def attributes_of(raw: object) -> tuple[Attribute, ...]:
    """The entries of an object as attributes, in its order; empty values and false left out."""
    found = ((str(key), texts(value)) for key, value in mapping(raw).items())
    return tuple((key, values) for key, values in found if values)


def _shown(value: object) -> str:
    return repr(value)[:40]
