import pytest

from sightwright.schema import compile_schema
from sightwright.tasks.windows import WindowAnswer, merge_windows

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
    sure = WindowAnswer({"number": "N1"}, confidence=0.1, by_field={"number": 0.95})
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
