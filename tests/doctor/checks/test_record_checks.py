"""One planted fault for each check of a record, and none where there is none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright.doctor.checks.overlaps import overlap
from sightwright.doctor.checks.resolution import shrinking, smallest_side
from sightwright.doctor.corpus import Split
from sightwright.doctor.diagnosis import Diagnosis, diagnose
from sightwright.doctor.exam import Setup
from sightwright.geometry import Box, Line, Polygon

from ..conftest import SIDE, examined, page, picture, told, write

Photos = Callable[..., dict[str, Any]]


def one(tmp_path: Path, record: Any, **settings: Any) -> list[str]:
    return told(examined(write(tmp_path / "train.jsonl", record), **settings))


def test_a_clean_photograph_and_a_clean_document(tmp_path: Path, photos: Photos) -> None:
    document = page(tmp_path, "doc", 7, {"total": 12.5, "date": "2017-12-31", "note": None},
                    ["Total", "12,50", "31", "Dec", "2017"])  # fmt: skip
    chat = {"messages": [{"role": "user", "content": "hello"},
                         {"role": "assistant", "content": "Good day."}]}  # fmt: skip
    assert (
        told(examined(write(tmp_path / "train.jsonl", photos(1), photos(2), document, chat))) == []
    )


# contract


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"id": "a"}', "'messages' is a non-empty list"),
        ('{"id": "a", "images": ["x.png"], "objects": 5, "width": 9, "height": 9}', "'objects' is"),
        ('{"id": "a", "objects": [{"desc": "x, y", "bbox_2d": [0, 0, 5, 5]}], "width": 9, '
         '"height": 9, "images": ["x.png"]}', "a space after a comma"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "nothing to learn"),
        ('{"messages": [{"role": "user", "content": "x"}, '
         '{"role": "assistant", "content": "{\\"a\\": "}]}', "not a JSON object"),
    ],
)  # fmt: skip
def test_a_broken_contract(tmp_path: Path, line: str, why: str) -> None:
    found = one(tmp_path, line)
    assert found and all(each.startswith("contract error train.jsonl:1 (") for each in found)
    assert why in " ".join(found)


def test_a_document_needs_an_id(tmp_path: Path) -> None:
    record = page(tmp_path, "a", 1, {"x": "y"}, ["y"])
    del record["id"]
    (found,) = one(tmp_path, record)
    assert "no 'id'" in found


# images


def test_an_image_that_is_not_there(tmp_path: Path, photos: Photos) -> None:
    (found,) = one(tmp_path, photos(1, images=["gone.png"]))
    assert found == (
        "images error train.jsonl:1 (photo-1): gone.png: no such image file"
    )  # fmt: skip


def test_a_recorded_size_that_is_not_the_image_s(tmp_path: Path, photos: Photos) -> None:
    (found,) = one(tmp_path, photos(1, width=256, height=200))
    assert "says 256x200 pixels, its image has 128x128" in found


def test_a_recorded_size_that_forgot_exif(tmp_path: Path, photos: Photos) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    record = photos(1, images=["turned.jpg"], width=128, height=64)
    picture(1).resize((128, 64)).save(tmp_path / "turned.jpg", exif=exif)
    (found,) = one(tmp_path, record)
    assert "its image has 64x128 once it is turned upright" in found


# geometry


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"bbox_2d": [100, 100, 140, 120]}, "outside the image of 128x128"),
        ({"bbox_2d": [40, 10, 40, 40]}, "not left < right"),
        ({"poly": [10, 10, 60, 40, 60, 10, 10, 30]}, "crosses itself"),
        ({"poly": [10, 10, 20, 20, 30, 30]}, "no area"),
        ({"line": [10, 10, 10, 10]}, "no length"),
        ({"bbox_2d": [1, 2, 3]}, "4 numbers, not 3"),
    ],
)
def test_a_shape_that_cannot_be(
    tmp_path: Path, photos: Photos, shape: dict[str, Any], why: str
) -> None:
    objects = [{"desc": "screw", "bbox_2d": [10, 10, 40, 40]}, {"desc": "bolt", **shape}]
    found = examined(write(tmp_path / "train.jsonl", photos(1, objects=objects)))
    (line,) = told(found)
    assert line.startswith("geometry error train.jsonl:1 (photo-1): object 2 (bolt): ")
    assert why in line
    # The picture shows the shape, where it is one.
    (finding,) = found.findings["geometry"]
    assert len(finding.shown[0].marks) == (0 if "numbers" in why else 1)
    # The other object is still looked at.
    assert found.corpus.classes == {(0, "screw"): 1}


def test_a_record_of_wrong_shapes_alone_has_no_other_fault(tmp_path: Path, photos: Photos) -> None:
    objects = [{"desc": "screw", "bbox_2d": [0, 0, 400, 400]}]
    (found,) = one(tmp_path, photos(1, objects=objects))
    assert found.startswith("geometry error")


# overlaps


def test_an_object_annotated_twice(tmp_path: Path, photos: Photos) -> None:
    objects = [
        {"desc": "screw", "bbox_2d": [10, 10, 110, 110]},
        {"desc": "screw", "bbox_2d": [10, 10, 110, 108]},
        {"desc": "plate", "bbox_2d": [10, 10, 110, 110]},
    ]
    (found,) = one(tmp_path, photos(1, objects=objects))
    assert found == (
        "overlaps warning train.jsonl:1 (photo-1): objects 1 and 2 (screw) are the same shape: "
        "they share 98%"
    )


@pytest.mark.parametrize(
    ("a", "b", "shared"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 5), 0.5),
        (Box(0, 0, 10, 10), Box(20, 20, 30, 30), 0.0),
        (Box(0, 0, 10, 10), Polygon(((0, 0), (10, 0), (0, 10))), 0.5),
        (Line(((0, 0), (5, 5))), Line(((5, 5), (0, 0))), 1.0),
        (Line(((0, 0), (5, 5))), Line(((0, 0), (5, 6))), 0.0),
    ],
)
def test_overlap(a: Any, b: Any, shared: float) -> None:
    assert overlap(a, b) == pytest.approx(shared)


def test_a_thousand_copies_of_one_object_are_counted_and_few_listed(
    tmp_path: Path, photos: Photos
) -> None:
    objects = [{"desc": "screw", "bbox_2d": [10, 10, 40, 40]}] * 1000
    found = examined(write(tmp_path / "train.jsonl", photos(1, objects=objects)))
    # Each with the 50 that follow it: 950 * 50 + 49 + 48 + … + 0.
    assert found.counts["overlaps", "warning"] == 950 * 50 + 49 * 50 // 2
    assert len(found.findings["overlaps"]) == 20


# resolution


def test_text_that_will_be_too_small(tmp_path: Path) -> None:
    record = page(tmp_path, "a", 1, {"x": "Total"}, ["Total", "Total"], height=9)
    # 128x128 at 4096 pixels is 64x64: 9 pixels become 4.5.
    assert one(tmp_path, record) == []
    low = examined_at(tmp_path / "train.jsonl", max_pixels=4096)
    assert low == [
        "resolution warning train.jsonl:1 (a): page 1: text such as 'Total' will be 4.5 pixels "
        "high at 4096 pixels a page"
    ]
    # 6 of 9 pixels: two thirds of each side of 128.
    (finding,) = diagnosed(tmp_path / "train.jsonl", 4096).findings["resolution"]
    assert finding.remedy.startswith("about 7282 pixels a page make it 6 high: raise template.")


def examined_at(file: Path, max_pixels: int) -> list[str]:
    return told(diagnosed(file, max_pixels))


def diagnosed(file: Path, max_pixels: int) -> Diagnosis:
    return diagnose([Split(file.stem, (file,))], Setup(max_pixels, 1024), num_workers=0)


def test_an_object_that_will_be_too_small(tmp_path: Path, photos: Photos) -> None:
    objects = [{"desc": "screw", "bbox_2d": [10, 10, 40, 22]}]
    file = write(tmp_path / "train.jsonl", photos(1, objects=objects))
    assert examined_at(file, max_pixels=128 * 128) == []
    (found,) = examined_at(file, max_pixels=64 * 64)
    assert "object 1 (screw) will have a side of 6.0 pixels at 4096 pixels" in found


def test_objects_keep_their_numbers_beside_faulty_ones(tmp_path: Path, photos: Photos) -> None:
    off = {"desc": "off", "bbox_2d": [9000, 0, 9010, 10]}
    nail, plate = [10, 10, 13, 13], [60, 60, 100, 100]
    objects = [off, {"desc": "nail", "bbox_2d": nail}, off]
    objects += [{"desc": "plate", "bbox_2d": plate}] * 2
    found = one(tmp_path, photos(1, objects=objects))
    assert ["object 2 (nail) will have" in line for line in found].count(True) == 1
    assert ["objects 4 and 5 (plate)" in line for line in found].count(True) == 1


def test_how_much_an_image_shrinks() -> None:
    assert shrinking(128, 128, Setup(128 * 128, 1024)) == 1
    assert shrinking(128, 128, Setup(64 * 64, 1024)) == 0.5
    assert shrinking(20_000, 10, Setup(64 * 64, 1024)) == 1


def test_the_smallest_side() -> None:
    assert smallest_side(Box(0, 0, 30, 12)) == 12
    assert smallest_side(Line(((0, 0), (30, 12)))) == 30


# page_values


def test_a_value_that_is_not_on_the_page(tmp_path: Path) -> None:
    answer = {"vendor": "Acme", "lines": [{"price": 5.0}, {"price": 7.25}], "paid": True}
    found = examined(
        write(tmp_path / "train.jsonl", page(tmp_path, "a", 1, answer, ["Acme", "5,00"]))
    )
    assert told(found) == [
        "page_values warning train.jsonl:1 (a): lines[].price: '7.25' is not in the text of its "
        "pages"
    ]
    assert dict(found.corpus.seen) == {"vendor": 1, "lines[].price": 2}
    assert dict(found.corpus.missing) == {"lines[].price": 1}


def test_a_page_that_nothing_has_read_is_passed_and_counted(tmp_path: Path) -> None:
    record = page(tmp_path, "a", 1, {"vendor": "Nobody"}, None)
    found = examined(write(tmp_path / "train.jsonl", record))
    assert told(found) == []
    assert (found.corpus.num_pages, found.corpus.num_read_pages) == (1, 0)


def test_a_scan_is_read_by_an_ocr_engine_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sightwright.ingest.ocr import TesseractReader
    from sightwright.ingest.words import Word

    def reads(self: TesseractReader, image: Image.Image) -> list[Word]:
        assert image.size == (SIDE, SIDE)
        return [Word("Acme", (5, 5, 60, 20), 0.9)]

    monkeypatch.setattr(TesseractReader, "reads", reads)
    records = [page(tmp_path, name, seed, {"vendor": name}, None)
               for seed, name in enumerate(("Acme", "Other"))]  # fmt: skip
    found = examined(write(tmp_path / "train.jsonl", *records), ocr="eng")
    assert told(found) == [
        "page_values warning train.jsonl:2 (Other): vendor: 'Other' is not in the text of its pages"
    ]
    assert found.corpus.num_read_pages == 2


def test_words_that_are_no_words_are_none(tmp_path: Path) -> None:
    record = page(tmp_path, "a", 1, {"vendor": "Nobody"}, None)
    (tmp_path / "a.words.json").write_text(json.dumps({"words": 5}))
    assert one(tmp_path, record) == []
