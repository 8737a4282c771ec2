"""A good inspection record recognised fast, as `quick_check` does for records of extraction.

A yes means that the close look (`canonical.loads`, `read_inspection_record`, the summary's JSON)
would find nothing either; a no only means "look closely".
"""

import re
from itertools import pairwise

import msgspec
from msgspec import UNSET

from sightwright import canonical
from sightwright.geometry import Line, Points, Polygon, faults
from sightwright.ingest.double_keys import keys_are_unique, num_keys_of
from sightwright.ingest.summary_schema import summary_problems
from sightwright.inspection_records import InspectionLine, ObjectLine

# `untidy`, as one pattern.
_UNTIDY = re.compile(r"[\n\r\t]| ,|, | /|/ |  |\A\s|\s\Z|\A\Z")
_REFUSALS = (msgspec.MsgspecError, ValueError, RecursionError)


class QuickInspection:
    """A decoder made once for all lines."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(InspectionLine).decode

    def read(self, data: bytes) -> InspectionLine | None:
        """A line whose record is good beyond doubt; its image has still to be looked for."""
        data = data.rstrip()
        try:
            record = self._decode(data)
            num_keys = _num_keys(record)
            if num_keys is None or not _is_good(record):
                return None
            if not keys_are_unique(data, num_keys):
                canonical.loads(data)  # Raises if a key stands twice.
            return record
        except _REFUSALS:
            return None


def _num_keys(record: InspectionLine) -> int | None:
    """How many keys the line has; None: look closely."""
    number = 3 + (record.id is not UNSET) + (record.summary is not UNSET)
    if record.meta is not UNSET or record.metadata is not UNSET:
        if record.meta is not UNSET and record.metadata is not UNSET:
            return None
        number += 1 + num_keys_of(record.metadata if record.meta is UNSET else record.meta)
    if record.objects is UNSET:
        return number
    number += 1
    for item in record.objects or ():
        number += (
            1
            + (item.bbox_2d is not UNSET)
            + (item.poly is not UNSET)
            + (item.line is not UNSET)
            + (item.quad is not UNSET)
            + (item.poly_points is not UNSET)
            + (item.line_points is not UNSET)
        )
    return number


def _is_good(record: InspectionLine) -> bool:
    # A file: URL is read as the path it names.
    if record.images[0].startswith("file:"):
        return False
    summary = record.summary
    if isinstance(summary, str):
        if not summary.strip() or "\n" in summary or "\r" in summary or summary_problems(summary):
            return False
    elif not isinstance(record.objects, list) or not record.objects:
        return False
    width, height = record.width, record.height
    return all(_fits(item, width, height) for item in record.objects or ())


def _fits(item: ObjectLine, width: int, height: int) -> bool:
    """Whether a description is tidy, and its one geometry sound and on the image."""
    if _UNTIDY.search(item.desc):
        return False
    # The close look says what a count without its points is.
    if (item.poly_points is not UNSET and item.poly is UNSET) or (
        item.line_points is not UNSET and item.line is UNSET
    ):
        return False
    if item.bbox_2d is not UNSET:
        x1, y1, x2, y2 = item.bbox_2d
        alone = item.poly is UNSET and item.line is UNSET and item.quad is UNSET
        return alone and 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    if item.line is not UNSET:
        alone = item.poly is UNSET and item.quad is UNSET
        return alone and _line_fits(item.line, item.line_points, width, height)
    if item.quad is not UNSET:
        return item.poly is UNSET and _poly_fits(item.quad, UNSET, width, height)
    if item.poly is not UNSET:
        return _poly_fits(item.poly, item.poly_points, width, height)
    return False


def _line_fits(numbers: list[float], said: object, width: int, height: int) -> bool:
    xs, ys = numbers[::2], numbers[1::2]
    if not _fit(xs, ys, said, width, height):
        return False
    # Far from the close look's own doubt, which is whether the length is nothing.
    apart = max(xs) - min(xs) > 1e-3 or max(ys) - min(ys) > 1e-3
    return apart or not faults(Line(tuple(zip(xs, ys, strict=True))), width, height)


def _poly_fits(numbers: list[float], said: object, width: int, height: int) -> bool:
    xs, ys = numbers[::2], numbers[1::2]
    if not _fit(xs, ys, said, width, height):
        return False
    points = tuple(zip(xs, ys, strict=True))
    return _is_convex(points) or not faults(Polygon(points), width, height)


def _fit(xs: list[float], ys: list[float], said: object, width: int, height: int) -> bool:
    """Whether numbers come in pairs, as many as their count says, and lie on the image."""
    if len(xs) != len(ys) or (said is not UNSET and said != len(xs)):
        return False
    return min(xs) >= 0 and max(xs) <= width and min(ys) >= 0 and max(ys) <= height


def _is_convex(points: Points) -> bool:
    """Whether a ring surely is sound: it turns one way at each point, and goes round once.

    Each turn must be a marked one, so that what rounding makes of it cannot matter.
    """
    edges = [(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in pairwise((*points, points[0]))]
    turns = [a * d - b * c for (a, b), (c, d) in pairwise((*edges, edges[0]))]
    if not (min(turns) > 0.1 or max(turns) < -0.1):
        return False
    down = [dy > 0 for _, dy in edges if dy]
    # A ring that goes round once goes down once and up once.
    return sum(a != b for a, b in pairwise((*down, down[0]))) == 2
