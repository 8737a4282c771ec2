from datetime import date
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.canonical import Number
from sightwright.metrics.normalise import is_absent, normalised, read_date, read_number
from sightwright.schema import Normaliser


@pytest.mark.parametrize(
    ("rule", "one", "other", "equal"),
    [
        ("text", "Café  du Nord", "CAFÉ DU\nNORD", True),
        ("text", "Cafe", "Café", False),
        ("text", "ﬁne", "fine", True),
        ("number", Number("4.10"), 4.1, True),
        ("number", "4.10", 4.1, True),
        ("number", 4, 4.0, True),
        ("number", Number("1e2"), 100, True),
        ("number", 0.1, Number("0.10"), True),
        ("number", 4.1, 4.11, False),
        ("number", "1,234.50", 1234.5, True),
        ("number", True, 1, False),
        ("date", "2026-03-04", "2026/3/4", True),
        ("date", "2026.03.04", "2026-03-04", True),
        ("date", "2026-03-04", "2026-04-03", False),
        ("date", "4 March", "4  march", True),
        ("date", "2026-02-31", "2026-02-31", True),
        ("code", "FR 604-219", "fr604219", True),
        ("code", "A1_B", "A1B", True),
        ("code", "A1", "A2", False),
        ("exact", "EUR", "eur", False),
        ("exact", True, 1, False),
        ("exact", 1, 1.0, True),
    ],
)
def test_the_typed_rules(rule: Normaliser, one: Any, other: Any, equal: bool) -> None:
    assert (normalised(one, rule) == normalised(other, rule)) is equal
    assert (normalised(other, rule) == normalised(one, rule)) is equal


def test_absent_is_null_or_text_without_a_character_and_nothing_else() -> None:
    assert all(is_absent(value) for value in (None, "", " ", "\n\u00a0"))
    assert not any(is_absent(value) for value in (0, False, [], "-", "null"))


def test_a_code_of_signs_alone_is_not_nothing() -> None:
    assert normalised("-", "code") != normalised("/", "code")
    assert normalised("-", "code") == normalised(" - ", "code")


@pytest.mark.parametrize(
    ("printed", "amount"),
    [
        ("4.10", "4.1"),
        ("1.234", "1.234"),
        (".5", "0.5"),
        ("+7", "7"),
        ("\N{MINUS SIGN}12,50", "-12.5"),
        ("12,5", "12.5"),
        ("0,125", "0.125"),
        ("1234,567", "1234.567"),
        ("1,234.50", "1234.5"),
        ("1.234,50", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1,23,456.00", "123456"),
        ("1 234 567,8", "1234567.8"),
        ("1'234.50", "1234.5"),
        ("€ 12,50", "12.5"),
        ("-$5", "-5"),
    ],
)
def test_printed_amounts(printed: str, amount: str) -> None:
    assert read_number(printed) == Decimal(amount)


@pytest.mark.parametrize(
    "printed", ["", "-", "1,234", "12 34", "1.2.3", "12,345,67", "1,2.3,4", "5 %", "5 kg", "1e3"]
)
def test_what_is_no_amount_or_could_be_two_is_not_guessed(printed: str) -> None:
    assert read_number(printed) is None
    assert normalised(printed, "number") == normalised(printed, "number")


@pytest.mark.parametrize(
    "printed",
    [
        "2017-12-31",
        "20171231",
        "2017/12/31",
        "31/12/2017",
        "12/31/2017",
        "31.12.2017",
        "31 Dec 2017",
        "31-DEC-2017",
        "31. December 2017",
        "Dec. 31, 2017",
        "December 31st, 2017",
    ],
)
def test_printed_days(printed: str) -> None:
    assert read_date(printed) == date(2017, 12, 31)
    assert normalised(printed, "date") == normalised("2017-12-31", "date")


@pytest.mark.parametrize("printed", ["03/04/2018", "2017-02-30", "31/31/2018", "12/2017", "May 5"])
def test_what_is_no_day_or_could_be_two_is_not_guessed(printed: str) -> None:
    assert read_date(printed) is None


def test_a_day_that_is_its_month_has_one_meaning() -> None:
    assert read_date("05/05/2018") == date(2018, 5, 5)


@settings(deadline=None, max_examples=50)
@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_an_amount_is_itself_in_english_and_german_print(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert read_number(english) == read_number(german) == amount


@settings(deadline=None, max_examples=50)
@given(st.dates(min_value=date(1000, 1, 1)))
def test_a_day_is_itself_in_every_clear_print(day: date) -> None:
    assert read_date(day.isoformat()) == day
    assert read_date(f"{day.day} {day:%B} {day.year}") == day
    assert read_date(f"{day:%b} {day.day}, {day.year}") == day


@settings(deadline=None, max_examples=50)
@given(st.text(), st.sampled_from(get_args(Normaliser)))
def test_every_text_has_a_form_and_equals_itself(text: str, rule: Normaliser) -> None:
    assert normalised(text, rule) == normalised(text, rule)
    hash(normalised(text, rule))
