"""Photographs on sheets: numbered as in the answer, drawn where they are."""

import json
import re
from pathlib import Path
from typing import Any

from PIL import Image

from sightwright.data.encode import Encoder
from sightwright.data.show import How, Sheet, make_sheet, summary
from sightwright.data.show_objects import MOST_OBJECTS, drawing_of
from sightwright.draw.colours import colour_of
from sightwright.geometry import Box, Line, Polygon
from sightwright.inspection_records import DenseObject, InspectionRecord, write_inspection_record

OBJECTS = (
    DenseObject("类别=标签,文本=5G", Box(100, 50, 120, 60)),
    DenseObject("类别=标签,文本=4G", Box(20, 50, 40, 60)),
    DenseObject("cable", Line(((30, 40), (5, 10)))),
    DenseObject("plate", Polygon(((0, 60), (10, 60), (10, 70)))),
)
RECORD = InspectionRecord("p", "a.png", 160, 100, OBJECTS, "one line")


def write(folder: Path, *records: InspectionRecord | dict[str, Any]) -> Path:
    Image.new("RGB", (160, 100), "white").save(folder / "a.png")
    values = [r if isinstance(r, dict) else write_inspection_record(r) for r in records]
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def sheet_of(path: Path, encoder: Encoder, **how: Any) -> Sheet:
    return make_sheet(path, How(encoder, **how), about={}, limit=20)


def test_numbers_are_those_of_the_answer() -> None:
    # T3: from top to bottom, then left to right, by the reference points.
    drawing = drawing_of(RECORD)
    assert [shape.desc for shape in drawing.shapes] == [
        "cable", "类别=标签,文本=4G", "类别=标签,文本=5G", "plate",
    ]  # fmt: skip
    assert [shape.what for shape in drawing.shapes] == [
        "line of 2", "bbox_2d", "bbox_2d", "poly of 3",
    ]  # fmt: skip
    assert drawing.shapes[1].points == "20,50 40,50 40,60 20,60"
    assert drawing.shapes[0].numbers == "30, 40, 5, 10"
    assert (drawing.classes[0].name, drawing.classes[0].count) == ("标签", 2)
    fine = DenseObject("fine", Box(1234.5678, 0, 1500, 9.5))
    (shape,) = drawing_of(InspectionRecord("p", "a", 1920, 10, (fine,))).shapes
    assert shape.numbers == "1234.5678, 0, 1500, 9.5"
    # The middle of the bounding boxes: the plate's is lowest, the labels' are equal.
    by_centre = drawing_of(RECORD, "center")
    assert [shape.kind for shape in by_centre.shapes] == ["line", "bbox_2d", "bbox_2d", "poly"]


def test_a_polygon_is_sorted_by_its_top_vertex_wherever_it_begins() -> None:
    polygon = DenseObject("late", Polygon(((10, 90), (20, 90), (15, 5))))
    record = InspectionRecord("p", "a", 160, 100, (*OBJECTS, polygon))
    assert drawing_of(record).shapes[0].desc == "late"


def test_badges_stay_on_the_picture() -> None:
    corners = [Box(0, 0, 5, 5), Box(155, 95, 160, 100), Line(((160, 100), (159, 0)))]
    record = InspectionRecord("p", "a", 160, 100, tuple(DenseObject("x", b) for b in corners))
    drawing = drawing_of(record)
    for shape in drawing.shapes:
        x, y = shape.badge
        assert 0 <= x <= 160 - drawing.unit and drawing.unit <= y <= 100


def test_very_many_objects_are_counted() -> None:
    objects = tuple(DenseObject("x", Box(0, 0, 1 + n, 1)) for n in range(MOST_OBJECTS + 7))
    drawing = drawing_of(InspectionRecord("p", "a", 1000, 10, objects))
    assert (len(drawing.shapes), drawing.hidden, drawing.num_objects) == (500, 7, 507)


def test_a_photograph_stands_beside_its_objects(tmp_path: Path, encoder: Encoder) -> None:
    hostile = DenseObject('<script>alert(1)</script>"x', Box(0, 0, 160, 100))
    nameless = InspectionRecord("", "a.png", 160, 100, (hostile,))
    path = write(tmp_path, RECORD, nameless, {**write_inspection_record(RECORD), "width": 161})
    sheet = sheet_of(path, encoder)
    first, second, third = sheet.cards
    assert (first.id, first.problem, first.answer, first.counts) == ("p", "", "", None)
    assert (second.id, second.problem) == ("a.png", "")
    assert third.problem == (
        "the record says 161x100, the image is 160x100: its coordinates would lie elsewhere"
    )
    # Shapes with their halo, in pixels of the image; descriptions as text alone.
    assert sheet.page.count('viewBox="0 0 160 100"') == 2
    assert 'id="r1o2" points="20,50 40,50 40,60 20,60"' in sheet.page
    assert f'stroke="{colour_of("标签")}"' in sheet.page
    assert "<script" not in sheet.page and sheet.page.count("&lt;script&gt;") == 3
    assert "one line" in sheet.page
    outcome = summary(sheet)
    assert (outcome["photographs"], outcome["objects"], outcome["longest"]) == (3, 9, 0)


def test_a_broken_record_keeps_its_name(tmp_path: Path, encoder: Encoder) -> None:
    value = {**write_inspection_record(RECORD), "width": 0}
    (card,) = sheet_of(write(tmp_path, value), encoder).cards
    assert card.id == "p" and "'width' is 0" in card.problem
    assert card.raw.startswith('{"id"')
    (card,) = sheet_of(write(tmp_path, {**value, "width": 10**400}), encoder).cards
    assert card.id == "p" and card.drawing is None


def test_what_is_faulty_is_drawn_as_far_as_it_can_be_read(tmp_path: Path, encoder: Encoder) -> None:
    bow_tie = {"desc": "a, b", "poly": [0, 0, 50, 50, 50, 0, 0, 50]}
    objects = [bow_tie, {"desc": "x", "line": [1]}, {"bbox_2d": [0, 0, 9, 9]}, 3]
    value = {**write_inspection_record(RECORD), "objects": objects}
    missing = {**value, "images": ["none.png"]}
    sheet = sheet_of(write(tmp_path, value), encoder)
    (card,) = sheet.cards
    assert "object 1: 'desc' has a space after a comma" in card.problem
    assert card.drawing is not None and card.raw == ""
    assert [shape.desc for shape in card.drawing.shapes] == ["a, b", ""]
    assert 'points="0,0 50,50 50,0 0,50"' in sheet.page
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(missing))
    (card,) = sheet_of(path, encoder).cards
    assert card.drawing is None and card.raw


def test_the_learnt_answer_is_its_own_line(tmp_path: Path, encoder: Encoder) -> None:
    from sightwright.data.encode import arrange_inspection
    from sightwright.tasks.dense import DenseTask
    from sightwright.tasks.prompts import Prompt

    task = DenseTask(Prompt(None, "Find."))
    asked = Encoder(
        encoder.tokenizer, encoder.spec, arrange_inspection(task), max_length=encoder.max_length
    )
    (card,) = sheet_of(write(tmp_path, RECORD), asked, asks_photographs=True).cards
    assert card.answer == task.target(RECORD)
    assert card.counts is not None and card.counts.learnt > 20
    numbers = re.findall(r'"desc": "([^"]+)"', card.answer)
    assert card.drawing is not None
    assert numbers == [shape.desc for shape in card.drawing.shapes]
