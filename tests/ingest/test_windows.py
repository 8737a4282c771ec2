from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.errors import DataError
from sightwright.ingest.windows import is_by_page, merge_labels, page_labels, windows_of
from sightwright.schema import compile_schema
from sightwright.tasks.windows import WindowAnswer, merge_windows

SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "number": {"type": "string"},
            "total": {"type": "number", "x-merge": "last"},
            "shipper": {"type": "object", "properties": {"name": {"type": "string"}}},
            "lines": {"type": "array", "items": {"type": "string"}},
            "codes": {"type": "array", "items": {"type": "string"}, "x-merge": "first"},
        },
    },
    "invoice",
)


def test_windows_by_hand() -> None:
    assert windows_of(5, 2) == [range(1, 3), range(3, 5), range(5, 6)]
    assert windows_of(4, 2) == [range(1, 3), range(3, 5)]
    assert windows_of(5, None) == [range(1, 6)]


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(1, 100))
def test_windows_hold_every_page_once(num_pages: int, most: int) -> None:
    windows = windows_of(num_pages, most)
    assert [page for window in windows for page in window] == list(range(1, num_pages + 1))
    assert all(1 <= len(window) <= most for window in windows)


def test_a_label_by_page_is_told_by_its_one_key() -> None:
    assert is_by_page({"pages": {"1": {}}}, SCHEMA)
    assert not is_by_page({"pages": {"1": {}}, "number": "7"}, SCHEMA)
    with_pages = compile_schema(
        {"type": "object", "properties": {"pages": {"type": "integer"}}}, "x"
    )
    assert not is_by_page({"pages": 3}, with_pages)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"pages": [1]}, '"pages" is an object'),
        ({"pages": {"0": {}}}, "page '0' is none of the document's 3 pages"),
        ({"pages": {"4": {}}}, "page '4' is none"),
        ({"pages": {"one": {}}}, "page 'one' is none"),
        ({"pages": {"1": []}}, "the label of page 1 is an object, not list"),
    ],
)
def test_a_bad_label_by_page_is_named(written: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        page_labels(written, num_pages=3)


def test_merging_by_hand() -> None:
    merged = merge_labels(
        SCHEMA,
        [
            {"number": None, "total": 1, "lines": ["a"], "codes": ["x"], "odd": 1},
            {"number": "7", "total": 3, "lines": ["b", "c"], "shipper": {"name": "S"}},
            {"number": "8", "total": None, "lines": None, "codes": ["y"], "shipper": {"odd": 2}},
        ],
    )
    assert merged == {
        "number": "7",
        "total": 3,
        "lines": ["a", "b", "c"],
        "codes": ["x"],
        "shipper": {"name": "S", "odd": 2},
        "odd": 1,
    }


_texts = st.one_of(st.none(), st.sampled_from(["", "a", "b"]))
_lists = st.one_of(st.none(), st.lists(st.sampled_from(["a", "b"]), max_size=2))
_labels = st.fixed_dictionaries(
    {
        "number": _texts,
        "total": st.one_of(st.none(), st.integers(0, 9)),
        "shipper": st.one_of(st.none(), st.fixed_dictionaries({"name": _texts})),
        "lines": _lists,
        "codes": _lists,
    }
)


@settings(max_examples=50, deadline=None)
@given(st.lists(_labels, min_size=1, max_size=4))
def test_labels_are_merged_as_answers_are(labels: list[dict[str, Any]]) -> None:
    answers = [WindowAnswer(SCHEMA.conform(label).value) for label in labels]
    assert (
        SCHEMA.conform(merge_labels(SCHEMA, labels)).value == merge_windows(SCHEMA, answers).value
    )


def test_an_object_that_comes_whole_comes_whole_from_labels_too() -> None:
    place = {"type": "object", "properties": {k: {"type": "string"} for k in ("name", "city")}}
    schema = compile_schema(
        {"type": "object", "properties": {"a": place | {"x-merge": "first"}, "b": place}}, "x"
    )
    labels = [
        {"a": {"name": "Ada"}, "b": {"name": "Ada"}},
        {"a": {"city": "Oslo"}, "b": {"city": "Oslo"}},
    ]
    merged = schema.conform(merge_labels(schema, labels)).value
    assert merged == {"a": {"name": "Ada", "city": None}, "b": {"name": "Ada", "city": "Oslo"}}
    assert merge_labels(schema, []) == {}
