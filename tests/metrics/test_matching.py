import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.geometry import Box, Geometry, Line, Polygon
from sightwright.metrics.matching import (
    THRESHOLDS,
    default_tolerance,
    hits,
    match,
    same_kind,
    similarities,
)


def alike(gold: Geometry, answer: Geometry, tolerance_px: float = 1.0) -> float:
    return float(similarities([gold], [answer], tolerance_px)[0, 0])


SQUARE = Box(0, 0, 10, 10)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (SQUARE, 1.0),
        (Box(0, 0, 10, 5), 0.5),
        # 80 shared of 100 + 80 - 80; then 50 shared of 100 + 100 - 50, which is no match.
        (Box(2, 0, 10, 10), 0.8),
        (Box(5, 0, 15, 10), 0.0),
        (Box(20, 0, 30, 10), 0.0),
        (Polygon(((0, 0), (10, 0), (10, 10))), 0.5),
        # Its two loops are half of the square; run round twice, a ring encloses the same.
        (Polygon(((0, 0), (10, 10), (10, 0), (0, 10))), 0.5),
        (Polygon(((0, 0), (10, 0), (10, 10), (0, 10)) * 2), 1.0),
        # No area at all.
        (Polygon(((0, 0), (10, 0), (5, 0))), 0.0),
        (Line(((0, 0), (10, 10))), 0.0),
    ],
)
def test_regions(answer: Geometry, wanted: float) -> None:
    assert alike(SQUARE, answer) == pytest.approx(wanted)


def test_a_concave_polygon() -> None:
    # An L of 75 in the square of 100.
    ell = Polygon(((0, 0), (5, 0), (5, 5), (10, 5), (10, 10), (0, 10)))
    assert alike(SQUARE, ell) == pytest.approx(0.75)
    assert alike(ell, ell) == pytest.approx(1.0)


LINE = Line(((0, 0), (100, 0)))


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (LINE, 1.0),
        (Line(((100, 0), (0, 0))), 1.0),
        (Line(((0, 5), (100, 5))), 1.0),
        (Line(((0, 9), (100, 9))), 0.0),
        # Half of it lies within 8 px of the other, and 8 px more; the shorter stretch is shared.
        (Line(((0, 0), (50, 0))), 0.5),
        (Line(((0, 0), (80, 0))), 0.8),
        # The same stretch five times is one stretch; five beside each other are five.
        (Line(((0, 0), (100, 0)) * 3), 1.0),
        (Line(((0, 0), (100, 0), (0, 1), (100, 1), (0, 2), (100, 2))), 0.0),
        # 100 + 60 long, and all near: 100 / (100 + 160 - 100).
        (Line(((0, 0), (100, 0), (100, 1), (41, 1))), 100 / 160),
        (SQUARE, 0.0),
    ],
)
def test_lines(answer: Geometry, wanted: float) -> None:
    assert alike(LINE, answer, 8.0) == pytest.approx(wanted)


def test_the_tolerance_grows_with_the_image() -> None:
    assert default_tolerance(1024, 768) == 8.0
    assert default_tolerance(1080, 1920) == 15.0


def test_nothing_on_a_side() -> None:
    assert similarities([], [SQUARE], 1.0).shape == (0, 1)
    assert similarities([SQUARE], [], 1.0).shape == (1, 0)
    assert match(np.zeros((0, 3)), 0.5) == []


def test_the_most_pairs_not_the_greediest() -> None:
    # Greedy takes 0.9 first and leaves one pair; two are possible.
    scores = np.array([[0.9, 0.6], [0.7, 0.0]])
    assert match(scores, 0.5) == [(0, 1), (1, 0)]
    assert match(scores, 0.65) == [(0, 0)]
    assert match(scores, 0.95) == []


def test_a_threshold_is_reached_by_equality() -> None:
    assert match(np.array([[0.75]]), 0.75) == [(0, 0)]
    assert match(np.array([[0.3 / 0.4]]), 0.75) == [(0, 0)]


def test_hits_fall_with_the_threshold() -> None:
    assert hits(np.array([[0.9, 0.6], [0.7, 0.0]])) == (2, 2, 2, 1, 1, 1, 1, 1, 1, 0)
    assert hits(np.array([[0.7 - 1e-12]])) == (1,) * 5 + (0,) * 5
    assert hits(np.zeros((0, 2))) == (0,) * 10


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=4))
def test_hits_are_those_of_the_matching(rows: list[list[float]]) -> None:
    scores = np.array(rows)
    assert hits(scores) == tuple(len(match(scores, threshold)) for threshold in THRESHOLDS)


def test_favour_decides_between_equals_alone() -> None:
    equal = np.array([[1.0, 1.0], [1.0, 1.0]])
    favour = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert match(equal, 0.5, favour) == [(0, 1), (1, 0)]
    better = np.array([[1.0, 0.99], [0.99, 1.0]])
    assert match(better, 0.5, favour) == [(0, 0), (1, 1)]


def test_kinds() -> None:
    shapes = [SQUARE, LINE, Polygon(SQUARE.points)]
    assert same_kind(shapes, shapes[:2]).tolist() == [[True, False], [False, True], [False, False]]


numbers = st.integers(0, 60)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = draw(numbers), draw(numbers)
    return Box(x, y, x + draw(st.integers(1, 40)), y + draw(st.integers(1, 40)))


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes(), max_size=6), st.lists(boxes(), max_size=6))
def test_boxes_and_their_outlines_agree(gold: list[Box], answer: list[Box]) -> None:
    by_box = similarities(gold, answer, 1.0)
    outlines: list[Geometry] = [Polygon(box.points) for box in answer]
    np.testing.assert_allclose(similarities(gold, outlines, 1.0), by_box, atol=1e-9)
    np.testing.assert_allclose(similarities(answer, gold, 1.0).T, by_box, atol=1e-9)
    counts = [len(match(by_box, threshold)) for threshold in THRESHOLDS]
    assert counts == sorted(counts, reverse=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=6), st.floats(0, 5))
def test_lines_moved_within_the_tolerance_are_alike(
    points: list[tuple[int, int]], shift: float
) -> None:
    if len(set(points)) < 2:
        return
    line = Line(tuple(points))
    moved = Line(tuple((x + shift, y) for x, y in points))
    assert alike(line, moved, 5.1) == pytest.approx(1.0)


def test_hostile_shapes_take_bounded_time() -> None:
    rng = np.random.default_rng(0)

    def tangle(count: int) -> tuple[tuple[float, float], ...]:
        return tuple((float(x), float(y)) for x, y in rng.uniform(0, 1000, (count, 2)))

    gold: list[Geometry] = [Box(i, i, i + 500, i + 500) for i in range(50)]
    gold += [Line(((0, i), (1000, i))) for i in range(50)]
    hostile: list[Geometry] = [Polygon(tangle(200)) for _ in range(20)]
    hostile += [Line(tangle(200)) for _ in range(20)]
    hostile += [Box(0, 0, 500, 500)] * 1000
    started = time.perf_counter()
    found = similarities(gold, hostile, 8.0)
    assert len(match(found, 0.5)) == 50
    assert time.perf_counter() - started < 20
