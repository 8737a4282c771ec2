"""What will be too small to be read once images are resized to the run's pixel budget."""

import math
from collections.abc import Iterator

from sightwright.doctor.exam import Exam, Setup
from sightwright.doctor.finding import Finding
from sightwright.errors import ImageError
from sightwright.geometry import Box, Geometry, Line, bounds
from sightwright.images import smart_resize
from sightwright.ingest.words import PageWords, Word

# Letters of full height: a line of "no more" is lower than its font.
_TALL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789bdfhklt")
# One speck that was read as a word says nothing of a page.
_SMALLEST_SHARE = 0.05


def check_resolution(exam: Exam) -> Iterator[Finding]:
    """Pages with the smallest text, and photographs with an object, under the stated pixels."""
    setup = exam.tools.setup
    if exam.inspection is not None:
        yield from _small_objects(exam)
        return
    for index, words in enumerate(exam.words):
        if words is None or (smallest := smallest_text(words)) is None:
            continue
        stored = smallest.box[3] - smallest.box[1]
        height = stored * shrinking(words.width, words.height, setup)
        if height < setup.min_text_px:
            scale = setup.min_text_px / stored
            wanted = math.ceil(words.width * words.height * scale**2)
            yield exam.finding(
                "resolution", "warning",
                f"page {index + 1}: text such as {smallest.text[:40]!r} will be {height:.1f} "
                f"pixels high at {setup.max_pixels} pixels a page",
                f"about {wanted} pixels a page make it {setup.min_text_px:g} high: raise "
                + ("template.max_pixels" if scale <= 1 else "--max-pixels of `ingest pdf`, too"),
                marks=(Box(*smallest.box),), size=(words.width, words.height), image=index,
            )  # fmt: skip


def _small_objects(exam: Exam) -> Iterator[Finding]:
    record, setup = exam.inspection, exam.tools.setup
    assert record is not None
    scale = shrinking(record.width, record.height, setup)
    for number, each in exam.numbered_objects:
        side = smallest_side(each.geometry) * scale
        if side < setup.min_object_px:
            yield exam.finding(
                "resolution", "warning",
                f"object {number} ({each.desc[:60]}) will have a side of {side:.1f} pixels at "
                f"{setup.max_pixels} pixels an image",
                "raise template.max_pixels, cut the photograph into parts, or leave it out",
                marks=(each.geometry,), size=(record.width, record.height),
            )  # fmt: skip


def shrinking(width: int, height: int, setup: Setup) -> float:
    """How much larger, or smaller, a pixel of the image becomes: 1 for one inside the budget."""
    try:
        resized_height, resized_width = smart_resize(
            height, width, factor=setup.factor,
            min_pixels=setup.min_pixels, max_pixels=setup.max_pixels,
        )  # fmt: skip
    except ImageError:
        return 1.0
    return min(resized_width / width, resized_height / height)


def smallest_text(words: PageWords) -> Word | None:
    """A word as low as the lowest of a page, the lowest twentieth left out; None for no letters."""
    tall = [word for word in words.words if _TALL & set(word.text) and word.box[3] > word.box[1]]
    if not tall:
        return None
    tall.sort(key=lambda word: (word.box[3] - word.box[1], word.box[1], word.box[0]))
    return tall[math.floor(_SMALLEST_SHARE * len(tall))]


def smallest_side(geometry: Geometry) -> float:
    """The shorter side of the box around a shape; of a line, the longer one."""
    box = bounds(geometry)
    sides = (box.x2 - box.x1, box.y2 - box.y1)
    return max(sides) if isinstance(geometry, Line) else min(sides)
