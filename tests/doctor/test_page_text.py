"""A value is found however it is printed, and not found where it is not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright.canonical import Number
from sightwright.doctor.page_text import PageText, squeezed


def page(text: str) -> PageText:
    return PageText(text.split())


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("Total 1.234,50 EUR", 1234.5),
        ("Total €1,234.50", Number("1234.50")),
        ("Total 1 234,50", 1234.5),
        ("Total 1’234.50", 1234.5),
        ("Total 1,234", 1234),
        ("Total (50.00)", -50.0),
        ("VAT 21%", 0.21),
        ("Qty 3 x 4,20 =12,60", 12.6),
        ("nothing at all", 0),
        ("Date 31 Dec. 2017", "2017-12-31"),
        ("Date 31/12/17", "2017-12-31"),
        ("12/31/2017", "2017-12-31"),
        ("le 05 Juillet 2015 à", "2015-07-05"),
        ("du 1er au 31 Juillet 2015", "2015-07-01"),
        ("18 april 2014", "2014-04-18"),
        ("März 3, 2020", "2020-03-03"),
        ("20171231", "2017-12-31"),
        ("ACME LTD.", "Acme  Ltd"),
        ("NL50 INGB 0683 2513 09", "NL50INGB0683251309"),
        ("Ltd Rotterdam Acme", "Acme Ltd"),
        ("Ｆｕｌｌ width", "full"),
        ("total € 5", "EUR"),
        ("Rs. 500", "INR"),
        ("x", None),
        ("x", True),
        ("x", "-"),
        ("item 1", "①"),
        ("area 52", "5²"),
        ("፩ ፪ 2017", 2017),
    ],
)
def test_it_is_there(printed: str, value: object) -> None:
    assert page(printed).holds(value)


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("Total 1.234,50", 1234.6),
        ("Total 12", 1),
        ("31 Dec 2017", "2017-11-30"),
        ("Acme Ltd", "Acme Inc"),
        ("Acme", "Ac"),
        ("total 5 EUR", "USD"),
        ("", "anything"),
        ("", 7),
        ("98765432109876543210987654321098765432", 9),
        ("x", "①"),
        ("x", "፩"),
        ("x", Number("1e999999")),
        ("7", Number("1e9999999999")),
    ],
)
def test_it_is_not(printed: str, value: object) -> None:
    assert not page(printed).holds(value)


@given(st.dates(date(1971, 1, 1), date(2068, 12, 31)), st.sampled_from(
    ["%d.%m.%Y", "%Y/%m/%d", "%d %B %Y", "%B %d, %Y", "%d-%b-%y", "%m/%d/%Y"]
))  # fmt: skip
def test_every_day_is_found_in_every_spelling(day: date, spelling: str) -> None:
    assert page(f"Date: {day.strftime(spelling)} Total: 5.00").holds(day.isoformat())


@given(st.decimals(0, 10**9, places=2, allow_nan=False))
def test_every_amount_is_found_in_every_spelling(amount: object) -> None:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    french = english.translate(str.maketrans(",.", " ,"))
    for printed in (english, german, french):
        assert page(f"Total: EUR {printed} incl.").holds(float(str(amount)))


@given(st.text())
def test_a_page_holds_its_own_words(text: str) -> None:
    whole = page(text)
    assert all(whole.holds(word) for word in text.split())
    assert squeezed(squeezed(text)) == squeezed(text)
