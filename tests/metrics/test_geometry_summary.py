import pytest

from sightwright.geometry import Box, Line, Polygon
from sightwright.inspection_records import DenseObject
from sightwright.metrics.fields import Counts
from sightwright.metrics.geometry import Found, ObjectsMark, mark_objects
from sightwright.metrics.geometry_summary import summarise

CAT = DenseObject("类别=猫,色=黑", Box(0, 0, 10, 10))
DOG = DenseObject("类别=狗", Box(20, 0, 30, 10))
LEAD = DenseObject("类别=绳", Line(((0, 50), (60, 50))))
YARD = DenseObject("类别=院", Polygon(((0, 60), (40, 60), (0, 90))))
GOLD = (CAT, DOG, LEAD, YARD)


def mark(
    answer: tuple[DenseObject, ...] | list[DenseObject],
    gold: tuple[DenseObject, ...] | list[DenseObject] = GOLD,
) -> ObjectsMark:
    return mark_objects(gold, answer, width=100, height=100)


def test_the_count_of_objects() -> None:
    scores = summarise([mark(GOLD[:1]), mark((*GOLD, CAT))], bootstrap_samples=0)
    assert (scores.count_error, scores.count_bias) == (2.0, -1.0)


def test_sums_come_before_shares() -> None:
    # 1 of 1 and 0 of 3: F1 over the set is 2/(2 + 3), not the mean of 1 and 0.
    marks = [mark([CAT], [CAT]), mark((), [DOG, LEAD, YARD])]
    scores = summarise(marks, bootstrap_samples=200)
    assert scores.all_place.f1_50 == pytest.approx(0.4)
    assert scores.place["line"].f1_50 == 0.0
    interval = scores.intervals["place_f1_50"]
    assert interval.low == 0.0
    assert interval.high == 1.0
    assert summarise(marks, bootstrap_samples=200).intervals == scores.intervals


def test_nothing_marked() -> None:
    with pytest.raises(ValueError, match="no images"):
        summarise([])


def test_kinds_and_classes_are_summed() -> None:
    scores = summarise([mark([CAT, LEAD]), mark([CAT, CAT], [CAT])], bootstrap_samples=0)
    assert scores.place["bbox_2d"] == Found(3, 3, (2,) * 10)
    assert scores.place["line"] == Found(1, 1, (1,) * 10)
    assert list(scores.classes) == ["狗", "猫", "绳", "院"]
    assert scores.classes["猫"] == Counts(2, 1, 0)
    assert (scores.pairs, scores.attributes, scores.exact) == (3, 2, 0.0)
    assert scores.intervals == {}


def test_intervals_hold_their_scores() -> None:
    marks = [mark(GOLD), mark(GOLD[:2]), mark([]), mark([CAT, CAT])]
    scores = summarise(marks, bootstrap_samples=500)
    told = {
        "place_f1_50": scores.all_place.f1_50,
        "place_f1_mean": scores.all_place.f1_mean,
        "named_f1_75": scores.all_named.f1_75,
        "regions_f1_50": scores.regions.f1_50,
        "count_error": scores.count_error,
        "class_accuracy": scores.class_accuracy,
    }
    for name, value in told.items():
        assert value is not None
        assert scores.intervals[name].low <= value <= scores.intervals[name].high
