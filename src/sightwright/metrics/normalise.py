"""When two values of a field are the same: one rule for each way a schema declares (`x-normalise`).

    rule     2 values are the same when                       such as
    exact    type and value are                               (true is not 1)
    text     letters are, case and runs of white space aside  "ACME  Ltd" = "Acme ltd"
    number   the amount is                                    4.10 = 4.1 = "€ 4,10"
    date     the day is                                       "2017-12-31" = "31 Dec 2017"
    code     letters and digits are, in upper case            "nl50 ingb-0683" = "NL50INGB0683"

A rule reads what has one meaning only. `"1,234"` (a thousand, or one and a bit?) and `"03/04/2018"`
(March, or April?) have two: they are compared as text, so they equal themselves alone.
"""

import re
import unicodedata
from collections.abc import Hashable
from datetime import date
from decimal import Decimal, InvalidOperation

from sightwright.canonical import dumps
from sightwright.schema import Normaliser

# Groups of three, or India's: 12,34,567.
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})*,\d{3}", re.ASCII)
_GAP = re.compile(r"(?<=\d)[ '’](?=\d{3}(?!\d))", re.ASCII)
_PLAIN = re.compile(r"(\d+\.?\d*|\.\d+)", re.ASCII)
_MINUS = str.maketrans("\N{MINUS SIGN}\N{EN DASH}", "--")

_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})|(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?[ -]*([a-z]{3,9})\.?,?[ -]*(\d{4})")
_MONTH_DAY = re.compile(r"([a-z]{3,9})\.? *(\d{1,2})(?:st|nd|rd|th)?,? +(\d{4})")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)


def is_absent(value: object) -> bool:
    """Whether nothing stands there: null, and text without a character, are the same as no key."""
    return value is None or (isinstance(value, str) and not value.strip())


def normalised(value: object, rule: Normaliser) -> Hashable:
    """A form of a present value: two values are the same when their forms are equal.

    What the rule cannot read without guessing is compared as text.
    """
    match rule:
        case "exact":
            return _exact(value)
        case "text":
            return _text(value)
        case "number":
            return _number(value)
        case "date":
            return read_date(_spelled(value)) or _text(value)
        case "code":
            # A code without a letter or digit ("-") must not become nothing.
            return _code(value) or _text(value)


def _exact(value: object) -> Hashable:
    # Python holds True == 1; a document does not.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    return type(value).__name__, _spelled(value)


def _spelled(value: object) -> str:
    return value if isinstance(value, str) else dumps(value)


def _text(value: object) -> str:
    # Folding can undo the normal form (and the other way round), hence twice.
    folded = unicodedata.normalize("NFKC", _spelled(value)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _code(value: object) -> str:
    text = unicodedata.normalize("NFKC", _spelled(value))
    return "".join(character for character in text if character.isalnum()).upper()


def _number(value: object) -> Hashable:
    if isinstance(value, bool):
        return _exact(value)
    if isinstance(value, str):
        number = read_number(value)
        return _text(value) if number is None else number
    try:
        return Decimal(_spelled(value))
    except InvalidOperation:  # An exponent of twenty digits.
        return _text(value)


def read_number(text: str) -> Decimal | None:
    """The amount that a printed number means, or None where it is none or could mean two.

    A currency sign, spaces and apostrophes between thousands are dropped. Of `,` and `.`, if both
    occur, the later one is the decimal mark: `1,234.50` and `1.234,50` are 1234.5. One alone:
    `.` is the decimal mark, as in JSON; `,` is it unless three digits follow (`12,5` but not
    `1,234`, which is None); either one repeated groups thousands (`1,234,567`).
    """
    text = unicodedata.normalize("NFKC", text).translate(_MINUS)
    text = "".join(c for c in text if unicodedata.category(c) != "Sc").strip()
    sign = "-" if text.startswith("-") else ""
    digits = text[1:].lstrip() if text[:1] in ("-", "+") else text
    plain = _without_groups(_GAP.sub("", digits))
    if plain is None or not _PLAIN.fullmatch(plain):
        return None
    return Decimal(sign + plain)


def _without_groups(digits: str) -> str | None:
    """Digits with `.` as the decimal mark and no marks between thousands."""
    commas, dots = digits.count(","), digits.count(".")
    if commas and dots:
        comma_is_decimal = digits.rfind(",") > digits.rfind(".")
        return _joined(digits.translate(_SWAPPED) if comma_is_decimal else digits)
    if commas > 1 or dots > 1:
        return _joined(digits.replace(".", ","))
    if not commas:
        return digits
    whole, _, rest = digits.partition(",")
    has_two_meanings = len(rest) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0"
    return None if has_two_meanings else f"{whole}.{rest}"


_SWAPPED = str.maketrans(",.", ".,")


def _joined(digits: str) -> str | None:
    """`1,234.50` → `1234.50`; None where the groups are not groups."""
    whole, mark, rest = digits.partition(".")
    return whole.replace(",", "") + mark + rest if _GROUPED.fullmatch(whole) else None


def read_date(text: str) -> date | None:
    """The day that a printed date means, or None where it is none or could mean two.

    Year first with any mark or none; year last where the day is over 12 or equals the month; a
    month by its English name or an abbreviation of it.
    """
    text = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if match := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, *other = match.groups()
        return _day(year or other[0], month or other[1], day or other[2])
    if match := _YEAR_LAST.fullmatch(text):
        first, _, second, year = match.groups()
        as_day_month, as_month_day = _day(year, second, first), _day(year, first, second)
        if as_day_month and as_month_day and as_day_month != as_month_day:
            return None
        return as_day_month or as_month_day
    if match := _DAY_MONTH.fullmatch(text):
        day, name, year = match.groups()
        return _day(year, _month(name), day)
    if match := _MONTH_DAY.fullmatch(text):
        name, day, year = match.groups()
        return _day(year, _month(name), day)
    return None


def _month(name: str) -> int:
    """1 to 12, or 0 for no month; `sept` and `sep` are September."""
    return next((i for i, month in enumerate(_MONTHS, start=1) if month.startswith(name)), 0)


def _day(year: str, month: str | int, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
