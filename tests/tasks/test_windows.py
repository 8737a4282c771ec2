from typing import Any

import pytest

from sightwright.schema import DocumentSchema, compile_schema
from sightwright.tasks import windows
from sightwright.tasks.windows import WindowAnswer


def merge_windows(schema: DocumentSchema, answers: list[WindowAnswer]) -> dict[str, Any]:
    return windows.merge_windows(schema, answers).value


SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "number": {"type": "string"},
            "opened": {"type": "string", "x-merge": "first"},
            "total": {"type": "number", "x-merge": "last"},
            "party": {"type": "object", "properties": {"name": {"type": "string"}}},
            "rows": {"type": "array", "items": {"type": "string"}},
            "notes": {"type": "array", "x-merge": "first", "items": {"type": "string"}},
        },
    },
    "statement",
)


def window(confidence: float = 1.0, **value: object) -> WindowAnswer:
    empty = dict.fromkeys(SCHEMA.root.properties)
    return WindowAnswer({**empty, **value}, confidence)


def test_each_field_is_merged_by_its_own_rule() -> None:
    merged = merge_windows(
        SCHEMA,
        [
            window(0.6, number="N1", opened="a", total=1, rows=["x"], party={"name": None}),
            window(0.9, number="N2", opened="b", total=2, rows=["x", "y"], notes=["n"]),
            window(0.8, number="N3", party={"name": "Ada"}),
        ],
    )
    assert merged == {
        "number": "N2",
        "opened": "a",
        "total": 2,
        "party": {"name": "Ada"},
        "rows": ["x", "x", "y"],
        "notes": ["n"],
    }
    assert list(merged) == list(SCHEMA.root.properties)


def test_absent_everywhere_stays_null_and_one_window_is_itself() -> None:
    alone = window(number="N1", rows=[])
    assert merge_windows(SCHEMA, [alone]) == dict(alone.value)
    assert merge_windows(SCHEMA, [window(), window()])["rows"] is None


def test_confidence_of_a_field_wins_over_that_of_its_window() -> None:
    sure = WindowAnswer({"number": "N1"}, confidence=0.1, by_place={"number": 0.95})
    merged = merge_windows(SCHEMA, [sure, WindowAnswer({"number": "N2"}, confidence=0.9)])
    assert merged["number"] == "N1"


def test_the_earlier_page_wins_between_equals() -> None:
    assert merge_windows(SCHEMA, [window(number="N1"), window(number="N2")])["number"] == "N1"


def test_an_empty_list_and_empty_text_give_way() -> None:
    merged = merge_windows(SCHEMA, [window(notes=[], opened=""), window(notes=["n"], opened="b")])
    assert (merged["notes"], merged["opened"]) == (["n"], "b")


def test_an_object_is_merged_by_key_or_whole_as_it_says() -> None:
    place = {"type": "object", "properties": {k: {"type": "string"} for k in ("name", "city")}}
    schema = compile_schema(
        {
            "type": "object",
            "properties": {"by_key": place, "whole": place | {"x-merge": "last"}},
            "required": ["by_key", "whole"],
        },
        "parties",
    )
    first = {"name": "Ada", "city": None}
    second = {"name": None, "city": "Oslo"}
    nothing = {"name": None, "city": None}
    merged = merge_windows(
        schema,
        [WindowAnswer({"by_key": value, "whole": value}) for value in (first, second, nothing)],
    )
    assert merged == {"by_key": {"name": "Ada", "city": "Oslo"}, "whole": second}
    alone = merge_windows(schema, [WindowAnswer({"by_key": nothing, "whole": nothing})] * 2)
    assert not schema.problems(alone)


def test_no_windows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no windows"):
        merge_windows(SCHEMA, [])


def test_labels_keep_what_the_schema_does_not_have() -> None:
    merged = merge_windows(
        SCHEMA,
        [
            WindowAnswer({"odd": {"a": 1}, "party": "Ada", "rows": "x"}),
            WindowAnswer({"odd": {"b": 2}, "party": {"name": "Bo"}, "rows": ["y"]}),
        ],
    )
    assert (merged["odd"], merged["party"], merged["rows"]) == ({"a": 1}, "Ada", "x")
    assert list(merged)[-1] == "odd"


def test_a_value_keeps_the_confidence_of_the_place_it_came_from() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "number": {"type": "string"},
                "note": {"type": "string"},
                "party": {
                    "type": "object",
                    "x-merge": "last",
                    "properties": {k: {"type": "string"} for k in ("name", "city")},
                },
                "seller": {"type": "object", "properties": {"name": {"type": "string"}}},
                "rows": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"price": {"type": "number"}}},
                },
            },
        },
        "statement",
    )
    first = WindowAnswer(
        {
            "number": "N1",
            "note": None,
            "party": {"name": "Ada", "city": "Oslo"},
            "seller": None,
            "rows": [{"price": 1}],
        },
        by_place={
            "number": 0.9, "note": 0.8, "party.name": 0.1, "party.city": 0.2,
            "seller.name": 0.7, "rows[0].price": 0.5,
        },
    )  # fmt: skip
    second = WindowAnswer(
        {
            "number": "N2",
            "note": None,
            "party": {"name": None, "city": "Rome"},
            "seller": {"name": None},
            "rows": [{"price": 2}, {"price": 3}],
        },
        by_place={
            "number": 0.95, "note": 0.85, "party.name": 0.3, "party.city": 0.4,
            "seller.name": 0.6, "rows[0].price": 0.55, "rows[1].price": 0.65,
        },
    )  # fmt: skip
    merged = windows.merge_windows(schema, [first, second])
    assert merged.value == {
        "number": "N2",
        "note": None,
        "party": {"name": None, "city": "Rome"},
        "seller": None,
        "rows": [{"price": 1}, {"price": 2}, {"price": 3}],
    }
    assert merged.confidences == {
        "number": 0.95,
        # Nothing in either: as sure as the less sure of the two.
        "note": 0.8,
        "seller.name": 0.6,
        "party.name": 0.3,
        "party.city": 0.4,
        "rows[0].price": 0.5,
        "rows[1].price": 0.55,
        "rows[2].price": 0.65,
    }


def test_the_better_array_is_the_surer_by_value_not_the_shorter() -> None:
    rows = {"type": "array", "x-merge": "best", "items": {"type": "string"}}
    schema = compile_schema({"type": "object", "properties": {"rows": rows}}, "list")
    short = WindowAnswer({"rows": ["a"]}, by_place={"rows[0]": 0.8})
    # A product would be 0.73 here, and the mean is 0.9.
    long = WindowAnswer({"rows": ["b"] * 3}, by_place={f"rows[{n}]": 0.9 for n in range(3)})
    merged = windows.merge_windows(schema, [short, long])
    assert merged.value == {"rows": ["b"] * 3}
    assert merged.confidences == {f"rows[{n}]": 0.9 for n in range(3)}
    never = WindowAnswer({"rows": ["c"]}, confidence=1.0, by_place={"rows[0]": 0.0})
    assert windows.merge_windows(schema, [never, short]).value == {"rows": ["a"]}
