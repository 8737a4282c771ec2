"""A drawn scene's annotations lie on its ink; its record is one; the same seed draws it again."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from sightwright.draw.scenes import (
    DOMAINS,
    GRID,
    LOOKS,
    PARTS,
    Domain,
    Drawn,
    Scene,
    draw_irrelevant,
    draw_scene,
)
from sightwright.geometry import Box, Line, Polygon, canonical, faults, reading_order
from sightwright.inspection_records import (
    read_inspection_record,
    untidy,
    write_inspection_record,
)


def _scenes(domain: Domain, count: int = 30) -> list[Scene]:
    return [draw_scene(seed, domain) for seed in range(count)]


def _inside(drawn: Drawn) -> list[tuple[float, float]]:
    """Places that the part's ink must cover: of an area its centre, of a line points along it."""
    match drawn.geometry:
        case Box(x1, y1, x2, y2):
            return [((x1 + x2) / 2, (y1 + y2) / 2)]
        case Polygon(points):
            xs, ys = zip(*points, strict=True)
            return [(sum(xs) / len(xs), sum(ys) / len(ys))]
        case Line(points):
            shares = (0.05, 0.3, 0.5, 0.8)
            return [
                (x1 + (x2 - x1) * share, y1 + (y2 - y1) * share)
                for (x1, y1), (x2, y2) in pairwise(points)
                for share in shares
            ]


@pytest.mark.parametrize("domain", DOMAINS)
def test_annotations_lie_on_the_ink(domain: Domain) -> None:
    for scene in _scenes(domain):
        pixels = np.array(scene.image)
        for drawn in scene.drawn:
            for x, y in _inside(drawn):
                assert tuple(pixels[int(y), int(x)]) == drawn.look.colour, (scene.record.id, drawn)


@pytest.mark.parametrize("domain", DOMAINS)
def test_boxes_are_tight(domain: Domain) -> None:
    for scene in _scenes(domain):
        pixels = np.array(scene.image).astype(int)
        wall = pixels[GRID // 2, GRID // 2]
        for drawn in scene.drawn:
            if isinstance(drawn.geometry, Box) and drawn.part != "screw":
                x1, y1, x2, y2 = map(int, (drawn.geometry.points[0] + drawn.geometry.points[2]))
                dark = tuple(max(0, value - 60) for value in drawn.look.colour)
                assert tuple(pixels[y1, x1]) == tuple(pixels[y2 - 1, x2 - 1]) == dark
                assert not np.array_equal(pixels[y1, x1], wall)


@pytest.mark.parametrize("domain", DOMAINS)
def test_records_keep_the_contract(domain: Domain) -> None:
    for scene in _scenes(domain):
        record = scene.record
        assert read_inspection_record(write_inspection_record(record)) == record
        assert (record.width, record.height) == scene.image.size == (256, 256)
        assert record.objects
        shapes = [each.geometry for each in record.objects]
        assert reading_order(shapes) == list(range(len(shapes)))
        for each in record.objects:
            assert canonical(each.geometry) == each.geometry
            assert not faults(each.geometry, 256, 256)
            assert not untidy(each.desc)


def test_a_record_says_what_was_drawn() -> None:
    for scene in _scenes("bbu"):
        assert [each.desc for each in scene.record.objects] == [d.look.words for d in scene.drawn]
        assert [each.geometry for each in scene.record.objects] == [d.geometry for d in scene.drawn]


def test_a_summary_counts_the_parts() -> None:
    for scene in _scenes("bbu"):
        summary = json.loads(scene.record.summary or "")
        assert (summary["dataset"], summary["objects_total"]) == ("BBU", len(scene.drawn))
        loose = sum("未拧紧" in drawn.look.words for drawn in scene.drawn)
        entries = {entry["类别"]: entry for entry in summary["统计"]}
        assert entries.get("BBU安装螺丝", {}).get("问题", {}).get("未拧紧", 0) == loose
    assert all(scene.record.summary is None for scene in _scenes("scene", 3))


def test_the_first_label_of_an_rru_belongs_to_its_first_cable() -> None:
    tied = 0
    for scene in _scenes("rru", 90):
        parts = [drawn.part for drawn in scene.drawn]
        members = [index for index, o in enumerate(scene.record.objects) if "组=1" in o.desc]
        if {"label", "cable"} <= set(parts):
            assert members == sorted((parts.index("label"), parts.index("cable")))
            assert json.loads(scene.record.summary or "")["分组统计"] == {"1": 2}
            tied += 1
        else:
            assert not members
    assert tied >= 3


@pytest.mark.parametrize("domain", DOMAINS)
def test_parts_do_not_overlap(domain: Domain) -> None:
    import shapely

    for scene in _scenes(domain):
        shapes = [
            shapely.LineString(d.geometry.points).buffer(4)
            if isinstance(d.geometry, Line)
            else shapely.Polygon(d.geometry.points)
            for d in scene.drawn
        ]
        for index, shape in enumerate(shapes):
            for other in shapes[:index]:
                assert shape.intersection(other).area == pytest.approx(0, abs=1e-6)


def test_the_same_arguments_draw_the_same_scene() -> None:
    first, again, other = (draw_scene(seed, "rru") for seed in (5, 5, 6))
    assert first.record == again.record
    assert first.image.tobytes() == again.image.tobytes()
    assert other.image.tobytes() != first.image.tobytes()


def test_a_scene_holds_what_was_asked_for() -> None:
    for seed in range(20):
        scene = draw_scene(seed, "scene", parts=("unit", "cable"), fewest=2, most=2, cells=4)
        assert scene.image.size == (4 * GRID, 4 * GRID)
        assert {drawn.part for drawn in scene.drawn} <= {"unit", "cable"}
        assert 1 <= len(scene.drawn) <= 2


def test_a_scene_without_faults_has_none() -> None:
    assert not any(draw_scene(seed, "bbu", faulty=False).defects for seed in range(40))
    assert any(draw_scene(seed, "bbu").defects for seed in range(40))


def test_every_look_of_a_domain_comes_up() -> None:
    for domain in DOMAINS:
        seen = {drawn.look for scene in _scenes(domain, 120) for drawn in scene.drawn}
        assert seen == {look for part in PARTS for look in LOOKS[domain].get(part, ())}


def test_all_three_geometries_come_up() -> None:
    kinds = {d.geometry.kind for scene in _scenes("bbu") for d in scene.drawn}
    assert kinds == {"bbox_2d", "poly", "line"}


def test_an_irrelevant_picture_is_one_object_over_all_of_it() -> None:
    for seed in range(6):
        record = draw_irrelevant(seed, cells=4).record
        assert record.summary == "无关图片"
        assert [each.desc for each in record.objects] == ["irrelevant"]
        assert record.objects[0].geometry == Box(0, 0, 128, 128)
        assert read_inspection_record(write_inspection_record(record)) == record


def test_lines_keep_a_distance_from_their_cells_sides() -> None:
    # Half a cell: so that ends and neighbours' ink never touch.
    for scene in _scenes("bbu"):
        for drawn in scene.drawn:
            if isinstance(drawn.geometry, Line):
                for point in drawn.geometry.points:
                    assert all(math.fmod(value, GRID) == GRID / 2 for value in point)
