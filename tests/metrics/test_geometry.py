from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.geometry import Box, Geometry, Line, Polygon
from sightwright.inspection_records import DenseObject
from sightwright.metrics.fields import Counts
from sightwright.metrics.geometry import Found, ObjectsMark, Unread, mark_objects
from sightwright.metrics.geometry_summary import summarise
from sightwright.metrics.matching import THRESHOLDS


def thing(desc: str, geometry: Geometry) -> DenseObject:
    return DenseObject(desc, geometry)


CAT = thing("类别=猫,色=黑", Box(0, 0, 10, 10))
DOG = thing("类别=狗,色=白|黑", Box(20, 0, 30, 10))
LEAD = thing("类别=绳", Line(((0, 50), (60, 50))))
YARD = thing("类别=院", Polygon(((0, 60), (40, 60), (0, 90))))
GOLD = (CAT, DOG, LEAD, YARD)


def mark(
    answer: Sequence[DenseObject], gold: Sequence[DenseObject] = GOLD, **more: Any
) -> ObjectsMark:
    return mark_objects(gold, answer, width=100, height=100, **more)


def test_a_perfect_answer_in_any_order() -> None:
    found = mark(GOLD[::-1])
    assert found.exact
    assert found.place["bbox_2d"] == Found(2, 2, (2,) * 10)
    assert found.place["line"] == found.place["poly"] == Found(1, 1, (1,) * 10)
    assert found.all_named == found.all_place == found.regions == Found(4, 4, (4,) * 10)
    scores = summarise([found], bootstrap_samples=0)
    assert scores.all_named.f1_mean == 1.0
    assert (scores.class_accuracy, scores.attribute_accuracy) == (1.0, 1.0)
    assert (scores.count_error, scores.count_bias, scores.exact) == (0.0, 0.0, 1.0)


def test_places_and_classes_apart() -> None:
    # A tenth too wide, and 0.75 of the other; the wrong class on the second.
    answer = (thing("类别=猫,色=白", Box(0, 0, 11, 10)), thing("类别=猫", Box(20, 0, 30, 7.5)))
    found = mark(answer, (CAT, DOG))
    # IoU 10/11 and 3/4: both at 0.5, 0.55, 0.6, 0.65, 0.7, 0.75; one at 0.8, 0.85, 0.9.
    assert found.all_place.hits == (2, 2, 2, 2, 2, 2, 1, 1, 1, 0)
    assert found.all_named.hits == (1, 1, 1, 1, 1, 1, 1, 1, 1, 0)
    assert found.all_place.f1_75 == 1.0
    assert found.all_place.f1_mean == pytest.approx((6 * 1 + 3 * 0.5) / 10)
    assert found.classes == {"狗": Counts(0, 0, 1), "猫": Counts(1, 1, 0)}
    scores = summarise([found], bootstrap_samples=0)
    assert scores.class_accuracy == 0.5
    # 色 is wrong on both: another value, and none.
    assert scores.attribute_accuracy == 0.0
    assert scores.attributes == 2


def test_values_are_sets_and_an_invented_attribute_is_wrong() -> None:
    swapped = mark([thing("类别=狗,色=黑|白,态=坐", DOG.geometry)], [DOG])
    (pair,) = swapped.pairs
    assert (pair.attributes_right, pair.attributes, pair.label_right) == (1, 2, True)
    assert not swapped.exact


def test_a_box_is_no_polygon_but_the_same_region() -> None:
    outline = thing(CAT.desc, Polygon(Box(0, 0, 10, 10).points))
    found = mark([outline], [CAT])
    assert found.place["bbox_2d"] == Found(1, 0)
    assert found.place["poly"] == Found(0, 1)
    assert found.all_place.f1_50 == 0.0
    assert found.regions.f1_mean == 1.0
    assert found.pairs == ()


def test_one_answer_is_one_object() -> None:
    found = mark([CAT, CAT, CAT], [CAT])
    assert found.all_place.at(0.5) == Counts(1, 2, 0)
    twins = (CAT, thing("类别=狗", CAT.geometry))
    # Of two objects in one place, each is paired with the one that says the same.
    assert mark(twins[::-1], twins).exact


def test_empty_against_empty_is_perfect() -> None:
    found = mark((), ())
    assert found.exact
    scores = summarise([found])
    assert scores.all_place.f1_50 == scores.all_named.f1_mean == scores.regions.f1_75 == 1.0
    assert scores.class_accuracy is None
    assert scores.attribute_accuracy is None
    assert scores.place == {}
    assert scores.intervals["place_f1_50"].low == 1.0
    assert "class_accuracy" not in scores.intervals


def test_a_cut_answer_is_empty_and_counted() -> None:
    found = mark(GOLD, cut=True, unread=Unread(kinds=("line",), faults={"x": 1}, header_right=True))
    assert found.all_place == Found(4, 0)
    assert (found.cut, found.readable, found.faults) == (True, False, {})
    empty = mark((), (), cut=True)
    assert empty.all_place.f1_50 == 1.0
    assert not empty.exact
    assert summarise([found, empty], bootstrap_samples=0).cut == 2


def test_what_could_not_be_read_is_answered_and_wrong() -> None:
    unread = Unread(("line", None), {"no desc": 2}, {"odd": 1}, header_right=False)
    found = mark(GOLD, unread=unread)
    assert found.place["line"] == Found(1, 2, (1,) * 10)
    assert found.unread == Found(0, 1)
    assert found.all_place.at(0.5) == Counts(4, 2, 0)
    assert found.regions.at(0.5) == Counts(4, 2, 0)
    scores = summarise([found, mark(GOLD)], bootstrap_samples=0)
    assert (scores.count_error, scores.count_bias) == (1.0, 1.0)
    assert (scores.faults, scores.notes, scores.header_right) == ({"no desc": 2}, {"odd": 1}, 0.0)
    assert scores.all_place.at(0.5) == Counts(8, 2, 0)


def test_an_unreadable_answer_says_why() -> None:
    found = mark((), unread=Unread(faults={"the answer: not JSON": 1}, readable=False))
    assert not found.readable
    assert found.faults == {"the answer: not JSON": 1}
    assert summarise([found], bootstrap_samples=0).readable == 0.0


def test_the_tolerance_of_lines() -> None:
    beside = thing(LEAD.desc, Line(((0, 53), (60, 53))))
    assert mark([beside], [LEAD]).place["line"].hits[0] == 0
    assert mark([beside], [LEAD], tolerance_px=3.1).place["line"].hits == (1,) * 10


@st.composite
def boxes(draw: st.DrawFn) -> DenseObject:
    x, y = draw(st.integers(0, 80)), draw(st.integers(0, 80))
    size = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    label = draw(st.sampled_from("猫狗"))
    return thing(f"类别={label}", Box(x, y, x + size[0], y + size[1]))


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes(), max_size=6), st.lists(boxes(), max_size=6))
def test_properties(gold: list[DenseObject], answer: list[DenseObject]) -> None:
    found = mark(answer, gold)
    assert mark(gold, gold).exact
    assert mark(answer[::-1], gold).all_place == found.all_place
    for threshold in THRESHOLDS:
        place, named = found.all_place.at(threshold), found.all_named.at(threshold)
        assert named.tp <= place.tp <= min(len(gold), len(answer))
        assert found.regions.at(threshold).tp >= place.tp
        assert mark(gold, answer).all_place.at(threshold).f1 == pytest.approx(place.f1)
    total = sum(found.classes.values(), Counts())
    assert total == found.all_named.at(0.5)
