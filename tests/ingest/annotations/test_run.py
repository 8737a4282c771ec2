"""Whole runs: modes and reports, the files that come out, the split, several processes."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright.errors import DataError
from sightwright.geometry import Box, Line, Polygon
from sightwright.ingest.annotations import pictures
from sightwright.ingest.annotations.found import ReadOptions
from sightwright.ingest.annotations.pictures import SizeRules
from sightwright.ingest.annotations.run import Report, Settings, convert_annotations
from sightwright.ingest.annotations.sample import Mode, Rules
from sightwright.ingest.annotations.shapes import ShapeRules
from sightwright.ingest.validate import Validator
from sightwright.ingest.workers import Limits
from sightwright.inspection_records import read_inspection_record

from . import drawn
from .drawn import SCENE, Item, draw_image, save


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(folder: Path, source: Path, settings: Settings, **more: Any) -> Report:
    return convert_annotations(
        source, folder / "in", folder / "out", settings, **{"num_workers": 0, **more}
    )


def labelme_set(folder: Path, number: int) -> Path:
    """So many images, each of its own colour, with the scene's objects."""
    for index in range(number):
        name = f"{index:02d}"
        path = draw_image(folder / "in" / f"{name}.png")
        image = Image.open(path)
        image.putpixel((0, 0), (index, 0, 0))
        image.save(path)
        save(folder / "in" / f"{name}.json", drawn.labelme(name=f"{name}.png"))
    return folder / "in"


EIGHT = Item("eight", Polygon(((10, 200), (60, 300), (60, 200), (10, 260))))
OFF = Item("off", Box(700, 10, 800, 20))
FLAT = Item("flat", Box(10, 10, 10, 20))


def faulty(folder: Path, *items: Item) -> Path:
    draw_image(folder / "in" / "a.png")
    return save(folder / "in" / "a.json", drawn.labelme((SCENE[0], *items)))


def outcomes(folder: Path) -> list[tuple[str, str, str]]:
    found = lines(folder / "out" / "invalid_objects.jsonl")
    return [(line["object"], line["reason"], line["outcome"]) for line in found]


def labels(folder: Path) -> list[str]:
    (record,) = lines(folder / "out" / "all_samples.jsonl")
    return [item["desc"] for item in record["objects"]]


# Modes


def test_strict_reports_everything_and_writes_no_samples(tmp_path: Path) -> None:
    report = run(tmp_path, faulty(tmp_path, EIGHT, OFF, FLAT), Settings("labelme"))
    assert report.failed and report.totals.num_invalid == 3
    assert outcomes(tmp_path) == [
        ("shapes[1]", "self-crossing", "left-out"),
        ("shapes[2]", "off-the-image", "left-out"),
        ("shapes[3]", "no-area", "left-out"),
    ]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert not names & {"all_samples.jsonl", "train.jsonl", "val.jsonl", "train_tiny.jsonl"}
    assert json.loads((tmp_path / "out" / "validation_results.json").read_text())["failed"] is True


def test_lenient_leaves_out_and_mends_crossings(tmp_path: Path) -> None:
    settings = Settings("labelme", rules=Rules("lenient"))
    report = run(tmp_path, faulty(tmp_path, EIGHT, OFF, FLAT), settings)
    assert not report.failed and labels(tmp_path) == ["cat", "eight"]
    assert [outcome for _, _, outcome in outcomes(tmp_path)] == ["kept", "left-out", "left-out"]
    assert report.totals.changes["self-crossing-repaired"] == 1


def test_warn_keeps_what_can_be_kept(tmp_path: Path) -> None:
    settings = Settings("labelme", rules=Rules("warn", shapes=ShapeRules(clip=False)))
    over = Item("over", Box(600, 300, 700, 400))
    report = run(tmp_path, faulty(tmp_path, over, OFF), settings)
    assert not report.failed and labels(tmp_path) == ["cat", "over"]
    assert outcomes(tmp_path) == [
        ("shapes[1]", "over-the-edge", "kept"),
        ("shapes[2]", "over-the-edge", "left-out"),
        ("shapes[2]", "off-the-image", "left-out"),
    ]


def test_warn_takes_the_box_of_a_polygon_that_is_none(tmp_path: Path) -> None:
    draw_image(tmp_path / "in" / "a.png")
    value = drawn.coco(SCENE[:1])
    value["annotations"][0]["segmentation"] = [[1, 1, 2, 2, 3, 3]]
    source = save(tmp_path / "in" / "a.json", value)
    assert run(tmp_path, source, Settings("coco", rules=Rules("warn"))).totals.changes == Counter(
        {"polygon-to-box": 1}
    )
    (record,) = lines(tmp_path / "out" / "all_samples.jsonl")
    assert record["objects"][0]["bbox_2d"] == [32, 40, 200, 180]


@pytest.mark.parametrize("mode", ["strict", "lenient", "warn"])
def test_a_size_of_another_shape(tmp_path: Path, mode: Mode) -> None:
    draw_image(tmp_path / "in" / "a.png", (600, 600))
    source = save(tmp_path / "in" / "a.json", drawn.labelme(SCENE[:1]))
    report = run(tmp_path, source, Settings("labelme", rules=Rules(mode)))
    (bad,) = lines(tmp_path / "out" / "invalid_samples.jsonl")
    assert bad["reason"] == "stated-size" and bad["image"] == "a.png"
    assert report.failed == (mode != "warn")
    assert report.totals.objects_lost == (mode != "warn")
    if mode == "warn":
        assert labels(tmp_path) == ["cat"] and bad["outcome"] == "kept"


def test_bad_samples_of_every_kind_are_named(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 2)
    save(source / "broken.json", "{")
    save(source / "missing.json", drawn.labelme(name="none.png"))
    save(source / "outside.json", drawn.labelme(name="../../secret.png"))
    save(source / "empty.json", drawn.labelme((), name="01.png"))
    save(source / "strip.json", drawn.labelme(name="strip.png", imageWidth=0, imageHeight=0))
    Image.new("RGB", (3000, 4)).save(source / "strip.png")
    save(source / "text.json", drawn.labelme(name="text.png"))
    (source / "text.png").write_text("no image")
    (tmp_path / "secret.png").write_bytes(b"x")
    report = run(tmp_path, source, Settings("labelme", rules=Rules("lenient")))
    found = lines(tmp_path / "out" / "invalid_samples.jsonl")
    assert {(line["source"], line["reason"], line["outcome"]) for line in found} == {
        ("broken.json", "unreadable", "left-out"),
        ("missing.json", "image-missing", "left-out"),
        ("outside.json", "image-outside", "left-out"),
        ("empty.json", "no-objects", "by-rule"),
        ("strip.json", "image", "left-out"),
        ("text.json", "image", "left-out"),
    }
    assert (report.totals.samples_read, report.totals.samples_written) == (8, 2)
    # Three objects each: of two that are written, and of four that nothing can be read of.
    assert (report.totals.objects_read, report.totals.objects_written) == (18, 6)
    assert report.totals.objects_lost == 12
    assert report.totals.num_invalid == 5


def test_an_image_without_objects_does_not_fail_a_strict_run(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 1)
    draw_image(source / "empty.png")
    save(source / "empty.json", drawn.labelme((), name="empty.png"))
    report = run(tmp_path, source, Settings("labelme"))
    assert not report.failed and report.totals.samples["by-rule"] == {"no-objects": 1}


def test_nothing_left_is_a_failure(tmp_path: Path) -> None:
    draw_image(tmp_path / "in" / "a.png")
    source = save(tmp_path / "in" / "a.json", drawn.labelme(()))
    assert run(tmp_path, source, Settings("labelme", rules=Rules("lenient"))).failed


# What comes out


def test_the_files_of_a_run(tmp_path: Path) -> None:
    report = run(tmp_path, labelme_set(tmp_path, 30), Settings("labelme"))
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "all_samples.jsonl", "train.jsonl", "val.jsonl", "train_tiny.jsonl", "val_tiny.jsonl",
        "label_vocabulary.json", "validation_results.json", "invalid_objects.jsonl",
        "invalid_samples.jsonl", "images",
    }  # fmt: skip
    everything, train, val = (
        lines(out / f"{name}.jsonl") for name in ("all_samples", "train", "val")
    )
    assert (len(everything), len(train), len(val)) == (30, 24, 6)
    assert sorted(train + val, key=lambda record: record["id"]) == everything
    tiny, val_tiny = lines(out / "train_tiny.jsonl"), lines(out / "val_tiny.jsonl")
    assert len(tiny) == 20 and len(val_tiny) == 6
    assert all(record in train for record in tiny) and all(record in val for record in val_tiny)
    vocabulary = json.loads((out / "label_vocabulary.json").read_text())
    assert vocabulary["categories"] == {
        "cat": {"count": 60, "attributes": {}}, "dog": {"count": 30, "attributes": {}},
    }  # fmt: skip
    results = json.loads((out / "validation_results.json").read_text())
    assert results["objects"]["read"] == results["objects"]["written"] == 90
    assert results["split"] == {"train": 24, "train_tiny": 20, "val": 6, "val_tiny": 6}
    assert results["geometries"] == {"bbox_2d": 30, "poly": 60}
    assert report.totals.images == {"copied": 30}
    for record in everything:
        assert read_inspection_record(record)
        with Image.open(out / record["images"][0]) as image:
            assert image.size == (record["width"], record["height"])


def test_the_records_pass_the_validator(tmp_path: Path) -> None:
    run(tmp_path, labelme_set(tmp_path, 3), Settings("labelme"))
    validator = Validator()
    assert list(validator.check([tmp_path / "out" / "all_samples.jsonl"])) == []
    assert validator.kinds == {"dense": 3}


def test_the_split_follows_the_image_not_the_name(tmp_path: Path) -> None:
    """The same photograph under twenty names stands on one side."""
    source = tmp_path / "in"
    for index in range(20):
        draw_image(source / f"{index}.png")
        save(source / f"{index}.json", drawn.labelme(name=f"{index}.png"))
    draw_image(source / "other.png", items=SCENE[:1])
    save(source / "other.json", drawn.labelme(name="other.png"))
    report = run(tmp_path, source, Settings("labelme", val_ratio=0.5))
    assert {report.totals.sides["train"], report.totals.sides["val"]} == {1, 20}


def test_the_seed_decides_the_split(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 10)
    splits: set[str] = set()
    for seed in (1, 2, 3, 1):
        run(tmp_path, source, Settings("labelme", seed=seed), overwrite=True)
        splits.add((tmp_path / "out" / "val.jsonl").read_text())
    assert len(splits) == 3


@pytest.mark.parametrize(("ratio", "sides"), [(0, (3, 0)), (1, (0, 3)), (0.34, (2, 1))])
def test_ratios_at_the_ends(tmp_path: Path, ratio: float, sides: tuple[int, int]) -> None:
    report = run(tmp_path, labelme_set(tmp_path, 3), Settings("labelme", val_ratio=ratio))
    assert (report.totals.sides["train"], report.totals.sides["val"]) == sides


def test_images_are_resized_turned_or_copied(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for name, size, turn in (
        ("copied.png", (640, 480), None), ("turned.png", (480, 640), 6),
        ("resized.jpg", (1280, 960), None), ("both.webp", (960, 1280), 8),
    ):  # fmt: skip
        draw_image(source / name, size, exif_orientation=turn)
        save(source / f"{name}.json", drawn.labelme(name=name))
    settings = Settings("labelme", rules=Rules(sizes=SizeRules(max_pixels=640 * 480)))
    report = run(tmp_path, source, settings)
    assert report.totals.images == {"copied": 1, "turned": 1, "resized": 2}
    out = tmp_path / "out" / "images"
    assert {path.name for path in out.iterdir()} == {
        "copied.png", "turned.png", "resized.jpg", "both.png",
    }  # fmt: skip
    assert (out / "copied.png").read_bytes() == (source / "copied.png").read_bytes()
    for record in lines(tmp_path / "out" / "all_samples.jsonl"):
        assert (record["width"], record["height"]) == (640, 480)
        # The stated size is that of the upright picture, larger or not: the same coordinates.
        assert record["objects"][0]["bbox_2d"] == [32, 40, 200, 180]
        with Image.open(tmp_path / "out" / record["images"][0]) as image:
            assert image.size == (640, 480) and image.getexif().get(0x0112, 1) == 1
    with Image.open(out / "resized.jpg") as image:
        assert image.format == "JPEG"


def test_images_keep_their_size_when_asked(tmp_path: Path) -> None:
    draw_image(tmp_path / "in" / "a.png", (333, 250))
    source = save(tmp_path / "in" / "a.json", drawn.labelme())
    run(tmp_path, source, Settings("labelme", rules=Rules(sizes=SizeRules(resize=False))))
    (record,) = lines(tmp_path / "out" / "all_samples.jsonl")
    assert (record["width"], record["height"]) == (333, 250)


def test_polygons_of_many_points_become_boxes(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 1)
    settings = Settings("labelme", rules=Rules(shapes=ShapeRules(max_points=4)))
    report = run(tmp_path, source, settings)
    assert report.totals.changes == {"polygon-to-box": 1}
    assert report.totals.geometries == {"bbox_2d": 2, "poly": 1}


def test_the_limit_takes_the_first(tmp_path: Path) -> None:
    report = run(tmp_path, labelme_set(tmp_path, 5), Settings("labelme", limit=2))
    assert report.totals.samples_read == 2
    assert [record["id"] for record in lines(tmp_path / "out" / "all_samples.jsonl")] == [
        "00",
        "01",
    ]


def test_absolute_paths(tmp_path: Path) -> None:
    run(tmp_path, labelme_set(tmp_path, 1), Settings("labelme", absolute_paths=True))
    (record,) = lines(tmp_path / "out" / "all_samples.jsonl")
    assert record["images"] == [(tmp_path / "out" / "images" / "00.png").resolve().as_posix()]


def test_several_samples_of_one_image(tmp_path: Path) -> None:
    draw_image(tmp_path / "in" / "a.png")
    text = "".join(json.dumps(drawn.swift((item,))) + "\n" for item in SCENE)
    source = save(tmp_path / "in" / "a.jsonl", text)
    report = run(tmp_path, source, Settings("ms-swift", val_ratio=0.5))
    records = lines(tmp_path / "out" / "train.jsonl")
    assert [record["id"] for record in records] == ["a", "a#2", "a#3"]
    assert {record["images"][0] for record in records} == {"images/a.png"}
    assert report.totals.images == {"copied": 1}


def test_files_of_the_same_name_in_two_folders(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        draw_image(tmp_path / "in" / folder / "a.png", items=SCENE[: 1 + (folder == "y")])
        save(tmp_path / "in" / folder / "a.json", drawn.labelme())
    run(tmp_path, tmp_path / "in", Settings("labelme"))
    records = lines(tmp_path / "out" / "all_samples.jsonl")
    assert [record["id"] for record in records] == ["x__a", "y__a"]


# Processes and repetition


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 6)
    save(source / "broken.json", "{")
    (source / "05.png").write_text("no image")
    settings = Settings("labelme", rules=Rules("lenient"))
    found: list[dict[str, str]] = []
    for workers in (0, 1, 3):
        run(tmp_path, source, settings, num_workers=workers, overwrite=True)
        found.append(contents(tmp_path / "out"))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 9 + 5


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 3)
    run(tmp_path, source, Settings("labelme"))
    before = contents(tmp_path / "out")
    written = (tmp_path / "out" / "images" / "00.png").stat().st_mtime_ns
    run(tmp_path, source, Settings("labelme"))
    assert contents(tmp_path / "out") == before
    assert (tmp_path / "out" / "images" / "00.png").stat().st_mtime_ns == written


def test_another_conversion_is_not_written_over(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 3)
    run(tmp_path, source, Settings("labelme"))
    before = contents(tmp_path / "out")
    with pytest.raises(DataError, match="other settings"):
        run(tmp_path, source, Settings("labelme", seed=4))
    assert contents(tmp_path / "out") == before
    run(tmp_path, source, Settings("labelme", seed=4, limit=1), overwrite=True)
    assert list((tmp_path / "out" / "images").iterdir()) == [tmp_path / "out" / "images" / "00.png"]


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(DataError, match=r"thesis\.tex"):
            run(tmp_path, labelme_set(tmp_path, 1), Settings("labelme"), overwrite=overwrite)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("below", ["", "images"])
def test_the_photographs_are_not_written_over(tmp_path: Path, below: str, overwrite: bool) -> None:
    """DIR/images may be where they are: it is no sign of an earlier conversion."""
    photo = draw_image(tmp_path / "set" / "images" / "a.png", (700, 500))
    before = photo.read_bytes()
    value = drawn.coco(name="a.png" if below else "images/a.png", width=700, height=500)
    source = save(tmp_path / "a.json", value)
    with pytest.raises(DataError, match=r"written over|other files \(images\)"):
        convert_annotations(
            source, tmp_path / "set" / below, tmp_path / "set", Settings("coco"),
            num_workers=0, overwrite=overwrite,
        )  # fmt: skip
    assert photo.read_bytes() == before and len(list((tmp_path / "set").iterdir())) == 1


def test_images_that_no_record_names_any_more_are_named(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 2)
    run(tmp_path, source, Settings("labelme"))
    (source / "01.json").unlink()
    assert run(tmp_path, source, Settings("labelme")).unused_images == ("01.png",)


def test_an_image_that_takes_too_long_costs_its_samples(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 1)
    settings = Settings("labelme", rules=Rules("lenient"))
    report = run(tmp_path, source, settings, num_workers=1, limits=Limits(0.0, 0.0, 4 * 1024**3))
    assert report.failed and report.totals.samples["left-out"] == {"timed-out": 1}
    assert report.totals.objects_read == 3


def test_a_set_that_goes_wrong_late_leaves_no_samples(tmp_path: Path) -> None:
    draw_image(tmp_path / "in" / "a.png")
    source = save(tmp_path / "sets" / "a.json", drawn.coco()).parent
    run(tmp_path, source, Settings("coco"))
    save(source / "b.json", "{}")
    with pytest.raises(DataError, match="not a COCO set"):
        run(tmp_path, source, Settings("coco"))
    assert not {path.name for path in (tmp_path / "out").iterdir()} & {
        "all_samples.jsonl", "train.jsonl", "val.jsonl", "train_tiny.jsonl", "val_tiny.jsonl",
    }  # fmt: skip
    assert not list((tmp_path / "out").glob(".*.partial"))
    assert (tmp_path / "out" / ".unfinished").exists()
    (source / "b.json").unlink()
    assert not run(tmp_path, source, Settings("coco")).failed
    assert not (tmp_path / "out" / ".unfinished").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_is_counted_once_whichever_sample_has_a_record(
    tmp_path: Path, workers: int
) -> None:
    draw_image(tmp_path / "in" / "a.png")
    text = "".join(json.dumps(drawn.swift((item,))) + "\n" for item in (OFF, *SCENE))
    source = save(tmp_path / "in" / "a.jsonl", text)
    settings = Settings("ms-swift", rules=Rules("lenient"))
    report = run(tmp_path, source, settings, num_workers=workers)
    assert report.totals.images == {"copied": 1}
    assert [record["id"] for record in lines(tmp_path / "out" / "train.jsonl")] == [
        "a#2", "a#3", "a#4",
    ]  # fmt: skip


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_IMAGE_BYTES", 100)
    report = run(tmp_path, labelme_set(tmp_path, 1), Settings("labelme", rules=Rules("lenient")))
    assert report.totals.samples["left-out"] == {"image": 1}


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match=r"no \.json files"):
        run(tmp_path, tmp_path / "in", Settings("labelme"))
    with pytest.raises(DataError, match="no such folder of images"):
        convert_annotations(
            tmp_path / "in", tmp_path / "none", tmp_path / "out", Settings("labelme")
        )
    assert not (tmp_path / "out").exists()


# Equipment


def equipment(folder: Path, items: Sequence[Item], name: str = "a") -> Path:
    draw_image(folder / "in" / f"{name}.jpeg", items=())
    return save(folder / "in" / f"{name}.json", drawn.domain_json(items))


LABEL = Item("标签", Box(30, 40, 90, 60), {"文本": "5G 1", "组": "1"})
PIGTAIL = Item("尾纤", Line(((100, 100), (300, 120))), {"标签": "有标签", "组": "1"})


def test_descriptions_and_summary(tmp_path: Path) -> None:
    run(tmp_path, equipment(tmp_path, (PIGTAIL, LABEL)), Settings("rru"))
    (record,) = lines(tmp_path / "out" / "all_samples.jsonl")
    assert record["objects"] == [
        {"desc": "类别=标签,组=1,文本=5G1", "bbox_2d": [30, 40, 90, 60]},
        {"desc": "类别=尾纤,标签=有标签,组=1", "line_points": 2, "line": [100, 100, 300, 120]},
    ]
    assert json.loads(record["summary"]) == {
        "dataset": "RRU", "objects_total": 2,
        "统计": [
            {"类别": "尾纤", "标签": {"有标签": 1}, "组": {"1": 1}},
            {"类别": "标签", "文本": {"5G1": 1}, "组": {"1": 1}},
        ],
        "分组统计": {"1": 2},
    }  # fmt: skip
    vocabulary = json.loads((tmp_path / "out" / "label_vocabulary.json").read_text())
    assert vocabulary["categories"]["尾纤"] == {
        "count": 1, "attributes": {"标签": {"有标签": 1}, "组": {"1": 1}},
    }  # fmt: skip
    assert vocabulary["attributes"] == {"组": 2, "文本": 1, "标签": 1}


@pytest.mark.parametrize(
    ("mode", "descs"),
    [
        ("strict", None),
        ("lenient", ["类别=接地线,标签=有标签"]),
        ("warn", ["类别=标签,文本=5G1", "类别=接地线,标签=有标签"]),
    ],
)
def test_a_group_of_one(tmp_path: Path, mode: Mode, descs: list[str] | None) -> None:
    wire = Item("接地线", Box(100, 100, 300, 120), {"标签": "有标签"})
    source = equipment(tmp_path, (LABEL, wire))
    report = run(tmp_path, source, Settings("rru", rules=Rules(mode)))
    assert report.failed == (descs is None)
    assert outcomes(tmp_path) == [
        ("markResult.features[0]", "group", "kept" if mode == "warn" else "left-out")
    ]
    if descs is not None:
        assert labels(tmp_path) == descs
        (record,) = lines(tmp_path / "out" / "all_samples.jsonl")
        assert "分组统计" not in json.loads(record["summary"])


def test_who_is_alone_in_one_group_stays_in_another(tmp_path: Path) -> None:
    value = drawn.domain_json((LABEL, PIGTAIL))
    value["markResult"]["features"][0]["properties"]["groups"] = [{"id": 1}, {"id": 2}]
    draw_image(tmp_path / "in" / "a.jpeg", items=())
    source = save(tmp_path / "in" / "a.json", value)
    run(tmp_path, source, Settings("rru", rules=Rules("warn")))
    assert labels(tmp_path) == ["类别=标签,组=1,文本=5G1", "类别=尾纤,标签=有标签,组=1"]
    (line,) = lines(tmp_path / "out" / "invalid_objects.jsonl")
    assert line["detail"].startswith("组=2 ")
    (record,) = lines(tmp_path / "out" / "all_samples.jsonl")
    assert json.loads(record["summary"])["分组统计"] == {"1": 2}


def test_a_chain_of_groups_falls_apart_link_by_link(tmp_path: Path) -> None:
    number = 1100
    value = drawn.domain_json((replace(LABEL, attributes={"文本": "5G"}),) * number)
    for index, feature in enumerate(value["markResult"]["features"]):
        feature["properties"]["groups"] = [{"id": index}, {"id": min(index + 1, number - 1)}]
    draw_image(tmp_path / "in" / "a.jpeg", items=())
    source = save(tmp_path / "in" / "a.json", value)
    assert run(tmp_path, source, Settings("rru", rules=Rules("lenient"))).failed
    assert len(outcomes(tmp_path)) == number


def test_a_group_loses_a_member_that_is_left_out(tmp_path: Path) -> None:
    gone = replace(PIGTAIL, geometry=Line(((700, 100), (800, 120))))
    source = equipment(tmp_path, (LABEL, gone, Item("RRU设备", Box(1, 1, 9, 9))))
    run(tmp_path, source, Settings("rru", rules=Rules("lenient")))
    assert labels(tmp_path) == ["类别=RRU设备"]
    assert [reason for _, reason, _ in outcomes(tmp_path)] == ["off-the-image", "group"]


def test_warn_keeps_an_unknown_category_without_a_summary(tmp_path: Path) -> None:
    source = equipment(tmp_path, (Item("螺丝", Box(1, 1, 9, 9)),))
    report = run(tmp_path, source, Settings("bbu", rules=Rules("warn")))
    (record,) = lines(tmp_path / "out" / "all_samples.jsonl")
    assert record["objects"][0]["desc"] == "类别=螺丝" and "summary" not in record
    assert report.totals.samples["kept"] == {"no-summary": 1}


def test_options_of_readers_reach_them(tmp_path: Path) -> None:
    source = labelme_set(tmp_path, 1)
    settings = Settings("labelme", reading=ReadOptions(ignore_labels=frozenset({"cat"})))
    report = run(tmp_path, source, settings)
    assert labels(tmp_path) == ["dog"]
    assert report.totals.objects["by-rule"] == {"ignored-label": 2}
