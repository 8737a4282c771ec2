"""How many objects of a record are learnt, and which polygons become boxes."""

from dataclasses import replace
from pathlib import Path

import pytest

from sightwright.config.fusion import FusedSet
from sightwright.geometry import Box, Line, Polygon
from sightwright.inspection_records import DenseObject
from sightwright.sampling.caps import boxes_for_large_polygons, capped, limit_objects, longest

TEN = tuple(DenseObject(f"o{i}", Box(i, 0, i + 1, 1)) for i in range(10))
PENTAGON = Polygon(((5, 0), (10, 4), (8, 9), (2, 9), (0, 4)))
SQUARE = Polygon(((0, 0), (4, 0), (4, 4), (0, 4)))
LINE = Line(((0, 0), (1, 1), (2, 0), (3, 1), (4, 0), (5, 1)))
ENTRY = FusedSet(
    name="lvis",
    kind="lvis",
    domain="source",
    train_jsonl=Path("l.jsonl"),
    val_jsonl=None,
    template="source_dense",
    learns="dense",
    ratio=0.1,
    augmentation=False,
    curriculum=False,
    max_objects=None,
    poly_max_points=None,
)


def names(objects: tuple[DenseObject, ...]) -> list[str]:
    return [each.desc for each in objects]


@pytest.mark.parametrize("most", [None, 10, 11])
def test_up_to_the_cap_nothing_is_touched(most: int | None) -> None:
    # F14.
    assert capped(TEN, most, seed=1, epoch=0, key="a") is TEN


def test_above_the_cap_some_are_drawn_in_the_order_they_had() -> None:
    # F14.
    kept = capped(TEN, 4, seed=1, epoch=0, key="a")
    assert len(kept) == 4
    assert names(kept) == sorted(names(kept))
    assert set(kept) <= set(TEN)


def test_the_choice_is_of_seed_epoch_and_record() -> None:
    first = capped(TEN, 4, seed=1, epoch=0, key="a")
    assert first == capped(TEN, 4, seed=1, epoch=0, key="a")
    others = [
        capped(TEN, 4, seed=2, epoch=0, key="a"),
        capped(TEN, 4, seed=1, epoch=1, key="a"),
        capped(TEN, 4, seed=1, epoch=0, key="b"),
    ]
    assert first not in others


def test_every_object_is_as_likely() -> None:
    counts = dict.fromkeys(names(TEN), 0)
    for epoch in range(1000):
        for name in names(capped(TEN, 3, seed=1, epoch=epoch, key="a")):
            counts[name] += 1
    # 300 are expected of each; 14.5 is a standard deviation.
    assert all(240 < count < 360 for count in counts.values())


def test_polygons_of_more_points_become_the_boxes_around_them() -> None:
    # F15.
    objects = tuple(DenseObject(g.kind, g) for g in (PENTAGON, SQUARE, LINE, Box(1, 2, 3, 4)))
    changed, number = boxes_for_large_polygons(objects, 4)
    assert number == 1
    assert changed == (replace(objects[0], geometry=Box(0, 0, 10, 9)), *objects[1:])
    assert boxes_for_large_polygons(objects, 5) == (objects, 0)
    assert boxes_for_large_polygons(objects, None) == (objects, 0)


def test_both_limits_of_an_entry_are_counted() -> None:
    objects = (DenseObject("p", PENTAGON), *TEN)
    limits = replace(ENTRY, max_objects=8, poly_max_points=4)
    limited = limit_objects(objects, limits, seed=1, epoch=0, key="a")
    assert (len(limited.objects), limited.num_boxed, limited.num_left_out) == (8, 1, 3)
    free = limit_objects(objects, ENTRY, seed=1, epoch=0, key="a")
    assert (free.objects, free.num_boxed, free.num_left_out) == (objects, 0, 0)


def test_the_longest_that_the_limits_may_leave() -> None:
    texts = ("aa", "aaaa", "a", "aaa")
    some = tuple(DenseObject(text, Box(0, 0, 1, 1)) for text in texts)
    entry = replace(ENTRY, max_objects=2, poly_max_points=4)
    assert names(longest(some, entry)) == ["aaaa", "aaa"]
    assert longest(some, replace(ENTRY, max_objects=4)) == some
    # A polygon that becomes a box is no longer a long one.
    large = (DenseObject("b", PENTAGON), *some)
    assert names(longest(large, entry)) == ["aaaa", "aaa"]
    assert names(longest(large, replace(entry, poly_max_points=None))) == ["b", "aaaa"]
