from collections.abc import Sequence

import pytest

from sightwright.geometry import Box, Geometry, Line, Polygon
from sightwright.inspection_records import DenseObject
from sightwright.metrics.coco import ScoredImage, coco_scores


def image(
    gold: Sequence[tuple[str, Geometry]], answer: Sequence[tuple[str, Geometry, float]]
) -> ScoredImage:
    return ScoredImage(
        tuple(DenseObject(desc, shape) for desc, shape in gold),
        tuple(DenseObject(desc, shape) for desc, shape, _ in answer),
        tuple(score for _, _, score in answer),
        100,
        100,
    )


FIRST, SECOND = Box(0, 0, 20, 20), Box(50, 50, 70, 70)
NOWHERE = Box(80, 0, 90, 10)


def test_a_perfect_answer() -> None:
    scores = coco_scores([image([("a", FIRST)], [("a", FIRST, 0.3)])])
    assert (scores.ap, scores.ap_50, scores.ap_75, scores.ar) == (1.0, 1.0, 1.0, 1.0)


def test_average_precision_worked_by_hand() -> None:
    # Ranked: right, wrong, right. Precision is 1 up to recall 0.5 and 2/3 from there to 1; of
    # COCO's 101 recall steps, 51 lie at 0 to 0.5, and 50 beyond.
    answer = [("a", FIRST, 0.9), ("a", NOWHERE, 0.8), ("a", SECOND, 0.7)]
    scores = coco_scores([image([("a", FIRST), ("a", SECOND)], answer)], "bbox")
    assert scores.ap == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert scores.ar == 1.0
    # Surest first: the wrong one last costs nothing.
    answer[1] = ("a", NOWHERE, 0.1)
    assert coco_scores([image([("a", FIRST), ("a", SECOND)], answer)], "bbox").ap == 1.0


def test_by_iou() -> None:
    # 20x20 answered as 20x16: IoU 0.8, right at 0.5 to 0.8, seven of ten thresholds.
    scores = coco_scores([image([("a", FIRST)], [("a", Box(0, 0, 20, 16), 1.0)])], "bbox")
    assert scores.ap == pytest.approx(0.7)
    assert (scores.ap_50, scores.ap_75, scores.ar) == (1.0, 1.0, pytest.approx(0.7))


def test_outlines_and_bounding_boxes() -> None:
    triangle = Polygon(((0, 0), (40, 0), (0, 40)))
    pictures = [image([("a", triangle)], [("a", Box(0, 0, 40, 40), 1.0)])]
    assert coco_scores(pictures, "bbox").ap == 1.0
    by_outline = coco_scores(pictures, "segm")
    # Of the box, the triangle is one half, and its pixels a little more.
    assert by_outline.ap_75 == 0.0


def test_classes_are_apart_and_averaged() -> None:
    gold = [("类别=甲", FIRST), ("类别=乙,色=白", SECOND)]
    answer = [("类别=甲,色=黑", FIRST, 0.9), ("类别=甲", SECOND, 0.8), ("类别=丙", NOWHERE, 0.7)]
    scores = coco_scores([image(gold, answer)], "bbox")
    assert scores.classes == {"甲": 1.0, "乙": 0.0}
    assert scores.ap == 0.5


def test_lines_are_left_out_and_counted() -> None:
    line = Line(((0, 0), (9, 9)))
    scores = coco_scores(
        [image([("a", FIRST), ("b", line)], [("a", FIRST, 1.0), ("b", line, 1.0)])]
    )
    assert (scores.ap, scores.lines, scores.classes) == (1.0, 2, {"a": 1.0})


def test_empty_sides() -> None:
    nothing_wanted = coco_scores([image([], [("a", FIRST, 1.0)])])
    assert (nothing_wanted.ap, nothing_wanted.ar) == (None, None)
    nothing_said = coco_scores([image([("a", FIRST)], [])])
    assert (nothing_said.ap, nothing_said.ar) == (0.0, 0.0)


def test_the_limit_is_counted() -> None:
    answer = [("a", NOWHERE, 0.9)] * 3 + [("a", FIRST, 0.1)]
    scores = coco_scores([image([("a", FIRST)], list(answer))], "bbox", max_detections=3)
    assert (scores.ap, scores.beyond_limit) == (0.0, 1)


def test_one_score_each() -> None:
    bad = ScoredImage((), (DenseObject("a", FIRST),), (), 10, 10)
    with pytest.raises(ValueError, match="one score"):
        coco_scores([bad])
