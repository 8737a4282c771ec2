"""The layouts: rows of print as format strings over the printed values.

`Row("Total {total:>9}")` prints one line. A row all of whose fields are missing is left out, and a
label that stands above its value names the field it `needs`. `each` repeats a row for every entry
of a list. No row may pass 15 columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import Any

NEW_TEMPLATE = "receipt/kiosk"


@dataclass(frozen=True, slots=True)
class Row:
    """One printed line, or one line for each entry of the list field `each`."""

    text: str
    each: str | None = None
    needs: str | None = None

    def fields(self) -> tuple[str, ...]:
        """The fields that the line prints."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.text) if name)


def rows_of(template: tuple[Row, ...], printed: dict[str, Any]) -> list[str]:
    """The printed lines of a template; `printed` holds strings, lists of them, or None."""
    lines: list[str] = []
    for row in template:
        if row.needs is not None and printed[row.needs] is None:
            continue
        if row.each is not None:
            lines += [row.text.format(**entry) for entry in printed[row.each]]
            continue
        fields = row.fields()
        if fields and all(printed[name] is None for name in fields):
            continue
        lines.append(row.text.format(**{name: printed[name] or "" for name in fields}))
    return [line.rstrip() for line in lines]


LAYOUTS: dict[str, tuple[Row, ...]] = {
    "receipt/till": (
        Row("{vendor}"),
        Row("{date}"),
        Row("{name:<7}{qty} {price:>5}", each="items"),
        Row("Total {total:>8}"),
        Row("Paid {payment}"),
    ),
    "receipt/slip": (
        Row("Date {date}"),
        Row("{vendor}"),
        Row("{qty}x{name:<7}{price:>5}", each="items"),
        Row("Sum {total:>9}"),
        Row("By {payment}"),
    ),
    "receipt/counter": (
        Row("{date}"),
        Row("{price:<5}{name:<7}x{qty}", each="items"),
        Row("{total} Total"),
        Row("Sold by", needs="vendor"),
        Row("{vendor}"),
        Row("{payment}"),
    ),
    NEW_TEMPLATE: (
        Row("Till Issued"),
        Row("{till:<5}{issued}"),
        Row("{count}*{article:<7}{amount:>5}", each="goods"),
        Row("{due} To pay"),
        Row("Tender {tender}"),
        Row("Merchant"),
        Row("{merchant}"),
    ),
    "invoice/letter": (
        Row("INVOICE {number}"),
        Row("{date}"),
        Row("By {seller}"),
        Row("To {buyer}"),
        Row("Due {currency} {total}"),
    ),
    "invoice/form": (
        Row("No   Date"),
        Row("{number:<5}{date}"),
        Row("Seller"),
        Row("{seller}"),
        Row("Buyer", needs="buyer"),
        Row("{buyer}"),
        Row("{total} {currency}"),
    ),
    "invoice/table": (
        Row("No {number}"),
        Row("Date {date}"),
        Row("{seller}"),
        Row("Invoice to", needs="buyer"),
        Row("{buyer}"),
        Row("{currency:<5}{total}"),
    ),
    "bill_of_lading/liner": (
        Row("LADING {number}"),
        Row("Shipper", needs="shipper"),
        Row("{shipper}"),
        Row("By {vessel}"),
        Row("From {loading}"),
        Row("To {discharge}"),
        Row("{packages} {cargo}"),
    ),
    "bill_of_lading/grid": (
        Row("Vessel  Number"),
        Row("{vessel:<8}{number}"),
        Row("Load    Port"),
        Row("{loading:<8}{discharge}"),
        Row("{cargo:<8}{packages}"),
        Row("Shipper", needs="shipper"),
        Row("{shipper}"),
    ),
    "bill_of_lading/list": (
        Row("Lading {number}"),
        Row("Ship {vessel}"),
        Row("{shipper}"),
        Row("Load {loading}"),
        Row("Port {discharge}"),
        Row("{cargo:<8}{packages}"),
    ),
    "bank_statement/ledger": (
        Row("{bank}"),
        Row("Account {account}"),
        Row("{date}"),
        Row("Opening {opening:>6}"),
        Row("{text:<8} {amount:>6}", each="entries"),
        Row("Closing {closing:>6}"),
    ),
    "bank_statement/columns": (
        Row("Bank"),
        Row("{bank}"),
        Row("{account:<5}{date}"),
        Row("Start {opening}"),
        Row("{amount:<6}{text}", each="entries"),
        Row("End {closing}"),
    ),
    "bank_statement/letter": (
        Row("{date}"),
        Row("No {account}"),
        Row("Start {opening}"),
        Row("+{text:<8}{amount:>6}", each="entries"),
        Row("{closing} End"),
        Row("{bank}"),
    ),
}
