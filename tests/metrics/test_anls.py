import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.canonical import Number
from sightwright.metrics.anls import anls_star

REFERENCE = json.loads((Path(__file__).with_name("anls_star_cases.json")).read_text("utf-8"))


@pytest.mark.parametrize(
    ("gold", "answer", "score"),
    [
        ("Cedar Deli", "cedar  DELI ", 1.0),
        ("Cedar Deli", "Ceder Deli", 0.9),
        # Half the letters agree: just enough; one fewer is nothing.
        ("abcd", "abxx", 0.5),
        ("abcd", "axxx", 0.0),
        (4.1, "4.1", 1.0),
        (Number("4.10"), Number("4.1"), 1.0),
        (3, Number("3.0"), 0.0),
        (True, "true", 1.0),
        (None, None, 1.0),
        (None, "x", 0.0),
        ("x", None, 0.0),
        ({"a": "x"}, "x", 0.0),
    ],
)
def test_leaves_by_hand(gold: object, answer: object, score: float) -> None:
    assert anls_star(gold, answer) == pytest.approx(score)


def test_a_document_by_hand() -> None:
    gold = {"vendor": "Oak", "total": 3, "lines": [{"n": "tea"}, {"n": "bun"}], "note": None}
    # vendor 2/3, total right, note right; bun found, tea missed, and a pie too many: it is taken
    # for the tea, with nothing in common.
    answer = {"vendor": "Oat", "total": 3, "lines": [{"n": "bun"}, {"n": "pie"}], "note": None}
    assert anls_star(gold, answer) == pytest.approx((2 / 3 + 1 + 1 + 1 + 0) / 5)
    longer = {**answer, "lines": [{"n": "bun"}, {"n": "pie"}, {"n": "tea", "p": 1}]}
    # tea, less the price that was invented in its row (half right); the pie is left over.
    assert anls_star(gold, longer) == pytest.approx((2 / 3 + 1 + 1 + 1 + 1) / 7)
    shorter = {**answer, "lines": []}
    assert anls_star(gold, shorter) == pytest.approx((2 / 3 + 1 + 1) / 5)


def test_an_answer_that_was_not_taken() -> None:
    assert anls_star({"vendor": "Oak", "lines": [{"n": "tea"}]}, None) == 0.0


def test_ways_to_say_nothing_are_as_good_as_one_another() -> None:
    nothing: list[dict[str, Any]] = [{}, {"a": None}, {"a": ""}, {"a": " "}, {"a": []}]
    for gold in nothing:
        for answer in nothing:
            assert anls_star(gold, answer) == 1.0
            assert anls_star({"b": "x", **gold}, {"b": "x", **answer}) == 1.0


def test_the_pairing_of_rows_is_the_best() -> None:
    gold = [{"n": "tea", "p": 1}, {"n": "bun", "p": 2}, {"n": "tea", "p": 3}]
    for order in permutations(gold):
        assert anls_star(gold, list(order)) == 1.0
    # Greedy from the top would take (tea, 3) for (tea, 1).
    assert anls_star(gold[:2], [{"n": "tea", "p": 3}, {"n": "tea", "p": 1}]) == 0.5


@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_scores_are_those_of_the_authors_package(case: dict[str, Any]) -> None:
    assert REFERENCE["package"] == "anls_star 1.0.1"
    assert anls_star(case["gold"], case["answer"]) == pytest.approx(case["score"], abs=1e-12)


TREES = st.recursive(
    st.none() | st.sampled_from(["tea", "team", "bun", "", 1, 2.5, True]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=100)
@given(TREES, TREES)
def test_properties(gold: Any, answer: Any) -> None:
    assert 0.0 <= anls_star(gold, answer) <= 1.0 + 1e-12
    assert anls_star(gold, gold) == pytest.approx(1.0)
