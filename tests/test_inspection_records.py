import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.errors import DataError
from sightwright.geometry import Box, Line, Polygon, canonical, faults
from sightwright.inspection_records import (
    DenseObject,
    InspectionLine,
    InspectionRecord,
    is_inspection,
    read_inspection_record,
    untidy,
    write_inspection_record,
    write_object,
)
from sightwright.record_formats import read_any_record

GOOD: dict[str, Any] = {
    "id": "cab-7",
    "images": ["photos/cab-7.jpg"],
    "width": 100,
    "height": 80,
    "objects": [
        {"desc": "类别=标签,文本=5G", "bbox_2d": [10, 10, 30, 20]},
        {"desc": "类别=电线", "line_points": 2, "line": [0, 0, 100, 80]},
        {"desc": "类别=BBU设备", "quad": [12, 34, 56, 34, 56, 78, 12, 78]},
    ],
    "summary": '{"objects_total": 3}',
    "metadata": {"site": 4},
}


def broken(change: dict[str, Any]) -> dict[str, Any]:
    """The good record with keys changed; None leaves one out; a dotted key reaches object 1."""
    value = copy.deepcopy(GOOD)
    for key, to in change.items():
        holder = value["objects"][0] if key.startswith("object.") else value
        name = key.removeprefix("object.")
        if to is None:
            holder.pop(name)
        else:
            holder[name] = to
    return value


def test_a_record_is_read() -> None:
    assert read_inspection_record(GOOD) == InspectionRecord(
        id="cab-7",
        image="photos/cab-7.jpg",
        width=100,
        height=80,
        objects=(
            DenseObject("类别=标签,文本=5G", Box(10, 10, 30, 20)),
            DenseObject("类别=电线", Line(((0, 0), (100, 80)))),
            DenseObject("类别=BBU设备", Polygon(((12, 34), (56, 34), (56, 78), (12, 78)))),
        ),
        summary='{"objects_total": 3}',
        meta={"site": 4},
    )


def test_what_is_written_is_read_again() -> None:
    record = read_inspection_record(GOOD)
    written = write_inspection_record(record)
    assert read_inspection_record(json.loads(json.dumps(written))) == record
    # A quad is a polygon from then on.
    assert written["objects"][2] == {
        "desc": "类别=BBU设备",
        "poly": [12, 34, 56, 34, 56, 78, 12, 78],
    }
    assert write_object(record.objects[1]) == {
        "desc": "类别=电线",
        "line_points": 2,
        "line": [0, 0, 100, 80],
    }


def test_a_summary_alone() -> None:
    value = {"images": ["a.jpg"], "width": 9, "height": 9, "summary": "无关图片"}
    record = read_inspection_record(value)
    assert (record.objects, record.summary, record.key) == ((), "无关图片", "a.jpg")
    assert read_inspection_record({**value, "objects": []}) == record


def test_a_record_is_not_named_by_a_whole_data_url() -> None:
    first, second = (
        InspectionRecord("", f"data:image/png;base64,{text * 100_000}", 9, 9) for text in "AB"
    )
    assert len(first.key) < 40
    assert first.key == InspectionRecord("", first.image, 9, 9).key != second.key


def test_kinds_of_lines_are_told_apart() -> None:
    assert is_inspection(GOOD)
    assert not is_inspection({"messages": [], "width": 3})
    assert not is_inspection({"conversations": []})
    assert not is_inspection({"images": []})
    assert not is_inspection([GOOD])
    assert isinstance(read_any_record(GOOD), InspectionRecord)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": ""}, "'id' is a non-empty string"),
        ({"id": 7}, "'id' is a non-empty string, not 7"),
        ({"images": None}, "images"),
        ({"images": []}, "images"),
        ({"images": ["a.jpg", "b.jpg"]}, "images"),
        ({"images": [7]}, "images"),
        ({"images": "a.jpg"}, "images"),
        ({"width": None}, "width"),
        ({"width": 0}, "width"),
        ({"width": -5}, "width"),
        ({"width": 10.5}, "width"),
        ({"width": True}, "width"),
        ({"width": 10**400}, "and must be the image's in whole pixels"),
        ({"height": "80"}, "height"),
        ({"summary": " "}, "'summary' is a non-empty text"),
        ({"summary": 3}, "'summary' is a non-empty text"),
        ({"summary": "a\nb"}, "'summary' is one line"),
        ({"objects": {}}, "'objects' is a list"),
        ({"objects": None, "summary": None}, "'objects' is a list"),
        ({"objects": [], "summary": None}, "'objects' is a list"),
        ({"objects": [3]}, "object 1: an object has 'desc' and a geometry"),
        ({"groups": []}, "groups"),
        ({"image": "a.jpg"}, "image"),
        ({"object.groups": 1}, "object 1: unknown keys groups"),
        # Its area would be no float.
        (
            {"object.bbox_2d": None, "object.poly": [0, 0, 10**299, 0, 10**299, 10**299]},
            "which is no place in an image",
        ),
        ({"object.desc": None}, "object 1: 'desc' is a text"),
        ({"object.desc": ""}, "object 1: 'desc' has"),
        ({"object.desc": "  "}, "object 1: 'desc' has"),
        ({"object.desc": "a\tb"}, "a tab"),
        ({"object.desc": "a, b"}, "a space after a comma"),
        ({"object.desc": "a / b"}, "a space before a slash, a space after a slash"),
        ({"object.bbox_2d": None}, "object 1: an object has exactly one of"),
        ({"object.line": [0, 0, 1, 1]}, "found bbox_2d and line"),
        ({"object.bbox_2d": [10, 10, 30]}, "object 1: 'bbox_2d' has 4 numbers"),
        ({"object.bbox_2d": [30, 10, 10, 20]}, "object 1: bbox_2d [30, 10, 10, 20] is not left"),
        ({"object.bbox_2d": [10, 10, 101, 20]}, "(101, 10) and 1 more outside the image of 100x80"),
        ({"object.bbox_2d": ["1", 1, 2, 2]}, "holds '1', which is no number"),
        ({"metadata": [1]}, "meta"),
    ],
)
def test_a_breach_is_named(change: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError) as error:
        read_inspection_record(broken(change))
    assert why in str(error.value)


def test_every_breach_is_in_one_message() -> None:
    with pytest.raises(DataError) as error:
        read_inspection_record(broken({"width": 0, "summary": "", "object.desc": "a, b"}))
    for word in ("width", "summary", "object 1"):
        assert word in str(error.value)


def test_wrong_objects_by_the_thousand_are_counted() -> None:
    many = broken({"objects": [{"desc": "x"}] * 1000})
    with pytest.raises(DataError, match=r"object 20: [^;]*;[^;]*; and 980 more objects"):
        read_inspection_record(many)


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_no_record_at_all(value: Any) -> None:
    with pytest.raises(DataError, match="a record is an object"):
        read_inspection_record(value)


@pytest.mark.parametrize(
    ("desc", "words"),
    [
        ("类别=标签,文本=5G", []),
        ("traffic light", []),
        ("", ["nothing in it"]),
        ("a\nb", ["a line break"]),
        ("a ,b", ["a space before a comma"]),
        ("a  b", ["a double space"]),
    ],
)
def test_untidy_descriptions(desc: str, words: list[str]) -> None:
    found = untidy(desc)
    assert bool(found) == bool(words)
    if desc:
        assert found == words


# Types and reader


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    """Records near the contract: most keys right, some left out or of another type."""
    number = st.integers(-3, 30) | st.sampled_from([1.5, True, None, "3"])
    rough = st.lists(number, max_size=9)
    geometry = st.sampled_from(["bbox_2d", "poly", "line", "quad", "poly_points", "line_points"])
    entry = st.dictionaries(geometry, rough | st.integers(0, 4), max_size=2).map(
        lambda found: {"desc": "x", **found}
    )
    good = st.just({"desc": "x", "bbox_2d": [1, 1, 5, 5]})
    optional = {
        "id": st.sampled_from(["a", "", 3]),
        "summary": st.sampled_from(["s", None, "", 5]),
        "metadata": st.sampled_from([{}, None, {"a": 1}, []]),
        "objects": st.lists(good | good | entry, max_size=3),
        "extra": st.just(1),
    }
    required = {
        "images": st.sampled_from([["a.jpg"], ["a.jpg"], ["a.jpg"], [], ["a", "b"], [3], "a"]),
        "width": st.sampled_from([20, 20, 20, 0, -1, 2.5, "20", True]),
        "height": st.sampled_from([20, 20, 20, 0, None]),
    }
    return draw(st.fixed_dictionaries(required, optional=optional))


@settings(max_examples=400, deadline=None)
@given(lines())
def test_the_types_let_through_whatever_the_reader_takes(value: dict[str, Any]) -> None:
    """The types are the coarse contract: a line that they refuse, the reader refuses too."""
    try:
        msgspec.convert(value, InspectionLine)
        types_take_it = True
    except msgspec.ValidationError:
        types_take_it = False
    try:
        record = read_inspection_record(value)
    except DataError:
        return
    assert types_take_it
    assert read_inspection_record(write_inspection_record(record)) == record
    for each in record.objects:
        assert faults(canonical(each.geometry), record.width, record.height) == []
