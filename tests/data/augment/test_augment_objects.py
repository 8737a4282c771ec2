"""Cuts and copies by hand: coverage, what is dropped and why, what is said afterwards."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sightwright.config.sections.augmentation_ops import RandomCrop
from sightwright.config.sections.augmentation_params import (
    PadToMultipleParams,
    RandomCropParams,
    RoiCropParams,
    SmallObjectZoomPasteParams,
)
from sightwright.data.augment.canvas import Canvas
from sightwright.data.augment.crop import Cut, _anchor, _cut_around, _cut_out, _random_cut
from sightwright.data.augment.paste import zoom_paste
from sightwright.data.augment.report import Added, Dropped, Skipped
from sightwright.data.augment.shapes import brought_inside, in_whole_pixels, left_on
from sightwright.data.augment.sizes import pad_to_multiple
from sightwright.geometry import Box, Geometry, Line, Polygon
from sightwright.inspection_records import DenseObject

PAPER = (200, 200, 200)


def canvas_of(*shapes: Geometry, size: tuple[int, int] = (200, 100), desc: str = "物") -> Canvas:
    objects = tuple(DenseObject(f"类别={desc},可见性=完整", shape) for shape in shapes)
    return Canvas.of(Image.new("RGB", size, PAPER), objects, objects_fixed=False)


def crop_step(**params: Any) -> RandomCrop:
    return RandomCrop(name="random_crop", params=RandomCropParams(**params))


# What is left of a shape


def test_a_shape_is_cut_and_its_share_told() -> None:
    # Seen to the border of the last pixel, at 99.5: 50.5 of 100.
    assert left_on(Box(49, 10, 149, 20), (100, 50)) == left_on(Box(49, 10, 149, 20), (100, 60))
    left = left_on(Box(49, 10, 149, 20), (100, 50))
    assert left is not None
    assert left.geometry == Box(49, 10, 99, 20)
    assert left.coverage == pytest.approx(0.505)
    line = left_on(Line(((90, 5), (109, 5))), (100, 50))
    assert line is not None
    assert line.geometry == Line(((90, 5), (99, 5)))
    assert line.coverage == pytest.approx(0.5)
    assert left_on(Box(100, 10, 149, 20), (100, 50)) is None


def test_a_concave_polygon_keeps_its_shape_when_it_is_cut() -> None:
    # An arrow head to the left, its right half cut off: the notch stays.
    arrow = Polygon(((80, 10), (120, 40), (80, 30), (40, 40)))
    left = left_on(arrow, (81, 50))
    assert left is not None
    assert left.geometry == Polygon(((80, 10), (80, 30), (40, 40)))
    assert left.coverage == pytest.approx(0.5, abs=0.02)


def test_a_vertex_half_a_pixel_outside_does_not_part_a_line() -> None:
    line = Line(((40, 0), (-0.4, 20), (40, 40)))
    left = left_on(line, (50, 50))
    assert left is not None and left.coverage == 1
    assert left.geometry == Line(((40, 0), (0, 20), (40, 40)))


def test_a_record_may_say_the_right_border_as_w() -> None:
    assert brought_inside(Box(90, 0, 100, 50), (100, 50)) == Box(90, 0, 99, 49)
    assert brought_inside(Box(99, 0, 100, 50), (100, 50)) == Box(98, 0, 99, 49)
    assert brought_inside(Box(1.5, 2, 3, 4), (100, 50)) == Box(1.5, 2, 3, 4)


@pytest.mark.parametrize(
    ("shape", "found", "how"),
    [
        (Box(1.4, 2.6, 9.5, 8.5), Box(1, 3, 10, 8), ""),
        (Box(1.1, 2, 1.4, 8), Box(1, 2, 2, 8), "widened"),
        (Box(98.8, 2, 99, 8), Box(98, 2, 99, 8), "widened"),
        (Polygon(((1, 1), (20.3, 1.2), (20.4, 1.4))), Polygon(((1, 1), (20, 1), (20, 2), (1, 2))),
         "widened"),
        (Line(((1.2, 1), (1.4, 1.3))), Line(((1, 1), (2, 1))), "widened"),
        # A needle's tip that rounding lays across its base.
        (Polygon(((0, 0), (10, 0), (10, 3), (5.5, 0.4), (5, 10))),
         Polygon(((0, 0), (10, 0), (10, 3), (5, 10))), "hull"),
    ],
)  # fmt: skip
def test_whole_pixels_leave_a_valid_shape(shape: Geometry, found: Geometry, how: str) -> None:
    assert in_whole_pixels(shape, (100, 50)) == (found, how)


# Cuts


def test_a_cut_drops_what_keeps_too_little_and_describes_the_rest() -> None:
    canvas = canvas_of(
        Box(0, 0, 100, 50),  # half of it left of the cut
        Box(0, 0, 60, 50),  # a sixth stays
        Box(60, 10, 90, 40),  # whole
        Box(0, 0, 20, 20),  # outside
    )
    _cut_out(canvas, Cut(50, 0, 100, 80), crop_step(min_objects=2))
    assert canvas.size == (100, 80)
    assert [each.item.geometry for each in canvas.objects] == [
        Box(0, 0, 50, 50),
        Box(10, 10, 40, 40),
    ]
    assert [each.item.desc for each in canvas.objects] == [
        "类别=物,可见性=部分",
        "类别=物,可见性=完整",
    ]
    assert [each.coverage for each in canvas.objects] == [pytest.approx(0.505), 1.0]
    desc = "类别=物,可见性=完整"
    assert canvas.log.dropped == [
        Dropped(1, desc, "random_crop", "keeps 18% of itself, below min_coverage"),
        Dropped(3, desc, "random_crop", "lies wholly outside the cut"),
    ]
    assert canvas.log.applied == ["random_crop"]


def test_a_cut_from_the_top_left_moves_nothing_and_cuts_all_the_same() -> None:
    originals = (DenseObject("类别=物,可见性=完整", Box(50, 10, 149, 40)),)
    canvas = Canvas.of(Image.new("RGB", (200, 100)), originals, objects_fixed=False)
    _cut_out(canvas, Cut(0, 0, 100, 100), crop_step(min_objects=1))
    canvas.finish(originals)
    assert canvas.objects[0].item == DenseObject("类别=物,可见性=部分", Box(50, 10, 99, 40))
    assert canvas.log.partial == [0]


@pytest.mark.parametrize(
    ("desc", "after"),
    [
        ("类别=物,可见性=完整,备注=x", "类别=物,可见性=部分,备注=x"),
        ("可见性=完整", "可见性=部分"),
        ("类别=物,可见性=完整度高", "类别=物,可见性=完整度高"),
        ("类别=物,不可见性=完整", "类别=物,不可见性=完整"),
        ("traffic light", "traffic light"),
    ],
)
def test_only_the_whole_attribute_is_rewritten(desc: str, after: str) -> None:
    objects = (DenseObject(desc, Box(0, 0, 100, 50)),)
    canvas = Canvas.of(Image.new("RGB", (200, 100)), objects, objects_fixed=False)
    _cut_out(canvas, Cut(50, 0, 100, 80), crop_step(min_objects=0))
    assert canvas.objects[0].item.desc == after


def test_what_a_cut_calls_whole_is_whole_to_those_after_it() -> None:
    canvas = canvas_of(Box(0, 0, 100, 50))
    _cut_out(canvas, Cut(50, 0, 100, 80), crop_step(min_objects=1, completeness=0.4))
    pad_to_multiple(canvas, PadToMultipleParams())
    assert canvas.size == (128, 96)
    # About a half of it is left, and nothing went lost to the padding.
    assert canvas.objects[0].item.desc == "类别=物,可见性=完整"
    assert canvas.objects[0].coverage == pytest.approx(0.505)


def test_a_cut_that_leaves_too_few_or_parts_a_line_is_not_made() -> None:
    canvas = canvas_of(Box(60, 10, 90, 40), Line(((10, 10), (90, 10))))
    _cut_out(canvas, Cut(50, 0, 100, 80), crop_step(min_objects=3))
    _cut_out(canvas, Cut(50, 0, 100, 80), crop_step(min_objects=1))
    assert canvas.size == (200, 100) and len(canvas.objects) == 2
    assert canvas.log.skipped == [
        Skipped("random_crop", "fewer than min_objects would be left"),
        Skipped("random_crop", "would cut through a line"),
    ]
    _cut_out(canvas, Cut(50, 0, 100, 80), crop_step(min_objects=1, skip_if_line=False))
    assert canvas.objects[1].item.geometry == Line(((0, 10), (40, 10)))
    # A line wholly outside is dropped and not cut through.
    apart = canvas_of(Box(60, 10, 90, 40), Line(((10, 10), (30, 10))))
    _cut_out(apart, Cut(50, 0, 100, 80), crop_step(min_objects=1))
    assert [each.index for each in apart.log.dropped] == [1]


def test_a_random_cut_keeps_its_share_of_the_area_and_its_proportions() -> None:
    rng = np.random.default_rng(0)
    params = RandomCropParams(scale=(0.25, 0.25), aspect=(1, 1))
    cuts = [_random_cut(params, (200, 100), rng) for _ in range(200)]
    assert {(cut.width, cut.height) for cut in cuts} == {(100, 50)}
    assert min(cut.x for cut in cuts) < 3 and 197 < max(cut.x + cut.width for cut in cuts) <= 200
    wide = _random_cut(RandomCropParams(scale=(0.25, 0.25), aspect=(4, 4)), (200, 100), rng)
    assert (wide.width, wide.height) == (200, 25)


def test_a_cut_around_an_anchor_has_it_inside() -> None:
    rng = np.random.default_rng(0)
    anchor = Box(40, 30, 59, 49)
    params = RoiCropParams(scale=(2, 2), min_size=30)
    for _ in range(100):
        cut = _cut_around(anchor, params, (200, 100), rng)
        assert (cut.width, cut.height) == (40, 40)
        assert 0 <= cut.x <= 40 and cut.x + cut.width >= 60
        assert 0 <= cut.y <= 30 and cut.y + cut.height >= 50
    small = _cut_around(anchor, RoiCropParams(min_size=384), (200, 100), rng)
    assert small == Cut(0, 0, 200, 100)


def test_an_anchor_is_of_the_named_classes() -> None:
    rng = np.random.default_rng(0)
    canvas = canvas_of(Box(0, 0, 9, 9), desc="标签")
    assert _anchor(canvas, RoiCropParams(anchor_classes=("标签",)), rng) == Box(0, 0, 9, 9)
    assert _anchor(canvas, RoiCropParams(anchor_classes=("光纤",)), rng) is None


# Copies


def scene(**params: Any) -> Canvas:
    """A red square with a green dot in it, a long bar, and much free place."""
    image = Image.new("RGB", (300, 200), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 39, 39), fill=(200, 0, 0))
    draw.rectangle((24, 28, 27, 31), fill=(0, 160, 0))
    draw.rectangle((0, 100, 299, 120), fill=(0, 0, 160))
    objects = (
        DenseObject("类别=标签", Box(20, 20, 39, 39)),
        DenseObject("类别=条", Box(0, 100, 299, 120)),
    )
    canvas = Canvas.of(image, objects, objects_fixed=False)
    zoom_paste(canvas, SmallObjectZoomPasteParams(**params), np.random.default_rng(3))
    return canvas


@pytest.mark.parametrize("mode", ["aabb", "mask"])
def test_a_copy_is_where_it_says_and_on_nothing_else(mode: str) -> None:
    canvas = scene(scale=(2, 2), overlap=0, attempts=200, overlap_mode=mode)
    assert len(canvas.objects) == 3
    copy = canvas.objects[2]
    assert copy.index == 0 and copy.is_copy and copy.item.desc == "类别=标签"
    assert canvas.log.added == [Added(0, "类别=标签", "small_object_zoom_paste")]
    box = copy.item.geometry
    assert isinstance(box, Box)
    # 28 pixels with their context become 56: 19 between the outermost middles become 38.
    assert (box.x2 - box.x1, box.y2 - box.y1) == (38, 38)
    levels = np.asarray(canvas.image, int)
    red = np.argwhere((levels[..., 0] > 150) & (levels[..., 1] < 60))
    copied = red[(np.abs(red - [29.5, 29.5]) > 12).any(axis=1)]
    assert np.abs(copied.min(axis=0)[::-1] - [box.x1, box.y1]).max() <= 1
    assert np.abs(copied.max(axis=0)[::-1] - [box.x2, box.y2]).max() <= 1
    green = np.argwhere((levels[..., 1] > 100) & (levels[..., 0] < 60))
    dot = green[(np.abs(green - [29.5, 25.5]) > 6).any(axis=1)].mean(axis=0)
    # From 20 to the middle of the dot at 25.5 it was 5.5, and is 11; down 9.5, and is 19.
    assert dot[1] == pytest.approx(box.x1 + 11, abs=0.7)
    assert dot[0] == pytest.approx(box.y1 + 19, abs=0.7)
    assert (levels[100:121] == [0, 0, 160]).all()


@pytest.mark.parametrize("mode", ["aabb", "mask"])
def test_not_a_pixel_of_another_object_is_painted_over(mode: Any) -> None:
    image = Image.new("RGB", (200, 120), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 10, 39, 29), fill=(200, 0, 0))
    draw.rectangle((0, 60, 199, 80), fill=(0, 0, 160))
    shapes = (Box(20, 10, 39, 29), Box(0, 60, 199, 80))
    objects = tuple(DenseObject("类别=物", shape) for shape in shapes)
    params = SmallObjectZoomPasteParams(scale=(1, 1), overlap=0, attempts=99, overlap_mode=mode)
    for seed in range(100):
        canvas = Canvas.of(image, objects, objects_fixed=False)
        zoom_paste(canvas, params, np.random.default_rng(seed))
        assert len(canvas.objects) == 3
        assert (np.asarray(canvas.image)[60:81] == [0, 0, 160]).all()


def test_a_copy_needs_a_small_object_of_the_class_and_a_free_place() -> None:
    for params, reason in (
        ({"max_size": 10}, "no small object"),
        ({"class_whitelist": ("光纤",)}, "no small object"),
        ({"scale": (8, 8)}, "no free place"),
        ({"scale": (4, 4), "overlap": 0, "attempts": 1}, "no free place"),
    ):
        canvas = scene(**params)
        assert canvas.log.skipped == [Skipped("small_object_zoom_paste", reason)]
        assert len(canvas.objects) == 2 and canvas.log.applied == []


def test_a_short_line_is_copied_and_a_long_one_not() -> None:
    for length, number in ((60, 2), (150, 1)):
        image = Image.new("RGB", (300, 300), PAPER)
        objects = (DenseObject("类别=光纤", Line(((10, 10), (10 + length, 10)))),)
        canvas = Canvas.of(image, objects, objects_fixed=False)
        for mode in ("mask", "aabb"):
            params = SmallObjectZoomPasteParams(overlap_mode=mode, attempts=100)
            zoom_paste(canvas, params, np.random.default_rng(1))
            if number == 1:
                assert len(canvas.objects) == 1
        if number == 2:
            assert len(canvas.objects) == 3
