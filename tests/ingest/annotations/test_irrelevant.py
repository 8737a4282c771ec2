import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright.errors import DataError
from sightwright.ingest.annotations.irrelevant import write_irrelevant
from sightwright.ingest.annotations.pictures import SizeRules
from sightwright.ingest.validate import Validator

from .drawn import draw_image


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    draw_image(tmp_path / "in" / "a.png", (64, 96))
    draw_image(tmp_path / "in" / "b.jpg", (101, 67), exif_orientation=6)
    draw_image(tmp_path / "in" / "sub" / "a.webp", (100, 100))
    return tmp_path / "in"


def test_records_of_irrelevant_pictures(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out" / "irrelevant.jsonl"
    report = write_irrelevant(pictures, out)
    assert (report.num_records, report.num_copied, report.broken) == (3, 1, [])
    assert lines(out) == [
        {
            "id": name, "images": [f"images/{image}"], "width": width, "height": height,
            "objects": [{"desc": "irrelevant", "bbox_2d": [0, 0, width, height]}],
            "summary": "无关图片",
        }
        for name, image, width, height in (
            ("a", "a.png", 64, 96), ("b", "b.jpg", 64, 96), ("sub__a", "sub__a.png", 96, 96),
        )
    ]  # fmt: skip
    validator = Validator()
    assert list(validator.check([out])) == []
    with Image.open(tmp_path / "out" / "images" / "b.jpg") as image:
        assert image.size == (64, 96) and image.getexif().get(0x0112, 1) == 1


def test_another_grid_is_padded_with_grey(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out.jsonl"
    sizes = SizeRules(factor=28)
    write_irrelevant(pictures / "sub", out, sizes=sizes)
    # 100 x 100 becomes 112 x 112 (multiples of 28), and stands on 128 x 128.
    with Image.open(tmp_path / "images" / "a.png") as image:
        assert image.size == (128, 128)
        assert image.getpixel((127, 127)) == (128, 128, 128)
        assert image.getpixel((111, 111)) != (128, 128, 128)


def test_pictures_can_be_changed_in_place(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out.jsonl"
    before = (pictures / "a.png").read_bytes()
    write_irrelevant(pictures, out, in_place=True)
    assert (pictures / "a.png").read_bytes() == before
    assert [record["images"] for record in lines(out)] == [
        ["in/a.png"], ["in/b.jpg"], ["in/sub/a.webp"],
    ]  # fmt: skip
    with Image.open(pictures / "sub" / "a.webp") as image:
        assert (image.format, image.size) == ("WEBP", (96, 96))
    first = out.read_bytes()
    assert write_irrelevant(pictures, out, in_place=True).num_copied == 3
    assert out.read_bytes() == first


def test_broken_pictures_are_named(tmp_path: Path, pictures: Path) -> None:
    (pictures / "c.png").write_text("no image")
    report = write_irrelevant(pictures, tmp_path / "out.jsonl")
    assert report.num_records == 3 and report.broken[0].startswith("c.png: not an image")


def test_what_cannot_be_done(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="files in"):
        write_irrelevant(tmp_path / "in", tmp_path / "out.jsonl")
    (tmp_path / "in" / "c.png").write_text("no image")
    with pytest.raises(DataError, match="no image of the folder"):
        write_irrelevant(tmp_path / "in", tmp_path / "out.jsonl")
    for summary in (" ", "a\nb"):
        with pytest.raises(DataError, match="one line"):
            write_irrelevant(tmp_path / "in", tmp_path / "out.jsonl", summary=summary)


@pytest.mark.parametrize("out", ["irrelevant.jsonl", "in/irrelevant.jsonl", "in/sub/x.jsonl"])
def test_pictures_are_not_written_among_those_that_are_read(
    tmp_path: Path, pictures: Path, out: str
) -> None:
    """They would take their place, or be read as pictures of their own the next time."""
    if out == "irrelevant.jsonl":
        pictures = pictures.rename(tmp_path / "images")
    before = {path: path.read_bytes() for path in pictures.rglob("*.*")}
    with pytest.raises(DataError, match="the folder of the pictures"):
        write_irrelevant(pictures, tmp_path / out)
    assert {path: path.read_bytes() for path in pictures.rglob("*.*")} == before
    assert write_irrelevant(pictures, tmp_path / out, in_place=True).num_records == 3
