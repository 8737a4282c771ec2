"""One planted fault for each check across records, and none where there is none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright.doctor.checks.classes import evenness

from ..conftest import SIDE, examined, page, picture, told, write

Photos = Callable[..., dict[str, Any]]


def three(photos: Photos, start: int) -> list[dict[str, Any]]:
    return [photos(number) for number in range(start, start + 3)]


# ids


def test_an_id_that_stands_twice(tmp_path: Path, photos: Photos) -> None:
    train = write(tmp_path / "train.jsonl", photos(1), photos(2))
    val = write(tmp_path / "val.jsonl", photos(3, id="photo-1"))
    assert told(examined(train, val)) == [
        "ids error val.jsonl:1 (photo-1): its id stands first at train.jsonl:1"
    ]


# copies


@pytest.mark.parametrize("kind", ["file", "jpeg", "half", "turned"])
def test_a_copy_in_another_split(tmp_path: Path, photos: Photos, kind: str) -> None:
    train = write(tmp_path / "train.jsonl", *three(photos, 1))
    copy = photos(9, objects=[{"desc": "screw", "bbox_2d": [10, 10, 40, 40]}])
    if kind == "file":
        (tmp_path / "photo-9.png").write_bytes((tmp_path / "photo-2.png").read_bytes())
    elif kind == "jpeg":
        picture(2).save(tmp_path / "copy.jpg", quality=60)
        copy["images"] = ["copy.jpg"]
    elif kind == "half":
        picture(2).resize((64, 64)).save(tmp_path / "photo-9.png")
        copy |= {"width": 64, "height": 64}
    else:
        exif = Image.Exif()
        exif[0x0112] = 3
        picture(2).rotate(180).save(tmp_path / "copy.jpg", exif=exif, quality=90)
        copy["images"] = ["copy.jpg"]
    found = examined(train, write(tmp_path / "val.jsonl", photos(5), copy))
    (line,) = told(found)
    assert line.startswith("copies error val.jsonl:2 (photo-9): ")
    assert "train.jsonl:2: in val and in train" in line
    assert ("the same file" in line) == (kind == "file")
    # Both pictures are shown.
    (finding,) = found.findings["copies"]
    assert [shown.caption for shown in finding.shown] == ["val.jsonl:2", "train.jsonl:2"]


def test_a_copy_under_another_name_in_one_split(tmp_path: Path, photos: Photos) -> None:
    records = [photos(1), photos(2)]
    picture(1).save(tmp_path / "photo-2.png")
    (found,) = told(examined(write(tmp_path / "train.jsonl", *records)))
    assert found == ("copies warning train.jsonl:2 (photo-2): the same file as train.jsonl:1")


def test_one_image_in_two_records_is_two_questions(tmp_path: Path, photos: Photos) -> None:
    objects = photos(1)
    summary = {key: value for key, value in objects.items() if key != "objects"}
    summary |= {"id": "other", "summary": "one screw"}
    assert told(examined(write(tmp_path / "train.jsonl", objects, summary))) == []


def test_a_back_that_all_documents_share(tmp_path: Path) -> None:
    picture(99).save(tmp_path / "terms.png")
    records = [page(tmp_path, f"doc-{i}", i, {"n": f"N-{i}"}, None) for i in range(4)]
    for record in records:
        record["messages"][0]["content"].insert(1, {"type": "image", "image": "terms.png"})
    train = write(tmp_path / "train.jsonl", *records[:3])
    assert told(examined(train)) == []
    val = write(tmp_path / "val.jsonl", records[3])
    (found,) = told(examined(train, val))
    assert found.startswith("copies warning val.jsonl:1 (doc-3): image 2: the same file as image 2")


def test_empty_pages_are_no_copies(tmp_path: Path, photos: Photos) -> None:
    records = [photos(1), photos(2)]
    for number, shade in ((1, 255), (2, 254)):
        Image.new("L", (SIDE, SIDE), shade).save(tmp_path / f"photo-{number}.png")
    assert told(examined(write(tmp_path / "train.jsonl", *records))) == []


def test_bills_that_look_alike_are_told_apart_by_their_text(tmp_path: Path) -> None:
    def bill(name: str, words: list[str] | None) -> dict[str, Any]:
        record = page(tmp_path, name, 1, {"n": name}, words)
        picture(1).save(tmp_path / f"{name}.jpg", quality=60 + len(name))
        record["messages"][0]["content"][0]["image"] = f"{name}.jpg"
        return record

    train = write(tmp_path / "train.jsonl", bill("a", ["Bill", "a"]))
    other = write(tmp_path / "other.jsonl", bill("bb", ["Bill", "bb"]))
    assert told(examined(train, other)) == []
    same = write(tmp_path / "same.jsonl", bill("ccc", ["BILL", "a", "ccc"][:2]))
    lines = told(examined(train, same))
    assert any(line.startswith("copies error same.jsonl:1") for line in lines)
    scan = write(tmp_path / "scan.jsonl", bill("dddd", None))
    assert any(line.startswith("copies error scan.jsonl:1") for line in told(examined(train, scan)))


def test_two_files_of_one_name_are_told_by_their_paths(tmp_path: Path, photos: Photos) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first = write(tmp_path / "a" / "x.jsonl", photos(1, images=["../photo-1.png"]))
    second = write(tmp_path / "b" / "x.jsonl", photos(1, images=["../photo-1.png"], id="other"))
    (line,) = told(examined(first, second))
    assert f"the same file as {first}:1" in line


# leakage


def test_a_vendor_and_a_document_in_two_splits(tmp_path: Path) -> None:
    def record(number: int, **meta: Any) -> dict[str, Any]:
        return page(tmp_path, f"doc-{number}", number, {"n": f"N-{number}"}, None, **meta)

    train = write(tmp_path / "train.jsonl", record(1, vendor="Acme", document="d1"),
                  record(2, vendor="Acme", document="d2"), record(3, vendor="Bolt"))  # fmt: skip
    val = write(tmp_path / "val.jsonl", record(4, vendor="Zeta", document="d2"),
                record(5, vendor="Acme", document="d5"))  # fmt: skip
    assert told(examined(train, val)) == [
        "leakage error val.jsonl:1 (doc-4): meta.document 'd2' is in train (1), val (1); first at "
        "train.jsonl:2",
        "leakage warning val.jsonl:2 (doc-5): meta.vendor 'Acme' is in train (2), val (1); first "
        "at train.jsonl:1",
    ]
    assert told(examined(train)) == []


def test_a_key_that_no_record_has(tmp_path: Path, photos: Photos) -> None:
    train = write(tmp_path / "train.jsonl", photos(1, meta={"vendor": "Acme"}))
    (line,) = told(examined(train, group_by=("meta.vendor", "meta.vendr", "layout")))
    assert line == "leakage warning train.jsonl:0 (): no record has 'meta.vendr' to go by"


def test_a_layout_in_two_splits_when_asked(tmp_path: Path) -> None:
    def form(number: int, seed: int) -> dict[str, Any]:
        record = page(tmp_path, f"doc-{number}", number, {"n": f"N-{number}"}, None)
        sheet = picture(seed)
        # Filled in otherwise: enough to be no copy.
        sheet.paste((20 * number, 255, 0), (60, 60, 70, 64))
        sheet.save(tmp_path / f"doc-{number}.png")
        return record

    train = write(tmp_path / "train.jsonl", form(1, 50), form(2, 51))
    val = write(tmp_path / "val.jsonl", form(3, 50), form(4, 52))
    assert not [line for line in told(examined(train, val)) if line.startswith("leakage")]
    lines = told(examined(train, val, group_by=("layout",)))
    assert [line for line in lines if line.startswith("leakage")] == [
        "leakage warning val.jsonl:1 (doc-3): this page's layout is in train (1), val (1); first "
        "at train.jsonl:1"
    ]


# conflicts


def test_one_page_with_two_answers(tmp_path: Path) -> None:
    first = page(tmp_path, "a", 1, {"total": 5.0, "vendor": "Acme"}, None)
    second = {**page(tmp_path, "b", 1, {"vendor": "Acme", "total": 6.0}, None)}
    second["messages"][0]["content"][0]["image"] = "a.png"
    same = {**page(tmp_path, "c", 1, {"vendor": "Acme", "total": 5.0, "x": None}, None)}
    same["messages"][0]["content"][0]["image"] = "a.png"
    (found,) = told(examined(write(tmp_path / "train.jsonl", first, second, same)))
    assert found == (
        "conflicts error train.jsonl:2 (b): the same image is labelled otherwise at train.jsonl:1: "
        "total 6.0 here, 5.0 there"
    )


def test_another_question_may_have_another_answer(tmp_path: Path) -> None:
    first = page(tmp_path, "a", 1, {"total": 5.0}, None)
    second = page(tmp_path, "b", 1, {"vendor": "Acme"}, None)
    second["messages"][0]["content"] = [
        {"type": "image", "image": "a.png"}, {"type": "text", "text": "Whose is it?"},
    ]  # fmt: skip
    assert told(examined(write(tmp_path / "train.jsonl", first, second))) == []


def test_near_copies_with_other_objects(tmp_path: Path, photos: Photos) -> None:
    first, second = photos(1), photos(2, objects=[])
    second |= {"objects": [{"desc": "bolt", "bbox_2d": [1, 1, 20, 20]}], "images": ["b.jpg"]}
    picture(1).save(tmp_path / "b.jpg", quality=70)
    lines = told(examined(write(tmp_path / "train.jsonl", first, second)))
    assert [line.split(":")[0] for line in lines] == [
        "copies warning train.jsonl", "conflicts warning train.jsonl",
    ]  # fmt: skip


# spellings


def test_a_class_in_two_spellings(tmp_path: Path, photos: Photos) -> None:
    def named(number: int, desc: str) -> dict[str, Any]:
        return photos(number, objects=[{"desc": desc, "bbox_2d": [10, 10, 60, 60]}])

    descs = (
        "类别=BBU设备,品牌=华为",
        "类别=BBU设备,品牌=华为",
        "类别=ＢＢＵ设备,品牌=华为",
        "类别=标签",
    )
    records = [named(number, desc) for number, desc in enumerate(descs)]
    (found,) = told(examined(write(tmp_path / "train.jsonl", *records)))
    assert found == (
        "spellings warning train.jsonl:3 (photo-2): class in 2 spellings: 'BBU设备' (2), "
        "'ＢＢＵ设备' (1)"
    )


def test_an_attribute_s_key_and_value_in_two_spellings(tmp_path: Path, photos: Photos) -> None:
    descs = ("类别=线,Seal=ok", "类别=线,seal=ok", "类别=盒,Seal=OK", "类别=盒,Seal=ok")
    records = [
        photos(number, objects=[{"desc": desc, "bbox_2d": [10, 10, 60, 60]}])
        for number, desc in enumerate(descs)
    ]
    lines = told(examined(write(tmp_path / "train.jsonl", *records)))
    assert [line.split(": ", 1)[1] for line in lines] == [
        "attribute in 2 spellings: 'Seal' (3), 'seal' (1)",
        "attribute 盒 Seal in 2 spellings: 'OK' (1), 'ok' (1)",
    ]


def test_texts_read_from_labels_may_be_alike(tmp_path: Path, photos: Photos) -> None:
    records = [
        photos(number, objects=[{"desc": f"类别=标签,文本={text}", "bbox_2d": [10, 10, 60, 60]}])
        for number, text in enumerate(("5G", "5g"))
    ]
    assert told(examined(write(tmp_path / "train.jsonl", *records))) == []


# twin_keys


def test_two_keys_that_hold_the_same_text(tmp_path: Path) -> None:
    def answer(number: int) -> dict[str, Any]:
        code = f"CODE-{number}"
        # Amounts and dates are often equal, and mean nothing by it.
        return {"number": code, "reference": code if number % 2 else "none at all",
                "due": 5.0, "paid": 5.0, "from": "2020-01-01", "to": "2020-01-01"}  # fmt: skip

    records = [page(tmp_path, f"d{i}", i, answer(i), None) for i in range(20)]
    (found,) = told(examined(write(tmp_path / "train.jsonl", *records)))
    assert "number and reference hold the same text in 10 of 20 records" in found
    assert told(examined(write(tmp_path / "train.jsonl", *records[:18]))) == []


# classes


def many(photos: Photos, counts: dict[str, int], start: int = 0) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for number, (desc, count) in enumerate(counts.items()):
        objects = [{"desc": desc, "bbox_2d": [i, 0, i + 20, 20]} for i in range(count)]
        records.append(photos(start + number, objects=objects))
    return records


def test_a_class_that_training_never_sees(tmp_path: Path, photos: Photos) -> None:
    train = write(tmp_path / "train.jsonl", *many(photos, {"screw": 5, "plate": 5}))
    val = write(tmp_path / "val.jsonl", *many(photos, {"screw": 1, "cable": 2}, 10))
    assert told(examined(train, val)) == [
        "classes warning val.jsonl:2 (photo-11): class 'cable' is in val (2) and never in train"
    ]


def test_a_field_that_training_never_fills(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", page(tmp_path, "a", 1, {"x": "y", "due": None}, None))
    val = write(tmp_path / "val.jsonl", page(tmp_path, "b", 2, {"x": "y", "due": 5}, None))
    assert told(examined(train, val)) == [
        "classes warning val.jsonl:1 (b): field 'due' is in val (1) and never in train"
    ]


def test_a_rare_class(tmp_path: Path, photos: Photos) -> None:
    counts = {"screw": 100, "bolt": 100, "cable": 100, "plate": 2, "label": 5}
    lines = told(examined(write(tmp_path / "train.jsonl", *many(photos, counts))))
    assert [line.split(": ", 1)[1] for line in lines] == ["class 'plate' has 2 of 307 objects"]


def test_a_crowd(tmp_path: Path, photos: Photos) -> None:
    lines = told(examined(
        write(tmp_path / "train.jsonl", *many(photos, {"screw": 95, "plate": 5}))
    ))  # fmt: skip
    # -(0.95 ln 0.95 + 0.05 ln 0.05) / ln 2 = 0.286.
    assert [line.split(": ", 1)[1] for line in lines] == [
        "95% of the objects are 'screw'; evenness of the 2 classes 0.29 of 1"
    ]


def test_a_value_that_is_hardly_ever_said(tmp_path: Path, photos: Photos) -> None:
    counts = {"类别=线,捆扎=整齐": 100, "类别=盒": 104, "类别=线,捆扎=散乱": 2, "类别=线": 100}
    more = many(photos, counts) + many(photos, {"类别=线,捆扎=整齐": 100}, 20)
    more += many(photos, {"类别=线,捆扎=整齐": 100}, 30)
    lines = told(examined(write(tmp_path / "train.jsonl", *more)))
    assert [line.split(": ", 1)[1] for line in lines] == ["线: 捆扎=散乱 is said 2 of 302 times"]


def test_evenness() -> None:
    assert evenness({"a": 5, "b": 5, "c": 5}) == pytest.approx(1)
    assert evenness({"a": 5}) == 0
    assert evenness({}) == 0
