from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sightwright.metrics.fields import Cell, Counts, cells, mark_document, summarise
from sightwright.schema import compile_schema

RECEIPT = compile_schema(
    {
        "type": "object",
        "properties": {
            "vendor": {"type": "string"},
            "date": {"type": "string", "format": "date"},
            "total": {"type": "number"},
            "address": {"type": "object", "properties": {"city": {"type": "string"}}},
            "tags": {"type": "array", "items": {"type": "string"}},
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
                },
            },
        },
    },
    "receipt",
)

GOLD: dict[str, Any] = {
    "vendor": "Cedar Deli",
    "date": None,
    "total": 7.5,
    "address": {"city": "Oslo"},
    "tags": ["a", "b"],
    "items": [{"name": "tea", "price": 2.5}, {"name": "bun", "price": 5.0}],
}


def mark(answer: dict[str, Any] | None, **more: Any) -> dict[str, tuple[int, int, int]]:
    counts = mark_document(RECEIPT, GOLD, answer, **more).counts
    return {path: (c.tp, c.fp, c.fn) for path, c in counts.items()}


def test_a_perfect_answer() -> None:
    result = mark_document(RECEIPT, GOLD, GOLD)
    assert result.exact
    assert mark(GOLD) == {
        "vendor": (1, 0, 0),
        "date": (0, 0, 0),
        "total": (1, 0, 0),
        "address.city": (1, 0, 0),
        "tags[]": (2, 0, 0),
        "items[].name": (2, 0, 0),
        "items[].price": (2, 0, 0),
    }


def test_wrong_missing_and_invented_cells() -> None:
    answer = {**GOLD, "vendor": "Cedar Bar", "total": None, "date": "2026-01-01", "address": None}
    counts = mark(answer)
    assert counts["vendor"] == (0, 1, 1)
    assert counts["total"] == (0, 0, 1)
    assert counts["date"] == (0, 1, 0)
    assert counts["address.city"] == (0, 0, 1)


def test_swapped_prices_cost_although_the_same_prices_are_there() -> None:
    swapped = [{"name": "tea", "price": 5.0}, {"name": "bun", "price": 2.5}]
    counts = mark({**GOLD, "items": swapped})
    # Names or prices can agree in a row, never both: two cells right, two wrong.
    right = counts["items[].name"][0] + counts["items[].price"][0]
    wrong = counts["items[].name"][1] + counts["items[].price"][1]
    assert (right, wrong) == (2, 2)


def test_the_order_of_rows_is_free() -> None:
    assert mark_document(RECEIPT, GOLD, {**GOLD, "items": GOLD["items"][::-1]}).exact


def test_surplus_and_missing_rows_count_cell_by_cell() -> None:
    more = mark({**GOLD, "items": [*GOLD["items"], {"name": "pie", "price": None}]})
    assert more["items[].name"] == (2, 1, 0)
    assert more["items[].price"] == (2, 0, 0)
    fewer = mark({**GOLD, "items": GOLD["items"][1:]})
    assert fewer["items[].name"] == (1, 0, 1)
    assert fewer["items[].price"] == (1, 0, 1)


def test_values_of_a_plain_array_are_matched_as_a_multiset() -> None:
    assert mark({**GOLD, "tags": ["b", "b", "a"]})["tags[]"] == (2, 1, 0)


def test_no_answer_misses_every_cell_of_the_label() -> None:
    result = mark_document(RECEIPT, GOLD, None, valid_json=False)
    assert not result.exact and not result.valid_json
    assert sum(c.fn for c in result.counts.values()) == 9
    assert sum(c.tp + c.fp for c in result.counts.values()) == 0


def test_an_answer_against_the_schema_or_cut_is_not_taken() -> None:
    broken = mark_document(RECEIPT, GOLD, None, valid_json=True)
    assert broken.valid_json and not broken.valid_schema and not broken.exact
    cut = mark_document(RECEIPT, GOLD, GOLD, cut=True)
    assert cut.cut and not cut.exact and cut.total == Counts(fn=9)
    nothing = dict.fromkeys(GOLD)
    assert not mark_document(RECEIPT, nothing, None, valid_json=False).exact


def test_cells_say_where_they_stand_on_both_sides() -> None:
    answer = {
        "vendor": "CEDAR deli",
        "date": "2026-01-01",
        "total": None,
        "address": None,
        "tags": ["b", "c"],
        "items": [{"name": "pie", "price": 1}, {"name": "bun", "price": 4}],
    }
    rows = [
        (c.field, c.gold_place, c.answer_place, c.outcome) for c in cells(RECEIPT, GOLD, answer)
    ]
    assert rows == [
        ("vendor", "vendor", "vendor", "right"),
        ("date", "date", "date", "invented"),
        ("total", "total", "total", "missed"),
        # The null address stands for its city.
        ("address.city", "address.city", "address.city", "missed"),
        ("tags[]", "tags[0]", "tags[1]", "wrong"),
        ("tags[]", "tags[1]", "tags[0]", "right"),
        ("items[].name", "items[0].name", "items[0].name", "wrong"),
        ("items[].price", "items[0].price", "items[0].price", "wrong"),
        ("items[].name", "items[1].name", "items[1].name", "right"),
        ("items[].price", "items[1].price", "items[1].price", "wrong"),
    ]
    assert [c.rows for c in cells(RECEIPT, GOLD, answer)[3:6]] == [(), ((0, 1),), ((1, 0),)]
    assert cells(RECEIPT, GOLD, answer)[0] == Cell(
        "vendor", "vendor", "vendor", "Cedar Deli", "CEDAR deli", "right"
    )


def test_cells_of_rows_left_over_and_of_no_answer() -> None:
    fewer = cells(RECEIPT, {"items": [{"name": "tea"}]}, {"items": []})
    row = Cell("items[].name", "items[0].name", None, "tea", None, "missed", ((0, None),))
    assert [cell for cell in fewer if cell.outcome != "absent"] == [row]
    more = cells(RECEIPT, {}, {"items": [{"name": "tea"}]})
    row = Cell("items[].name", None, "items[0].name", None, "tea", "invented", ((None, 0),))
    assert [cell for cell in more if cell.outcome != "absent"] == [row]
    none = cells(RECEIPT, GOLD, None)
    assert {cell.outcome for cell in none} == {"missed", "absent"}
    assert {cell.answer_place for cell in none} == {None}
    assert [cell.gold_place for cell in none if cell.outcome == "absent"] == ["date"]


def test_missing_null_and_empty_are_one() -> None:
    empty = {"vendor": "", "total": None, "address": {"city": None}, "tags": [], "items": [{}]}
    result = mark_document(RECEIPT, {}, empty)
    assert result.exact and result.total == Counts()


def test_a_value_of_another_kind_is_wrong_and_not_an_accident() -> None:
    odd = {**GOLD, "vendor": {"name": "Cedar Deli"}, "items": "tea", "address": ["Oslo"]}
    counts = mark(odd)
    assert counts["vendor"] == (0, 1, 1)
    assert counts["items[].name"] == (0, 0, 2)
    assert counts["address.city"] == (0, 0, 1)


def test_scores_by_hand() -> None:
    assert Counts(tp=3, fp=1, fn=2).precision == 0.75
    assert Counts(tp=3, fp=1, fn=2).recall == 0.6
    assert Counts(tp=3, fp=1, fn=2).f1 == pytest.approx(6 / 9)
    assert Counts().f1 == 1.0
    assert Counts(fp=1).f1 == 0.0
    assert (Counts(fn=1).precision, Counts(fp=1).recall) == (0.0, 0.0)
    assert (Counts().precision, Counts().recall) == (1.0, 1.0)

    half = {**GOLD, "vendor": None, "total": 8.0}
    scores = summarise([mark_document(RECEIPT, GOLD, GOLD), mark_document(RECEIPT, GOLD, half)])
    # 9 + 7 cells right, one missed, one wrong.
    assert (scores.micro.tp, scores.micro.fp, scores.micro.fn) == (16, 1, 2)
    assert scores.micro.f1 == pytest.approx(32 / 35)
    # vendor: 2·1/(2+0+1); total: 2·1/(2+1+1); four fields at 1; date never occurs.
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 4) / 6)
    # vendor: 1 and 1/2; total: 1/2 and 1/2; four fields at 1.
    assert scores.macro_precision == pytest.approx((1 + 1 / 2 + 4) / 6)
    assert scores.macro_recall == pytest.approx((1 / 2 + 1 / 2 + 4) / 6)
    assert scores.schema_valid == 1.0
    assert scores.document_exact == 0.5
    assert scores.json_valid == 1.0
    # Of the other's ten leaves (the null date is one), vendor is missed; 8.0 for 7.5 is 1 of 3
    # characters, under a half.
    assert scores.anls == pytest.approx((1 + 8 / 10) / 2)


def test_the_interval_is_of_documents_and_repeatable() -> None:
    marks = [mark_document(RECEIPT, GOLD, GOLD)] * 8
    marks += [mark_document(RECEIPT, GOLD, None, cut=True)] * 8
    scores = summarise(marks, seed=3)
    assert scores == summarise(marks, seed=3)
    assert scores.cut == 8
    exact = scores.intervals["document_exact"]
    # 16 coins: the 2.5 and 97.5 percentiles of a binomial(16, 0.5) are 4/16 and 12/16.
    assert (exact.low, exact.high) == (0.25, 0.75)
    assert scores.intervals["micro_f1"].low < scores.micro.f1 < scores.intervals["micro_f1"].high
    perfect = summarise(marks[:8])
    assert (perfect.intervals["micro_f1"].low, perfect.intervals["micro_f1"].high) == (1.0, 1.0)


def test_no_documents_is_an_error() -> None:
    with pytest.raises(ValueError, match="no documents"):
        summarise([])


def test_intervals_are_those_of_a_plain_loop() -> None:
    answers = [GOLD, None, {**GOLD, "vendor": "x"}, {**GOLD, "date": "2026-01-01"}, {}]
    marks = [mark_document(RECEIPT, GOLD, answer) for answer in answers]
    found = summarise(marks, bootstrap_samples=200, seed=7).intervals
    rng = np.random.default_rng(7)
    samples = [
        summarise([marks[i] for i in drawn], bootstrap_samples=0)
        for drawn in rng.integers(0, len(marks), (200, len(marks)))
    ]
    for name, values in {
        "micro_f1": [scores.micro.f1 for scores in samples],
        "macro_f1": [scores.macro_f1 for scores in samples],
        "document_exact": [scores.document_exact for scores in samples],
        "anls": [scores.anls for scores in samples],
    }.items():
        low, high = np.percentile(values, [2.5, 97.5])
        assert (found[name].low, found[name].high) == pytest.approx((low, high))


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["tea", "bun", "pie", None]),
            "price": st.sampled_from([1.0, 2.5, None]),
        }
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=50)
@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_properties_of_row_matching(gold: list[Any], answer: list[Any], random: Any) -> None:
    shuffled = list(answer)
    random.shuffle(shuffled)

    def total(rows: list[Any]) -> Counts:
        counts = mark_document(RECEIPT, {"items": gold}, {"items": rows}).counts
        return sum(counts.values(), Counts())

    result = total(answer)
    cells = sum(value is not None for row in gold for value in row.values())
    assert result.support == cells
    assert result == total(shuffled)
    assert 0.0 <= result.f1 <= 1.0
    assert total(gold).f1 == 1.0


DOCUMENTS = st.fixed_dictionaries(
    {
        "vendor": st.sampled_from(["Cedar Deli", "Cedar Bar", "", None]),
        "total": st.sampled_from([1, 2.5, None]),
        "address": st.none() | st.fixed_dictionaries({"city": st.sampled_from(["Oslo", None])}),
        "tags": st.lists(st.sampled_from(["a", "b", None]), max_size=3),
        "items": ROWS,
    }
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(DOCUMENTS, st.none() | DOCUMENTS), min_size=1, max_size=4))
def test_properties_of_scores(pairs: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> None:
    scores = summarise(
        [mark_document(RECEIPT, gold, answer) for gold, answer in pairs], bootstrap_samples=20
    )
    shares = (scores.micro.precision, scores.micro.recall, scores.micro.f1, scores.macro_f1)
    assert all(0.0 <= share <= 1.0 for share in (*shares, scores.document_exact))
    for interval in scores.intervals.values():
        assert 0.0 <= interval.low <= interval.high <= 1.0
    perfect = summarise([mark_document(RECEIPT, gold, gold) for gold, _ in pairs])
    assert perfect.micro.f1 == perfect.macro_f1 == perfect.document_exact == 1.0
    assert scores.micro.support == perfect.micro.tp


@settings(deadline=None, max_examples=50)
@given(DOCUMENTS, DOCUMENTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_total(
    gold: dict[str, Any], answer: dict[str, Any], random: Any
) -> None:
    def shuffled(document: dict[str, Any]) -> dict[str, Any]:
        rows = list(document["items"])
        random.shuffle(rows)
        return {**document, "items": rows}

    before = mark_document(RECEIPT, gold, answer)
    after = mark_document(RECEIPT, shuffled(gold), shuffled(answer))
    assert (before.total, before.exact) == (after.total, after.exact)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=5))
def test_swapping_the_prices_of_two_rows_costs(cells: list[tuple[int, int]]) -> None:
    (name_a, price_a), (name_b, price_b) = cells[:2]
    assume(name_a != name_b and price_a != price_b)
    rows = [{"name": f"n{name}", "price": price} for name, price in cells]
    swapped = [rows[0] | {"price": price_b}, rows[1] | {"price": price_a}, *rows[2:]]
    assume(sorted(map(str, swapped)) != sorted(map(str, rows)))
    result = mark_document(RECEIPT, {"items": rows}, {"items": swapped})
    assert not result.exact and result.total.f1 < 1.0
