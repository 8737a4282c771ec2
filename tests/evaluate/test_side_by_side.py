from typing import Any

import pytest

from sightwright.evaluate.side_by_side import (
    MAX_LETTERS,
    MAX_ROWS,
    Folded,
    Piece,
    ShownCell,
    ShownRow,
    ShownText,
    lay_out,
    visible,
)
from sightwright.metrics.fields import cells
from sightwright.schema import compile_schema

SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "vendor": {"type": "string"},
            "code": {"type": ["string", "integer"]},
            "place": {"type": "object", "properties": {"city": {"type": "string"}}},
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "price": {"type": "number"},
                        "lots": {"type": "array", "items": {"type": "string"}},
                    },
                },
            },
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    },
    "receipt",
)


def sheet(gold: dict[str, Any], answer: dict[str, Any], **confidences: float) -> Any:
    found = cells(SCHEMA, SCHEMA.conform(gold).value, SCHEMA.conform(answer).value)
    return lay_out(SCHEMA.root, found, confidences)


def line(gold: object, answer: object) -> ShownCell:
    return sheet({"vendor": gold}, {"vendor": answer}).lines[0]


def test_letters_that_differ_are_marked() -> None:
    found = line("Cedar Deli", "Ceder Deli")
    assert found.outcome == "wrong"
    assert found.gold.pieces == (Piece("Ced"), Piece("a", differs=True), Piece("r Deli"))
    assert found.answer.pieces == (Piece("Ced"), Piece("e", differs=True), Piece("r Deli"))


def test_values_with_little_in_common_are_marked_whole() -> None:
    found = line("Cedar Deli", "Falcon")
    assert found.gold.pieces == (Piece("Cedar Deli", differs=True),)
    assert found.answer.pieces == (Piece("Falcon", differs=True),)


def test_missed_invented_right_and_absent() -> None:
    assert line("Oak", None) == ShownCell(
        "vendor", "missed", ShownText((Piece("Oak"),)), ShownText(()), None
    )
    assert line(None, "Oak").answer.pieces == (Piece("Oak"),)
    assert line(None, "Oak").outcome == "invented"
    # Right after normalising, each as it was written.
    same = line("OAK ", "oak")
    assert (same.outcome, same.gold.pieces[0].text, same.is_fault) == ("right", "OAK ", False)
    assert line(None, " ").outcome == "absent"


def test_values_that_differ_in_type_alone_are_shown_as_json() -> None:
    found = sheet({"code": 1}, {"code": "1"}).lines[1]
    assert found.gold.pieces == (Piece("1", differs=True),) or found.gold.pieces[0].text == "1"
    assert "".join(piece.text for piece in found.answer.pieces) == '"1"'


def test_long_values_are_shown_around_their_first_difference() -> None:
    gold, answer = "a" * 1000 + "b" + "c" * 1000, "a" * 1000 + "d" + "c" * 900
    found = line(gold, answer)
    assert (found.gold.before, found.answer.before) == (960, 960)
    assert found.gold.pieces[0] == Piece("a" * 40)
    assert found.gold.pieces[1] == Piece("b", differs=True)
    assert found.gold.after == 2001 - 960 - MAX_LETTERS
    assert found.answer.after == 1901 - 960 - MAX_LETTERS
    early = line("x" + "a" * 1000, "y" + "a" * 1000)
    assert (early.gold.before, early.gold.after) == (0, 1001 - MAX_LETTERS)
    shorter = line("a" * 500, "a" * 460)
    assert (shorter.gold.before, shorter.answer.before) == (420, 420)
    assert shorter.gold.pieces[-1] == Piece("a" * 40, differs=True)


def test_hidden_characters_are_spelled_out() -> None:
    assert visible("INV\u202e0042\x00") == "INV‹U+202E›0042‹U+0000›"
    assert visible("two\nlines\t") == "two\nlines\t"
    assert visible("می\u200cخواهم") == "می\u200cخواهم"
    assert visible("a\u200db", joiners=True) == "a‹U+200D›b"
    found = line("ab", "a\u200bb")
    assert found.answer.pieces[1] == Piece("‹U+200B›", differs=True)


def rows(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "price": float(n), "lots": []} for n, name in enumerate(names)]


def test_rows_are_beside_the_rows_they_were_taken_for() -> None:
    gold = {"lines": [*rows("tea", "bun"), {"name": "pie", "lots": ["A1", "A2"]}]}
    answer = {"lines": [{"name": "pie", "lots": ["A2"]}, {"name": "jam"}, *rows("tea")]}
    table = sheet(gold, answer, **{"lines[0].lots[0]": 0.5}).tables[0]
    assert (table.path, table.columns) == ("lines", ("name", "price", "lots[]"))
    assert [(row.gold, row.answer) for row in table.rows] == [(1, 3), (2, 2), (3, 1)]
    assert [row.is_fault for row in table.rows] == [False, True, True]
    name, price, lots = table.rows[2].cells
    assert (name[0].outcome, price[0].outcome) == ("right", "absent")
    assert [cell.outcome for cell in lots] == ["missed", "right"]
    assert lots[1].confidence == 0.5
    assert name[0].confidence is None


def test_rows_left_over_have_one_number() -> None:
    fewer = sheet({"tags": ["a", "b"]}, {"tags": ["b"]}).tables[0]
    assert fewer.columns == ("value",)
    assert [(row.gold, row.answer) for row in fewer.rows] == [(1, None), (2, 1)]
    more = sheet({"tags": ["a"]}, {"tags": ["c", "a"]}).tables[0]
    assert [(row.gold, row.answer) for row in more.rows] == [(1, 2), (None, 1)]


def test_arrays_that_nobody_fills_are_left_out_and_objects_are_lines() -> None:
    found = sheet({"vendor": "Oak"}, {"place": {"city": "Oslo"}})
    assert found.tables == ()
    assert [(cell.field, cell.outcome) for cell in found.lines] == [
        ("vendor", "missed"),
        ("code", "absent"),
        ("place.city", "invented"),
    ]


def test_runs_of_right_rows_are_folded() -> None:
    names = [f"item {n}" for n in range(12)]
    answer = [*names[:5], "other", *names[6:]]
    found = sheet({"lines": rows(*names)}, {"lines": rows(*answer)}).tables[0].rows
    assert [row if isinstance(row, Folded) else row.gold for row in found] == [
        Folded(5),
        6,
        Folded(6),
    ]
    three = sheet({"tags": names[:3]}, {"tags": names[:3]}).tables[0].rows
    assert all(isinstance(row, ShownRow) for row in three)


def test_no_more_faulty_rows_than_the_limit_are_shown() -> None:
    many = [f"a{n}" for n in range(MAX_ROWS + 7)]
    found = sheet({}, {"tags": many}).tables[0].rows
    assert len(found) == MAX_ROWS + 1
    assert found[-1] == Folded(7, is_fault=True)


@pytest.mark.parametrize("text", ["‹", "‹b›", "&lt;"])
def test_ordinary_text_stays(text: str) -> None:
    assert visible(text) == text
