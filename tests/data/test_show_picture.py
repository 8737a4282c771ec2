"""Photographs on pictures: one as it is, several as a contact sheet."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright.data import show_picture
from sightwright.data.show_picture import draw_records, open_first, write_picture
from sightwright.errors import DataError
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


def test_one_record_is_a_picture_and_several_a_contact_sheet(tmp_path: Path) -> None:
    other = InspectionRecord("q", "a.png", 160, 100, OBJECTS[:1])
    path = write(tmp_path, RECORD, other, {"id": "r", "messages": []})
    one = draw_records(path, limit=20, ids=["q"])
    assert one.names == ["q"] and one.num_objects == 1
    # Enlarged by a whole factor.
    assert one.picture().size == (640, 400)
    several = draw_records(path, limit=20)
    assert (several.names, several.num_objects) == (["p", "q"], 5)
    assert several.picture().width == 2 * 650 + 10
    ((place, name, why),) = [(f.place, f.id, f.why) for f in several.faulty]
    assert (place, name) == ("x.jsonl:3", "r") and "'messages' is a non-empty list" in why
    with pytest.raises(DataError, match="no record with the id none"):
        draw_records(path, limit=20, ids=["none"])
    with pytest.raises(DataError, match=r"no record could be drawn: x.jsonl:3"):
        draw_records(path, limit=20, ids=["r"]).picture()


def test_a_conversation_has_no_objects(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    drawn = draw_records(write(tmp_path, {"id": "c", "messages": messages}), limit=1)
    assert [fault.why for fault in drawn.faulty] == ["a conversation has no objects to be drawn"]
    with pytest.raises(DataError, match="without an image"):
        open_first(tmp_path / "x.jsonl")


def test_descriptions_that_no_font_can_write_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show_picture, "can_write", lambda objects: objects[0].desc.isascii())
    drawn = draw_records(write(tmp_path, RECORD), limit=1)
    assert drawn.unwritten == ["p 2: 类别=标签,文本=4G", "p 3: 类别=标签,文本=5G"]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp"])
def test_pictures_are_written_as_their_names_say(tmp_path: Path, name: str) -> None:
    write_picture(tmp_path / "new" / name, Image.new("RGB", (5, 4)))
    with Image.open(tmp_path / "new" / name) as image:
        assert image.size == (5, 4)
        assert image.format == {"png": "PNG", "webp": "WEBP"}.get(name[-4:].strip("."), "JPEG")
    with pytest.raises(DataError, match="cannot be written as JPEG"):
        write_picture(tmp_path / "b.jpg", Image.new("RGB", (70_000, 1)))
    assert not (tmp_path / "b.jpg").exists()
