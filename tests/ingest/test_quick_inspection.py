"""The fast look at photographs and the close one never disagree; the fast one decides the common
case."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.ingest.quick_inspection import QuickInspection
from sightwright.ingest.validate import Validator
from sightwright.jsonl import Line

SUMMARY = json.dumps(
    {"dataset": "BBU", "objects_total": 1, "统计": [{"类别": "标签", "文本": {"5G": 1}}]},
    ensure_ascii=False,
)


def box(**changes: object) -> dict[str, Any]:
    return {"desc": "类别=标签,文本=5G", "bbox_2d": [264, 144, 326, 201], **changes}


def poly(*numbers: float, **changes: object) -> dict[str, Any]:
    return {"desc": "wind shield/clear", "poly": list(numbers), **changes}


def line(*numbers: float, **changes: object) -> dict[str, Any]:
    return {"desc": "cable", "line": list(numbers), **changes}


def record(*objects: object, **changes: object) -> dict[str, Any]:
    value = {"id": "a", "images": ["a.jpg"], "width": 1920, "height": 1080}
    return {**value, "objects": list(objects), **changes}


def agree(data: bytes) -> bool:
    """Whether the fast look says yes, having checked that the close one finds nothing then."""
    yes = QuickInspection().read(data) is not None
    if yes:
        close = Validator(check_images=False, closely=True)
        problem = close.look_closely(Line(Path("x.jsonl"), 1, data))
        assert problem is None, (problem, data)
    return yes


CONCAVE = (0, 0, 100, 0, 100, 100, 50, 20, 0, 100)
COMMON = [
    record(box()),
    record(box(), poly(10, 10, 90, 12, 80, 70), line(0, 0, 50, 60, 1920, 1080, line_points=3)),
    record(poly(*CONCAVE, poly_points=5)),
    record(poly(5, 5, 5, 95, 95, 95, 95, 5)),
    record(box(bbox_2d=[0.5, 0, 1920, 1079.25]), {"desc": "x", "quad": [0, 0, 9, 0, 9, 9, 0, 9]}),
    record(box(), summary="two labels"),
    record(box(), summary=SUMMARY),
    {"images": ["a.jpg"], "width": 3, "height": 4, "summary": "无关图片"},
    record(objects=None, summary="x"),
    record(box(), meta={"a": {"b": [1, {"c": "d:"}]}}),
    record(box(), metadata=None),
    record(line(3, 3, 3, 3, 4, 3)),
    record(box(desc='a "quoted": thing')),
]


@pytest.mark.parametrize("value", COMMON)
def test_good_lines_are_known_without_a_close_look(value: Any) -> None:
    for as_ascii in (True, False):
        data = json.dumps(value, ensure_ascii=as_ascii).encode() + b"\n"
        assert agree(data)
        assert agree(json.dumps(value, ensure_ascii=as_ascii, separators=(",", ":")).encode())


BAD = [
    record(),
    record(objects=None),
    record(box(), images=[]),
    record(box(), images=["a", "b"]),
    record(box(), images=[""]),
    record(box(), images=["file://elsewhere/a.jpg"]),
    record(box(), width=0),
    record(box(), width=1920.0),
    record(box(), height=True),
    record(box(), id=""),
    record(box(), id=3),
    record(box(), extra=1),
    record(box(), groups={}),
    record(box(), meta={}, metadata={}),
    record(box(), meta=[]),
    record(box(), summary=" "),
    record(box(), summary="a\nb"),
    record(box(), summary="{"),
    record(box(), summary="<DOMAIN=BBU>, <TASK=SUMMARY>"),
    record(box(), summary=SUMMARY.replace("标签", "灯")),
    record(box(desc="")),
    record(box(desc=" a")),
    record(box(desc="a\u3000")),
    record(box(desc="a, b")),
    record(box(desc="a  b")),
    record(box(desc="a\tb")),
    record(box(groups=[])),
    record(box(bbox_2d=[264, 144, 264, 201])),
    record(box(bbox_2d=[326, 144, 264, 201])),
    record(box(bbox_2d=[0, 0, 1921, 1])),
    record(box(bbox_2d=[-1, 0, 5, 5])),
    record(box(bbox_2d=[0, 0, 5])),
    record(box(bbox_2d=[0, 0, 5, "5"])),
    record(box(bbox_2d=[0, 0, 5, True])),
    record(box(bbox_2d=[0, 0, 5, 10**400])),
    record(box(bbox_2d=None)),
    record(box(poly=[0, 0, 1, 0, 1, 1])),
    record(box(poly_points=2)),
    record(box(line_points=2)),
    record({"desc": "a"}),
    record(poly(0, 0, 9, 0)),
    record(poly(0, 0, 9, 0, 9)),
    record(poly(0, 0, 9, 0, 9, 9, 5)),
    record(poly(0, 0, 9, 9, 18, 18)),
    record(poly(0, 0, 9, 9, 9, 0, 0, 9)),
    record(poly(0, 0, 9, 0, 9, 9, poly_points=4)),
    record(poly(0, 0, 9, 0, 9, 9, poly_points="3")),
    record(poly(0, 0, 9, 0, 9, 9, poly_points=None)),
    # A pentagram: every turn is to the same side, and it goes round twice.
    record(poly(50, 0, 79, 90, 2, 35, 98, 35, 21, 90)),
    record(line(3, 3, 3, 3)),
    record(line(3, 3)),
    record(line(3, 3, 4)),
    record(line(0, 0, 5, 5, line_points=3)),
    record(line(0, 0, 2000, 5)),
    {"images": ["a.jpg"], "width": 3, "height": 4},
]


@pytest.mark.parametrize("value", BAD)
def test_bad_lines_are_left_to_the_close_look(value: Any) -> None:
    data = json.dumps(value, ensure_ascii=False).encode()
    assert not agree(data)
    close = Validator(check_images=False, closely=True)
    assert close.look_closely(Line(Path("x.jsonl"), 1, data)) is not None


@pytest.mark.parametrize("key", ["id", "objects", "desc", "bbox_2d", "width"])
def test_a_key_that_stands_twice_is_seen(key: str) -> None:
    text = json.dumps(record(box()))
    doubled = text.replace(f'"{key}":', f'"{key}": "x", "{key}":', 1)
    assert doubled != text and not agree(doubled.encode())
    twice = text.replace('"width": 1920', '"width": 1920, "width" : 1920')
    assert not agree(twice.encode())


_numbers = st.one_of(
    st.integers(-5, 45), st.floats(-5, 45, allow_nan=False), st.sampled_from([0, 40, 1e-3, 39.999])
)
_points = st.integers(2, 6).flatmap(lambda n: st.lists(_numbers, min_size=2 * n, max_size=2 * n))
_objects = st.one_of(
    st.lists(_numbers, min_size=4, max_size=4).map(lambda n: {"desc": "a", "bbox_2d": n}),
    _points.map(lambda n: {"desc": "a", "poly": n}),
    _points.map(lambda n: {"desc": "a", "line": n, "line_points": len(n) // 2}),
    st.text(" ,/ab\n=\u3000", max_size=6).map(lambda t: {"desc": t, "bbox_2d": [0, 0, 9, 9]}),
)


@settings(deadline=None, max_examples=400)
@given(st.lists(_objects, min_size=1, max_size=3))
def test_any_shapes(objects: list[dict[str, Any]]) -> None:
    agree(json.dumps(record(*objects, width=40, height=40)).encode())


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(COMMON),
    st.sampled_from([json.dumps, lambda value: json.dumps(value, separators=(" , ", " : "))]),
    st.randoms(use_true_random=False),
    st.integers(1, 3),
)
def test_any_damage(value: Any, spell: Callable[[Any], str], random: Any, num_changes: int) -> None:
    data = bytearray(spell(copy.deepcopy(value)).encode())
    for _ in range(num_changes):
        place = random.randrange(len(data))
        piece = data[place : place + random.randrange(1, 12)]
        change = random.randrange(3)
        if change == 0:
            del data[place : place + len(piece)]
        elif change == 1:
            data[place:place] = piece
        else:
            data[place] = random.choice(b'":,{}[]\\ 0-.e\tA')
    agree(bytes(data).replace(b"\n", b" "))
