"""Every format: the same scene gives the same records; what is special of each is read."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sightwright.errors import DataError
from sightwright.geometry import Box, Geometry, Line, Polygon, canonical
from sightwright.geometry_json import flat
from sightwright.ingest.annotations.formats import READERS, AnnotationFormat
from sightwright.ingest.annotations.found import Annotated, BadSample, ReadOptions
from sightwright.ingest.annotations.run import Settings, convert_annotations

from . import drawn
from .drawn import CABLE, SCENE, Item, save

OPTIONS = ReadOptions()


def written(folder: Path, format: AnnotationFormat, source: Path, **more: Any) -> list[Any]:
    settings = Settings(format, val_ratio=0, **more)
    convert_annotations(source, folder, folder / "out" / format, settings, num_workers=0)
    lines = (folder / "out" / format / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def expected(items: tuple[Item, ...]) -> list[dict[str, Any]]:
    return [
        {"desc": item.label}
        | ({"line_points": len(item.geometry.points)} if isinstance(item.geometry, Line) else {})
        | {item.geometry.kind: flat(canonical(item.geometry))}
        for item in items
    ]


WITH_CABLE = (*SCENE, CABLE)
CASES: dict[str, tuple[AnnotationFormat, str, Callable[[], Any], tuple[Item, ...]]] = {
    "coco": ("coco", "a.json", drawn.coco, SCENE),
    "lvis": ("lvis", "a.json", drawn.coco, SCENE),
    "labelme": ("labelme", "a.json", lambda: drawn.labelme(WITH_CABLE), WITH_CABLE),
    "cvat": ("cvat", "a.xml", lambda: drawn.cvat(WITH_CABLE), WITH_CABLE),
    "voc": ("voc", "a.xml", lambda: drawn.voc(SCENE[:1]), SCENE[:1]),
    "ms-swift": ("ms-swift", "a.jsonl", drawn.swift, SCENE),
    "ms-swift norm1": ("ms-swift", "a.jsonl", lambda: drawn.swift(kind="norm1"), SCENE),
    "ms-swift norm1000": ("ms-swift", "a.jsonl", lambda: drawn.swift(kind="norm1000"), SCENE),
    "ms-swift none": ("ms-swift", "a.jsonl", lambda: drawn.swift(kind="none"), SCENE),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_scene_gives_the_same_record(tmp_path: Path, case: str) -> None:
    format, name, make, items = CASES[case]
    drawn.draw_image(tmp_path / "a.png")
    source = save(tmp_path / name, make())
    (record,) = written(tmp_path, format, source)
    assert record["objects"] == expected(items)
    assert (record["width"], record["height"]) == (drawn.WIDTH, drawn.HEIGHT)
    assert record["id"] == "a" and record["images"] == ["images/a.png"]
    assert record["metadata"]["image"] == "a.png"


def read(format: AnnotationFormat, source: Path, options: ReadOptions = OPTIONS) -> Annotated:
    (found,) = READERS[format](source, options)
    assert isinstance(found, Annotated), found
    return found


def bad(format: AnnotationFormat, source: Path) -> BadSample:
    (found,) = READERS[format](source, OPTIONS)
    assert isinstance(found, BadSample), found
    return found


def reasons(sample: Annotated) -> list[tuple[str, str]]:
    return [(refusal.place, refusal.reason) for refusal in sample.refusals]


def shapes(sample: Annotated) -> list[tuple[str, tuple[Geometry, ...]]]:
    return [(item.label, item.parts) for item in sample.objects]


# COCO and LVIS


def coco_with(tmp_path: Path, **annotation: Any) -> Path:
    value = drawn.coco(SCENE[:1])
    value["annotations"][0] |= annotation
    return save(tmp_path / "a.json", value)


TRIANGLE, SQUARE = [0, 0, 10, 0, 0, 10], [50, 50, 90, 50, 90, 90, 50, 90]


def test_coco_parts_are_one_object(tmp_path: Path) -> None:
    sample = read("coco", coco_with(tmp_path, segmentation=[TRIANGLE, SQUARE]))
    assert len(sample.objects) == 1 and len(sample.objects[0].parts) == 2


def test_coco_crowds_and_masks_are_left_out_or_boxes(tmp_path: Path) -> None:
    mask = {"size": [480, 640], "counts": [0, 4]}
    for annotation in ({"iscrowd": 1, "segmentation": mask}, {"segmentation": mask}):
        source = coco_with(tmp_path, **annotation)
        sample = read("coco", source)
        assert not sample.objects and reasons(sample) == [("annotation 1", "crowd")]
        assert sample.refusals[0].rule
        kept = read("coco", source, replace(OPTIONS, keep_crowd=True))
        assert shapes(kept) == [("cat", (Box(32, 40, 200, 180),))]


def test_coco_boxes_instead_of_polygons(tmp_path: Path) -> None:
    source = coco_with(tmp_path, segmentation=[SQUARE])
    sample = read("coco", source, replace(OPTIONS, boxes=True))
    assert shapes(sample) == [("cat", (Box(32, 40, 200, 180),))]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"segmentation": [[0, 0, 10, 0]]}, "bad-geometry"),
        ({"segmentation": [[0, 0, 10, 0, 0, 10, 5]]}, "bad-geometry"),
        ({"bbox": [1, 2, 3]}, "bad-geometry"),
        ({"bbox": [1, 2, -3, 4]}, "bad-geometry"),
        ({"bbox": [1, 2, "x", 4]}, "bad-geometry"),
        ({"bbox": [1, 2, 1e300, 4]}, "bad-geometry"),
        ({"bbox": None, "segmentation": None}, "bad-geometry"),
        ({"category_id": 99}, "no-label"),
        ({"category_id": "1"}, "no-label"),
    ],
)
def test_coco_faults_are_named(tmp_path: Path, annotation: dict[str, Any], reason: str) -> None:
    sample = read("coco", coco_with(tmp_path, **annotation))
    assert reasons(sample) == [("annotation 1", reason)] and not sample.refusals[0].rule


def test_lvis_names_an_image_by_its_address(tmp_path: Path) -> None:
    value = drawn.coco(SCENE[:1])
    del value["images"][0]["file_name"]
    value["images"][0]["coco_url"] = "http://images.example.org/train2017/000000391895.jpg"
    sample = read("lvis", save(tmp_path / "a.json", value))
    assert sample.images == ("train2017/000000391895.jpg", "000000391895.jpg")


def test_coco_annotations_of_no_image_are_reported(tmp_path: Path) -> None:
    value = drawn.coco(SCENE[:1])
    value["annotations"].append({"id": 9, "image_id": 77, "category_id": 1, "bbox": [1, 2, 3, 4]})
    found = list(READERS["coco"](save(tmp_path / "a.json", value), OPTIONS))
    assert isinstance(found[1], BadSample) and "77" in found[1].detail


@pytest.mark.parametrize("text", ["{}", "[]", "[1", '{"images": 3}', '{"images": [], "categories"'])
def test_what_is_no_coco_set_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="not a COCO set"):
        list(READERS["coco"](save(tmp_path / "a.json", text), OPTIONS))


def test_two_coco_images_of_one_id_are_refused(tmp_path: Path) -> None:
    value = drawn.coco(SCENE[:1])
    value["images"] *= 2
    with pytest.raises(DataError, match="same id"):
        list(READERS["coco"](save(tmp_path / "a.json", value), OPTIONS))


def test_two_coco_categories_of_one_id_are_refused(tmp_path: Path) -> None:
    value = drawn.coco(SCENE[:1])
    value["categories"] *= 2
    assert read("coco", save(tmp_path / "a.json", value)).objects[0].label == "cat"
    value["categories"][1] = {"id": 1, "name": "dog"}
    with pytest.raises(DataError, match="two categories have the same id"):
        read("coco", save(tmp_path / "a.json", value))


# labelme


def test_labelme_pieces_of_a_group_are_one_object(tmp_path: Path) -> None:
    value = drawn.labelme((SCENE[1], SCENE[2], replace(SCENE[2], label="dog")))
    for shape in value["shapes"]:
        shape["group_id"] = 4
    sample = read("labelme", save(tmp_path / "a.json", value))
    assert [(item.label, len(item.parts)) for item in sample.objects] == [("dog", 2), ("cat", 1)]


def shape_of(kind: str, points: list[Any], label: str = "x") -> dict[str, Any]:
    return {"label": label, "shape_type": kind, "points": points}


def test_labelme_shapes(tmp_path: Path) -> None:
    given = [
        shape_of("circle", [[100, 100], [130, 140]]),
        shape_of("line", [[1, 2], [3, 4]]),
        shape_of("oriented_rectangle", [[0, 10], [10, 0], [20, 10], [10, 20]]),
        shape_of("point", [[1, 2]]),
        shape_of("mask", [[5, 6], [7, 8]]),
        shape_of("polygon", [[1, 2], [3, 4]]),
        shape_of("rectangle", [[1, 2], ["x", 4]]),
        shape_of("polygon", [[0, 0], [9, 0], [0, 9]], "__ignore__"),
        shape_of("polygon", [[0, 0], [9, 0], [0, 9]], "  "),
    ]
    source = save(tmp_path / "a.json", drawn.labelme((), shapes=given))
    sample = read("labelme", source)
    circle, line, turned = (item.parts[0] for item in sample.objects)
    assert isinstance(circle, Polygon) and len(circle.points) == 16
    assert circle.points[0] == (150, 100)  # radius 50: a triangle of 30, 40, 50
    assert line == Line(((1, 2), (3, 4)))
    assert turned == Polygon(((0, 10), (10, 0), (20, 10), (10, 20)))
    assert reasons(sample) == [
        ("shapes[3]", "shape-not-read"),
        ("shapes[4]", "crowd"),
        ("shapes[5]", "bad-geometry"),
        ("shapes[6]", "bad-geometry"),
        ("shapes[7]", "ignored-label"),
        ("shapes[8]", "no-label"),
    ]
    masks = read("labelme", source, replace(OPTIONS, keep_crowd=True))
    assert ("x", (Box(5, 6, 7, 8),)) in shapes(masks)


def test_labelme_flags_and_description_are_attributes(tmp_path: Path) -> None:
    value = drawn.labelme((replace(SCENE[0], attributes={"wet": "yes"}),))
    value["shapes"][0]["flags"]["dry"] = False
    value["shapes"][0]["description"] = "tabby"
    sample = read("labelme", save(tmp_path / "a.json", value))
    assert sample.objects[0].attributes == (("wet", ("true",)), ("description", ("tabby",)))


@pytest.mark.parametrize("text", ["[]", '{"shapes": 1}', "{", '{"a": NaN}', '{"a": 1, "a": 2}'])
def test_what_is_no_labelme_file_is_reported(tmp_path: Path, text: str) -> None:
    assert bad("labelme", save(tmp_path / "a.json", text)).reason == "unreadable"


# CVAT


def test_cvat_attributes_and_turned_boxes(tmp_path: Path) -> None:
    text = drawn.cvat((replace(SCENE[0], attributes={"colour": "black & white"}),))
    turned = (
        '<box label="x" xtl="0" ytl="0" xbr="20" ybr="10" rotation="90"/>'
        '<ellipse label="x" cx="50" cy="40" rx="20" ry="10"/>'
        '<tag label="night"/><points label="x" points="1,2"/>'
        '<mask label="x" left="3" top="4" width="5" height="6" rle="1,2"/>'
        '<polygon label="x" points="1,2;3,4"/><polyline label="x" points="1,2;3"/>'
        '<box label="x" xtl="1" ytl="2" xbr="3"/></image>'
    )
    sample = read("cvat", save(tmp_path / "a.xml", text.replace("</image>", turned)))
    first, box, ellipse = sample.objects
    assert first.attributes == (("colour", ("black & white",)),)
    (corners,) = box.parts
    # Twenty wide and ten high, turned about (10, 5): ten wide and twenty high.
    assert [(round(x), round(y)) for x, y in corners.points] == [
        (15, -5), (15, 15), (5, 15), (5, -5),
    ]  # fmt: skip
    assert ellipse.parts[0].points[0] == (70, 40)
    assert reasons(sample) == [
        ("tag 4", "tag"), ("points 5", "shape-not-read"), ("mask 6", "crowd"),
        ("polygon 7", "bad-geometry"), ("polyline 8", "bad-geometry"), ("box 9", "bad-geometry"),
    ]  # fmt: skip
    assert [refusal.rule for refusal in sample.refusals] == [True, False, True, False, False, False]


def test_cvat_tracks_are_refused(tmp_path: Path) -> None:
    text = '<annotations><track id="0" label="x"><box frame="0"/></track></annotations>'
    with pytest.raises(DataError, match="tracks of a video"):
        list(READERS["cvat"](save(tmp_path / "a.xml", text), OPTIONS))


def test_cvat_without_images_is_reported(tmp_path: Path) -> None:
    assert bad("cvat", save(tmp_path / "a.xml", "<annotations/>")).reason == "unreadable"


# VOC


def test_voc_marks_and_first_pixel(tmp_path: Path) -> None:
    source = save(tmp_path / "a.xml", drawn.voc(SCENE[:1]))
    sample = read("voc", source)
    assert sample.objects[0].attributes == (("difficult", ("1",)),)
    assert sample.images == ("a.png", "x/a.png") and sample.size == (640, 480)
    one_based = read("voc", source, replace(OPTIONS, one_based=True))
    assert shapes(one_based) == [("cat", (Box(31, 39, 200, 180),))]


def test_voc_turned_boxes(tmp_path: Path) -> None:
    turned = (
        "<object><name>x</name><robndbox><cx>10</cx><cy>5</cy><w>20</w><h>10</h>"
        "<angle>1.5707963</angle></robndbox></object><object><name>x</name></object></annotation>"
    )
    text = drawn.voc(()).replace("</annotation>", turned)
    sample = read("voc", save(tmp_path / "a.xml", text))
    assert {(round(x), round(y)) for x, y in sample.objects[0].parts[0].points} == {
        (15, -5), (15, 15), (5, 15), (5, -5),
    }  # fmt: skip
    assert reasons(sample) == [("object 2", "bad-geometry")]


@pytest.mark.parametrize("text", ["<a/>", "<annotation>", ""])
def test_what_is_no_voc_file_is_reported(tmp_path: Path, text: str) -> None:
    assert bad("voc", save(tmp_path / "a.xml", text)).reason == "unreadable"


# ms-swift


def swift_line(said: tuple[str, str], objects: dict[str, Any], images: int = 1) -> str:
    turns = [{"role": "user", "content": said[0]}, {"role": "assistant", "content": said[1]}]
    names = [f"{index}.png" for index in range(images)]
    return json.dumps({"messages": turns, "images": names, "objects": objects}) + "\n"


def test_swift_boxes_belong_to_the_name_said_before_them(tmp_path: Path) -> None:
    objects = {"ref": ["sheep"], "bbox": [[1, 2, 3, 4], [5, 6, 7, 8]]}
    line = swift_line(("<image>Find the <ref-object>", "<bbox><bbox>"), objects)
    sample = read("ms-swift", save(tmp_path / "a.jsonl", line))
    assert [item.label for item in sample.objects] == ["sheep", "sheep"]
    line = swift_line(("What is <bbox>?", "<ref-object>"), objects | {"bbox": [[1, 2, 3, 4]]})
    sample = read("ms-swift", save(tmp_path / "a.jsonl", line))
    assert shapes(sample) == [("sheep", (Box(1, 2, 3, 4),))]


def test_swift_several_images(tmp_path: Path) -> None:
    objects = {"ref": ["a", "b"], "bbox": [[1, 2, 3, 4], [5, 6, 7, 8]], "image_id": [1, 0]}
    line = swift_line(("", "<ref-object><bbox><ref-object><bbox>"), objects, images=2)
    found = list(READERS["ms-swift"](save(tmp_path / "a.jsonl", line), OPTIONS))
    assert [shapes(each) for each in found if isinstance(each, Annotated)] == [
        [("b", (Box(5, 6, 7, 8),))],
        [("a", (Box(1, 2, 3, 4),))],
    ]


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ({"ref": ["a"], "bbox": [[1, 2, 3, 4]] * 2}, "<ref-object><bbox>"),
        ({"ref": [], "bbox": [[1, 2, 3, 4]]}, "no placeholder"),
        ({"ref": ["a"], "bbox": [[1, 2, 3, 4]], "image_id": [3]}, "<ref-object><bbox>"),
        ({"ref": ["a"], "bbox": [[1, 2, 3, 4]], "bbox_type": "percent"}, "<ref-object><bbox>"),
        ({"ref": ["a"]}, "<ref-object>"),
    ],
)
def test_swift_lines_that_do_not_fit_are_reported(
    tmp_path: Path, objects: dict[str, Any], said: str
) -> None:
    found = bad("ms-swift", save(tmp_path / "a.jsonl", swift_line(("", said), objects)))
    assert found.reason == "unreadable" and found.place == "a.jsonl:1"


def test_swift_points_are_named(tmp_path: Path) -> None:
    line = swift_line(("", "<bbox>"), {"ref": ["a"], "bbox": [[615, 226]]})
    assert reasons(read("ms-swift", save(tmp_path / "a.jsonl", line))) == [
        ("bbox[0]", "shape-not-read")
    ]


# BBU, RRU

PIGTAIL = Item("尾纤", Polygon(((300, 60), (420, 100), (380, 200))), {"标签": "有标签"})


def test_domain_features_and_lists(tmp_path: Path) -> None:
    items = (PIGTAIL, Item("标签", Box(30, 40, 50, 60), {"文本": "5G", "组": "2"}), CABLE)
    sample = read("rru", save(tmp_path / "a.json", drawn.domain_json(items)))
    assert shapes(sample)[1:] == [
        ("标签", (Box(30, 40, 50, 60),)),
        ("cable", (CABLE.geometry,)),
    ]
    ring = sample.objects[0].parts[0]
    assert canonical(ring) == PIGTAIL.geometry
    assert sample.objects[0].attributes == (("标签", ("有标签",)),)
    assert sample.objects[1].attributes == (("文本", ("5G",)), ("组", ("2",)))
    listed = read("rru", save(tmp_path / "a.json", drawn.domain_json(items[1:2], listed=True)))
    assert listed.objects[0].parts == sample.objects[1].parts
    assert listed.objects[0].attributes == sample.objects[1].attributes


@pytest.mark.parametrize(
    "properties",
    [
        {"contentZh": {"类别": "尾纤"}},
        {"content": {"类别": "尾纤", "label": "x"}},
        {"类别": "尾纤"},
        {"contentZh": {"标签": "尾纤"}, "content": {"label": "x"}},
        {"contentZh": {"标签贴纸": ["尾纤"]}},
        {"content": {"label": "尾纤"}},
        {"label": "尾纤"},
        {"desc": " 尾纤 "},
    ],
)
def test_a_label_is_found_wherever_it_stands(tmp_path: Path, properties: dict[str, Any]) -> None:
    value = drawn.domain_json((PIGTAIL,))
    value["markResult"]["features"][0]["properties"] = properties
    sample = read("rru", save(tmp_path / "a.json", value))
    assert sample.objects[0].label == "尾纤"


def test_domain_faults_are_named(tmp_path: Path) -> None:
    value = drawn.domain_json((PIGTAIL,) * 4)
    features = value["markResult"]["features"]
    features[0]["geometry"]["type"] = "Point"
    features[1]["geometry"]["coordinates"] = [[[1, 2], [3, 4]]]
    features[2]["properties"] = {}
    features[3]["geometry"]["coordinates"] *= 2
    sample = read("rru", save(tmp_path / "a.json", value))
    assert [reason for _, reason in reasons(sample)] == [
        "shape-not-read", "bad-geometry", "no-label", "bad-geometry",
    ]  # fmt: skip
    assert "holes" in sample.refusals[3].detail


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ([{"id": 1}, {"id": "组 2"}, {"id": 1}], ("1", "2")),
        ([{"id": None, "name": "Group_A-1"}, "B 7"], ("A-1", "B 7")),
        ({"id": 3}, ("3",)),
        (4, ("4",)),
        ([{}, "", None], None),
        (None, None),
    ],
)
def test_groups_are_read_however_they_are_written(
    tmp_path: Path, groups: Any, found: tuple[str, ...] | None
) -> None:
    value = drawn.domain_json((PIGTAIL,))
    value["markResult"]["features"][0]["properties"]["groups"] = groups
    sample = read("rru", save(tmp_path / "a.json", value))
    attributes = dict(sample.objects[0].attributes)
    assert attributes.get("组") == found


def test_a_group_without_a_name_is_a_fault(tmp_path: Path) -> None:
    value = drawn.domain_json((PIGTAIL,))
    value["markResult"]["features"][0]["properties"]["groups"] = [{"number": 1}]
    sample = read("rru", save(tmp_path / "a.json", value))
    assert reasons(sample) == [("markResult.features[0]", "group")] and not sample.objects


@pytest.mark.parametrize("value", [{"value": "华为"}, [{"value": "华为"}], [["华为"]]])
def test_an_attribute_that_is_no_value_is_a_fault(tmp_path: Path, value: Any) -> None:
    whole = drawn.domain_json((PIGTAIL,))
    whole["markResult"]["features"][0]["properties"]["contentZh"]["品牌"] = value
    sample = read("rru", save(tmp_path / "a.json", whole))
    assert reasons(sample) == [("markResult.features[0]", "bad-attribute")] and not sample.objects
    assert "'品牌'" in sample.refusals[0].detail


def test_domain_pieces_and_places_of_the_image(tmp_path: Path) -> None:
    value = drawn.domain_json((PIGTAIL,))
    ring = value["markResult"]["features"][0]["geometry"]["coordinates"]
    value["markResult"]["features"][0]["geometry"] = {
        "type": "MultiPolygon", "coordinates": [ring, ring],
    }  # fmt: skip
    save(tmp_path / "set" / "sub" / "a.json", value)
    sample = read("rru", tmp_path / "set")
    assert len(sample.objects[0].parts) == 2
    assert sample.images[0] == "sub/a.jpeg" and "a.png" in sample.images
    assert sample.place == "sub/a.json"


@pytest.mark.parametrize("text", ["{}", '{"dataList": [1], "markResult": {"features": [1]}}'])
def test_what_is_no_domain_file_is_reported(tmp_path: Path, text: str) -> None:
    assert bad("bbu", save(tmp_path / "a.json", text)).reason == "unreadable"
