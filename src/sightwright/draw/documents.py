"""Receipts, invoices, bills of lading and bank statements, drawn with exact answers.

    document = draw_document("receipt", "receipt/till", seed=7)
    document.pdf      # one 256 x 256 pt page with a text layer
    document.label    # {"vendor": "Cedar Deli", "date": "2025-03-14", "items": [...], ...}

Amounts are drawn so that they never end in the digit 0: a JSON number then prints as it stands on
the page (4.07, never 4.7 for "4.70").
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from sightwright.draw import words
from sightwright.draw.page import (
    ADVANCE_PT,
    COLUMNS,
    LINE_PT,
    PAGE_PT,
    ROWS,
    Stamp,
    Text,
    lines_of,
    write_pdf,
)
from sightwright.draw.templates import LAYOUTS, NEW_TEMPLATE, rows_of

Kind = Literal["receipt", "invoice", "bill_of_lading", "bank_statement"]
Defect = Literal["missing", "skew", "stamp"]

KINDS: tuple[Kind, ...] = get_args(Kind)
DEFECTS: tuple[Defect, ...] = get_args(Defect)
# What teaching sees: every layout except NEW_TEMPLATE.
TEMPLATES: dict[Kind, tuple[str, ...]] = {
    kind: tuple(n for n in LAYOUTS if n.startswith(f"{kind}/") and n != NEW_TEMPLATE)
    for kind in KINDS
}
OPTIONAL: dict[str, tuple[str, ...]] = {
    "receipt": ("date", "payment"),
    "invoice": ("buyer", "date", "currency"),
    "bill_of_lading": ("shipper", "vessel"),
    "bank_statement": ("account", "date"),
    NEW_TEMPLATE: ("tender",),
}
STAMPS: tuple[str, ...] = ("PAID", "COPY", "DRAFT")

__all__ = [
    "DEFECTS", "KINDS", "NEW_TEMPLATE", "TEMPLATES", "Defect", "Document", "Kind", "draw_document",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A drawn page and what is to be read from it.

    `label` has its keys in schema order, and None where a field is missing from the page; `lines`
    is the print in reading order with spaces squeezed (a stamp is not part of it). `texts` says
    where it stands before the page is turned by `skew_degrees` (anticlockwise, about its centre).
    """

    kind: Kind
    template: str
    seed: int
    pdf: bytes
    label: dict[str, Any]
    lines: tuple[str, ...]
    texts: tuple[Text, ...]
    skew_degrees: float


def draw_document(
    kind: Kind, template: str, seed: int, *, defects: Iterable[Defect] = ()
) -> Document:
    """Draw one document; the same arguments give the same bytes.

    Args:
        template: one of `TEMPLATES[kind]`, or `NEW_TEMPLATE` for a receipt.
        defects: `missing` leaves one optional field out, `skew` turns the page by 0.5 to 1 degree,
            `stamp` puts a grey rubber stamp under the print.

    Raises:
        ValueError: no such template of this kind, or an unknown defect.
    """
    wanted = frozenset(defects)
    if template not in LAYOUTS or not template.startswith(f"{kind}/"):
        raise ValueError(f"no template {template!r} of kind {kind!r}; known: {sorted(LAYOUTS)}")
    if unknown := wanted - set(DEFECTS):
        raise ValueError(f"unknown defects {sorted(unknown)}; known: {list(DEFECTS)}")
    rng = random.Random(f"{template}:{seed}")
    schema = template if template == NEW_TEMPLATE else kind
    label = _VALUES[schema](rng)
    if "missing" in wanted:
        label[rng.choice(OPTIONAL[schema])] = None
    texts = place_rows(rows_of(LAYOUTS[template], printed(label)), rng)
    skew = rng.choice((-1, 1)) * rng.uniform(0.5, 1.0) if "skew" in wanted else 0.0
    stamp = draw_stamp(rng) if "stamp" in wanted else None
    pdf = write_pdf(texts, skew_degrees=skew, stamp=stamp)
    return Document(kind, template, seed, pdf, label, lines_of(texts), tuple(texts), skew)


def place_rows(lines: list[str], rng: random.Random) -> list[Text]:
    """Put the lines on the page at a random margin, with random gaps where there is room.

    Raises:
        ValueError: a line is wider than the page, or there are more lines than fit.
    """
    spare = ROWS - len(lines)
    widest = max(len(line) for line in lines)
    if spare < 0 or widest > COLUMNS:
        raise ValueError(f"{len(lines)} lines of up to {widest} columns do not fit the page")
    x_pt = ADVANCE_PT * rng.randint(0, min(2, COLUMNS + 1 - widest))
    row = rng.randint(0, min(1, spare))
    spare -= row
    texts: list[Text] = []
    for line in lines:
        texts.append(Text(x_pt, LINE_PT * row, line))
        gap = int(spare > 0 and rng.random() < 0.25)
        spare -= gap
        row += 1 + gap
    return texts


def draw_stamp(rng: random.Random) -> Stamp:
    """A stamp somewhere on the page, turned by up to 25 degrees."""
    x_pt, y_pt = rng.randint(90, PAGE_PT - 90), rng.randint(60, PAGE_PT - 60)
    return Stamp(x_pt, y_pt, rng.uniform(-25, 25), rng.choice(STAMPS))


def printed(value: Any) -> Any:
    """The label as it stands on the page: numbers as text, lists and dicts kept."""
    if isinstance(value, dict):
        return {key: printed(entry) for key, entry in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [printed(entry) for entry in cast("list[Any]", value)]
    return value if value is None else str(value)


def amount(rng: random.Random, low: float, high: float) -> float:
    """A random amount of money whose last digit is not 0."""
    cents = rng.randint(int(low * 100), int(high * 100))
    return (cents if cents % 10 else cents + 1) / 100


def iso_date(rng: random.Random) -> str:
    """A random day of the years 2024 to 2026."""
    return f"{rng.randint(2024, 2026)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def name(rng: random.Random, second: tuple[str, ...]) -> str:
    """Two words such as "Cedar Deli"."""
    return f"{rng.choice(words.HOUSES)} {rng.choice(second)}"


def _basket(rng: random.Random) -> tuple[list[dict[str, Any]], float]:
    """One or two items and their sum, drawn again until the sum does not end in 0."""
    while True:
        goods = rng.sample(words.GOODS, rng.choice((1, 2, 2)))
        items: list[dict[str, Any]] = [
            {"name": good, "qty": rng.randint(1, 4), "price": amount(rng, 1, 9.98)}
            for good in goods
        ]
        cents: int = sum(item["qty"] * round(item["price"] * 100) for item in items)
        if cents % 10 and cents < 10_000:
            return items, cents / 100


def _receipt(rng: random.Random) -> dict[str, Any]:
    items, total = _basket(rng)
    return {
        "vendor": name(rng, words.SHOPS),
        "date": iso_date(rng),
        "items": items,
        "total": total,
        "payment": rng.choice(words.PAYMENTS),
    }


def _kiosk(rng: random.Random) -> dict[str, Any]:
    items, total = _basket(rng)
    return {
        "merchant": name(rng, words.SHOPS),
        "till": str(rng.randint(1, 9)),
        "issued": iso_date(rng),
        "goods": [
            {"article": item["name"], "count": item["qty"], "amount": item["price"]}
            for item in items
        ],
        "due": total,
        "tender": rng.choice(words.PAYMENTS),
    }


def _invoice(rng: random.Random) -> dict[str, Any]:
    return {
        "seller": name(rng, words.TRADES),
        "buyer": name(rng, words.TRADES),
        "number": str(rng.randint(1000, 9999)),
        "date": iso_date(rng),
        "currency": rng.choice(words.CURRENCIES),
        "total": amount(rng, 10, 999.98),
    }


def _bill_of_lading(rng: random.Random) -> dict[str, Any]:
    loading, discharge = rng.sample(words.PORTS, 2)
    return {
        "number": str(rng.randint(1000, 9999)),
        "shipper": name(rng, words.TRADES),
        "vessel": rng.choice(words.VESSELS),
        "loading": loading,
        "discharge": discharge,
        "cargo": rng.choice(words.CARGOES),
        "packages": rng.randint(1, 999),
    }


def _bank_statement(rng: random.Random) -> dict[str, Any]:
    while True:
        opening = amount(rng, 10, 99)
        entries: list[dict[str, Any]] = [
            {"text": entry, "amount": amount(rng, 1, 49)}
            for entry in rng.sample(words.ENTRIES, rng.randint(1, 2))
        ]
        cents: int = round(opening * 100) + sum(round(entry["amount"] * 100) for entry in entries)
        if cents % 10:
            break
    return {
        "bank": name(rng, words.BANKS),
        "account": str(rng.randint(1000, 9999)),
        "date": iso_date(rng),
        "opening": opening,
        "entries": entries,
        "closing": cents / 100,
    }


_VALUES: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "receipt": _receipt,
    "invoice": _invoice,
    "bill_of_lading": _bill_of_lading,
    "bank_statement": _bank_statement,
    NEW_TEMPLATE: _kiosk,
}
