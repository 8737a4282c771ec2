"""How alike two shapes are, and which of an answer is which of a label: one to one.

| shapes | similarity |
|---|---|
| boxes, polygons | area of the intersection / area of the union |
| lines | the same of lengths, of what runs within a tolerance of the other |

Of a line of length g and one of length a, the stretches within the tolerance of the other are
measured; the shorter of the two is shared (s), so that a scribble along a line is not like it. A
stretch that a line runs twice counts once:

    s / (g + a - s)         equal lines: 1; one that is half of the other: 0.5

A pair below one half is never a match, so its similarity is not worked out and stands as 0: bounds,
areas and lengths rule out most pairs before any polygon is cut.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sightwright.geometry import (
    Box,
    Geometry,
    Line,
    bounds,
    without_crossings,
)
from sightwright.metrics.rows import best_pairs

THRESHOLDS: tuple[float, ...] = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""0.50, 0.55, … 0.95, as COCO has them."""

# A similarity of exactly one half must not fail by the last bit of a division.
_ROUNDING = 1e-9
_LEAST = THRESHOLDS[0] - _ROUNDING
# 8 pixels on an image whose longer side is 1024.
_TOLERANCE = 8 / 1024

_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def default_tolerance(width: int, height: int) -> float:
    """How far lines may run apart, in pixels: 8 where the longer side is 1024, and in proportion.

    >>> default_tolerance(1024, 768)
    8.0
    """
    return _TOLERANCE * max(width, height)


def similarities(
    gold: Sequence[Geometry], answer: Sequence[Geometry], tolerance_px: float
) -> NDArray[np.float64]:
    """[gold, answer] similarities, 0 below one half; a line is like lines alone.

    A ring that crosses itself covers what its loops enclose, however often they run round it.
    """
    found = np.zeros((len(gold), len(answer)))
    for are_lines in (False, True):
        rows = [i for i, shape in enumerate(gold) if isinstance(shape, Line) is are_lines]
        columns = [j for j, shape in enumerate(answer) if isinstance(shape, Line) is are_lines]
        if not rows or not columns:
            continue
        ours, theirs = [gold[i] for i in rows], [answer[j] for j in columns]
        alike = _lines_alike(ours, theirs, tolerance_px) if are_lines else _areas(ours, theirs)
        found[np.ix_(rows, columns)] = alike
    return found


def same_kind(gold: Sequence[Geometry], answer: Sequence[Geometry]) -> NDArray[np.bool_]:
    """[gold, answer] whether both are boxes, both polygons or both lines."""
    ours, theirs = (np.array([shape.kind for shape in side], dtype="U8") for side in (gold, answer))
    return ours[:, None] == theirs[None, :]


def match(
    alike: NDArray[np.float64], threshold: float, favour: NDArray[np.float64] | None = None
) -> list[tuple[int, int]]:
    """Pair rows with columns, one to one, each pair at least `threshold` alike.

    The pairing is the best, not a greedy one: the most pairs; of those, the most alike in sum; of
    those, the most favoured.

    Args:
        favour: [gold, answer] in 0..1, to decide between pairings equally alike.
    """
    allowed = alike >= threshold - _ROUNDING
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    if allowed.sum() == rows.size == columns.size:
        # Every shape is like one other at most: there is nothing to choose.
        return [(int(i), int(j)) for i, j in np.argwhere(allowed)]
    some = np.ix_(rows, columns)
    # Each term stays below one unit of the term before it, summed over all pairs.
    most = 1 + min(some[0].size, some[1].size)
    worth = 1 + alike[some] / (most + 1)
    if favour is not None:
        worth = worth + favour[some] * (1e-7 / most)
    pairs = best_pairs(np.where(allowed[some], worth, 0.0))
    return [(int(rows[i]), int(columns[j])) for i, j in pairs if allowed[rows[i], columns[j]]]


def hits(alike: NDArray[np.float64]) -> tuple[int, ...]:
    """How many pairs there are at each of `THRESHOLDS`."""
    found: list[int] = []
    num_alike = -1
    for threshold in THRESHOLDS:
        # The pairs alike by more are among those alike by less: as many are the same.
        before, num_alike = num_alike, int((alike >= threshold - _ROUNDING).sum())
        found.append(found[-1] if num_alike == before else len(match(alike, threshold)))
    return tuple(found)


def _shapely() -> Any:
    # Late, for it takes longer to import than most answers to mark; its stubs leave much open.
    import shapely

    return shapely


# Regions


def _areas(gold: Sequence[Geometry], answer: Sequence[Geometry]) -> NDArray[np.float64]:
    edges_G4, edges_A4 = _edges(gold), _edges(answer)
    shared = _shared_extent(edges_G4, edges_A4)
    are_boxes = np.ix_(
        [isinstance(shape, Box) for shape in gold], [isinstance(shape, Box) for shape in answer]
    )
    boxes = np.zeros(shared.shape, dtype=bool)
    boxes[are_boxes] = True
    # What lies outside the common extent cannot be shared, so this is the most a pair can reach.
    shapes_G, areas_G = _shapes(gold, _any(shared, axis=1))
    shapes_A, areas_A = _shapes(answer, _any(shared, axis=0))
    smaller = np.minimum(areas_G[:, None], areas_A[None, :])
    sums = areas_G[:, None] + areas_A[None, :]
    found = _ratio(np.minimum(shared, smaller), sums)
    pairs = np.nonzero((found >= _LEAST) & ~boxes)
    found[pairs] = _cut_areas(shapes_G, shapes_A, pairs, sums)
    return np.where(found >= _LEAST, found, 0.0)


def _shapes(
    shapes: Sequence[Geometry], wanted: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Shapes to cut, valid ones, and their areas; the unwanted are None, of area 0."""
    shapely = _shapely()
    made = np.full(len(shapes), None, dtype=object)
    for index in np.flatnonzero(wanted).tolist():
        polygon = shapely.Polygon(shapes[index].points)
        if not polygon.is_valid:
            polygon = without_crossings(polygon, method="structure", keep_collapsed=False)
        made[index] = polygon
    return made, np.nan_to_num(shapely.area(made))


def _cut_areas(
    shapes_G: NDArray[Any], shapes_A: NDArray[Any], pairs: Any, sums: NDArray[np.float64]
) -> NDArray[np.float64]:
    shapely = _shapely()
    rows, columns = cast("_Pairs", pairs)
    shared = shapely.area(shapely.intersection(shapes_G[rows], shapes_A[columns]))
    return _ratio(shared, sums[rows, columns])


def _edges(shapes: Sequence[Geometry]) -> NDArray[np.float64]:
    """[shapes, 4]: left, top, right, bottom."""
    boxes = [bounds(shape) for shape in shapes]
    return np.array([(box.x1, box.y1, box.x2, box.y2) for box in boxes], dtype=np.float64)


def _shared_extent(edges_G4: NDArray[Any], edges_A4: NDArray[Any]) -> NDArray[np.float64]:
    """[gold, answer]: the area that two bounding boxes share."""
    ours, theirs = edges_G4[:, None], edges_A4[None]
    sides = np.minimum(ours[..., 2:], theirs[..., 2:]) - np.maximum(ours[..., :2], theirs[..., :2])
    return np.prod(np.maximum(sides, 0.0), axis=-1)


def _any(shared: NDArray[np.float64], *, axis: int) -> NDArray[np.bool_]:
    return cast("NDArray[np.bool_]", np.any(shared > 0, axis=axis))


def _ratio(shared: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union; 0 where there is neither."""
    unions = sums - shared
    return np.divide(shared, unions, out=np.zeros_like(shared), where=unions > 0)


# Lines


def _lines_alike(
    gold: Sequence[Geometry], answer: Sequence[Geometry], tolerance_px: float
) -> NDArray[np.float64]:
    lengths_G, lengths_A = _lengths(gold), _lengths(answer)
    sums = lengths_G[:, None] + lengths_A[None, :]
    found = _ratio(np.minimum(lengths_G[:, None], lengths_A[None, :]), sums)
    near = _within(_edges(gold), _edges(answer), tolerance_px)
    rows, columns = np.nonzero((found >= _LEAST) & near)
    found[:] = 0.0
    if rows.size:
        found[rows, columns] = _shared_lengths(gold, answer, (rows, columns), tolerance_px, sums)
    return np.where(found >= _LEAST, found, 0.0)


def _lengths(lines: Sequence[Geometry]) -> NDArray[np.float64]:
    shapely = _shapely()
    drawn = [shapely.LineString(line.points) for line in lines]
    lengths = [(line if line.is_simple else shapely.unary_union(line)).length for line in drawn]
    return np.array(lengths, dtype=np.float64)


def _within(edges_G4: NDArray[Any], edges_A4: NDArray[Any], gap: float) -> NDArray[np.bool_]:
    ours, theirs = edges_G4[:, None], edges_A4[None]
    near = (ours[..., :2] <= theirs[..., 2:] + gap) & (theirs[..., :2] <= ours[..., 2:] + gap)
    return cast("NDArray[np.bool_]", np.all(near, axis=-1))


def _shared_lengths(
    gold: Sequence[Geometry],
    answer: Sequence[Geometry],
    pairs: _Pairs,
    tolerance_px: float,
    sums: NDArray[np.float64],
) -> NDArray[np.float64]:
    shapely = _shapely()
    rows, columns = pairs
    lines_G, tubes_G = _tubes(gold, rows, tolerance_px)
    lines_A, tubes_A = _tubes(answer, columns, tolerance_px)
    covered_G = shapely.length(shapely.intersection(lines_G[rows], tubes_A[columns]))
    covered_A = shapely.length(shapely.intersection(lines_A[columns], tubes_G[rows]))
    return _ratio(np.minimum(covered_G, covered_A), sums[rows, columns])


def _tubes(
    lines: Sequence[Geometry], wanted: NDArray[np.int64], tolerance_px: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The lines that are wanted, and all places within the tolerance of each; else None."""
    shapely = _shapely()
    drawn = np.full(len(lines), None, dtype=object)
    for index in cast("list[int]", np.unique(wanted).tolist()):
        drawn[index] = shapely.LineString(lines[index].points)
    return drawn, shapely.buffer(drawn, tolerance_px)
