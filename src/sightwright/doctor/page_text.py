"""Whether a labelled value stands on a page, however it is written there.

    page = PageText([words of page 1, words of page 2])
    page.holds("2017-12-31")     # "31 Dec. 2017", "31/12/17" or "31 décembre 2017" is printed
    page.holds(1234.5)           # "1.234,50", "1 234.50", "€1,234.5" is printed
    page.holds("Acme  Ltd")      # "ACME LTD." is printed, or both words on one page

A value is missing only where no such reading of the page gives it: spaces, case, punctuation, marks
between thousands, currency signs and the order of a date's parts say nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property

from sightwright.canonical import Number
from sightwright.metrics.normalise import read_date

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan gen ene", "feb fév fev febb", "mar mär maa mrz", "apr avr abr", "may mai mei mag",
            "jun juin giu", "jul juil lug", "aug aoû aou ago", "sep set", "oct okt ott out",
            "nov", "dec déc dez dic",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_LONG_MONTHS = {"juin": 6, "juillet": 7, "juil": 7}
_SIGNS = {"€": "eur", "$": "usd", "£": "gbp", "₹": "inr", "¥": "jpy"}
_WORDS_FOR_SIGNS = {"rs": "inr"}
_NUMBER = re.compile(r"\d[\d.,'’ \u00a0\u202f]*", re.ASCII)
# A day, a month and a year stand within so many words.
_DATE_WORDS = 5
# Digits beyond this are a code, and no amount.
_MOST_DIGITS = 30
_SHORT = 3


def squeezed(text: str) -> str:
    """Letters and digits alone, in one case and one width.

    >>> squeezed("Ａcme-Ltd., №7")
    'acmeltdno7'
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(filter(str.isalnum, folded))


class PageText:
    """The words of a document's pages, in reading order."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = [unicodedata.normalize("NFKC", word) for word in words]

    @cached_property
    def _run(self) -> str:
        return "".join(map(squeezed, self._words))

    @cached_property
    def _pieces(self) -> frozenset[str]:
        whole = {squeezed(word) for word in self._words}
        parts = {part for word in self._words for part in re.split(r"\W+", word.casefold())}
        signs = {name for word in self._words for sign, name in _SIGNS.items() if sign in word}
        names = {_WORDS_FOR_SIGNS[word] for word in whole & set(_WORDS_FOR_SIGNS)}
        return frozenset((whole | parts | signs | names) - {""})

    @cached_property
    def _amounts(self) -> frozenset[Decimal]:
        text = " ".join(self._words)
        found: set[Decimal] = set()
        for match in _NUMBER.finditer(text):
            found.update(_readings(match[0]))
            # What stands beside it may be another number: "2 1,50" is two, or 21.50.
            for part in match[0].split():
                found.update(_readings(part))
        return frozenset(found)

    @cached_property
    def _dates(self) -> frozenset[date]:
        # A word that begins in a window of words is looked at once: windows overlap by all but one.
        found: set[date] = set()
        for start in range(len(self._words)):
            found.update(_dates_at(self._words[start : start + _DATE_WORDS]))
        return frozenset(found)

    def holds(self, value: object) -> bool:
        """Whether a scalar of a label is printed. true, false and null say nothing of a page."""
        match value:
            case None | bool():
                return True
            case int() | float():
                return self._has_amount(value)
            case _:
                return self._has_text(str(value))

    def _has_amount(self, value: float) -> bool:
        try:
            amount = abs(Decimal(value.spelling if isinstance(value, Number) else repr(value)))
            # A rate may be printed in per cent.
            wanted = {amount, amount * 100}
        except ArithmeticError:
            # Beyond what Decimal counts: no page has so many digits.
            return False
        # Nothing is often printed as a dash, or not at all.
        return amount == 0 or not wanted.isdisjoint(self._amounts)

    def _has_text(self, value: str) -> bool:
        wanted = squeezed(value)
        if not wanted or wanted in self._pieces:
            return True
        if len(wanted) >= _SHORT and wanted in self._run:
            return True
        if (day := read_date(value)) is not None and day in self._dates:
            return True
        if not any(map(str.isalpha, wanted)) and not self._amounts.isdisjoint(_readings(value)):
            return True
        pieces = [piece for word in value.split() if (piece := squeezed(word))]
        return len(pieces) > 1 and all(
            piece in self._pieces or (len(piece) >= _SHORT and piece in self._run)
            for piece in pieces
        )


def _readings(text: str) -> Iterator[Decimal]:
    """What printed digits may mean: the last mark parts decimals, or thousands like the others."""
    text = unicodedata.normalize("NFKC", text).strip().strip(".,'’ ")
    if sum(map(str.isdecimal, text)) > _MOST_DIGITS:
        return
    digits = "".join(filter(str.isdecimal, text))
    if not digits:
        return
    yield Decimal(digits)
    marks = [i for i, character in enumerate(text) if character in ".,"]
    if marks:
        decimals = "".join(filter(str.isdecimal, text[marks[-1] :]))
        whole = "".join(filter(str.isdecimal, text[: marks[-1]]))
        yield Decimal(f"{whole or 0}.{decimals or 0}")


def _dates_at(words: Sequence[str]) -> Iterator[date]:
    """Days that may be meant by a date that begins with the first of these words."""
    if not words or not any(map(str.isalnum, words[0])):
        return
    numbers: list[int] = []
    month: int | None = None
    for word in words:
        for token in re.findall(r"[^\W\d_]+|\d+", word.casefold()):
            if token.isdecimal():
                numbers += _date_numbers(token)
            elif month is None:
                month = _LONG_MONTHS.get(token) or _MONTHS.get(token[:4]) or _MONTHS.get(token[:3])
        yield from _days(numbers, month)
        if len(numbers) >= _SHORT:
            return


def _date_numbers(token: str) -> list[int]:
    """`20171231` is three numbers; a longer run is none."""
    if len(token) == 8:
        return [int(token[:4]), int(token[4:6]), int(token[6:])]
    return [int(token)] if len(token) <= 4 else []


def _days(numbers: Sequence[int], month: int | None) -> Iterator[date]:
    if month is not None and len(numbers) >= 2:
        yield from _valid((numbers[1], month, numbers[0]), (numbers[0], month, numbers[1]))
    if month is not None and len(numbers) >= _SHORT:
        # "1 to 31 July 2015" has two days.
        yield from _valid((numbers[2], month, numbers[0]), (numbers[2], month, numbers[1]))
    if len(numbers) >= _SHORT:
        a, b, c = numbers[:3]
        yield from _valid((a, b, c), (c, b, a), (c, a, b))


def _valid(*candidates: tuple[int, int, int]) -> Iterator[date]:
    for year, month, day in candidates:
        full = year + 2000 if year < 70 else year + 1900 if year < 100 else year
        try:
            yield date(full, month, day)
        except (ValueError, OverflowError):
            continue
