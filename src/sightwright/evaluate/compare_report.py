"""A comparison as tables for people, as JSON, and as a page."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright import canonical, html
from sightwright.evaluate.compare import Comparison, Pair
from sightwright.evaluate.side_by_side import ShownCell, shown_cell, text_of, visible
from sightwright.metrics.fields import Cell
from sightwright.metrics.paired import Difference

if TYPE_CHECKING:
    from rich.table import Table

JSON_NAME, PAGE_NAME = "compare.json", "compare.html"
ALPHA = 0.05
# Documents of each kind that the page shows, and changed cells of one document.
MAX_DOCUMENTS = 50
MAX_CELLS = 30
_NUM_LISTED = 10

_NAMES = {
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "document_exact": "wholly right",
    "anls": "ANLS*",
    "schema_valid": "of the schema",
    "loop_rate": "loop rate",
}
_DIFFERENCE_COLUMNS = ("A", "B", "difference", "95 %", "p", "")
_SIGNS = {"better": "▲", "worse": "▼"}
# Less of these is better.
_COSTS = ("loop_rate",)


@dataclass(frozen=True)
class ChangedCell:
    """A cell that the two answered differently well; None where an answer has no such cell.

    Attributes:
        place: in the label; in the answer where it was invented.
    """

    place: str
    a: ShownCell | None
    b: ShownCell | None


@dataclass(frozen=True)
class ChangedDocument:
    """One document of the page; `hidden` changed cells of it are not in `cells`."""

    pair: Pair
    cells: tuple[ChangedCell, ...]
    hidden: int


def comparison_value(found: Comparison) -> dict[str, Any]:
    """The JSON value of a comparison; differences are B less A."""
    changes = Counter(pair.change for pair in found.pairs)
    return {
        "a": str(found.a.folder),
        "b": str(found.b.folder),
        "settings": {key: {"a": a, "b": b} for key, (a, b) in found.settings.items()},
        "documents": len(found.pairs),
        "scores": {name: _difference_value(found.totals[name]) for name in found.totals},
        "fields": {name: _difference_value(found.fields[name]) for name in found.fields},
        "better": [_pair_value(pair) for pair in found.changed("better")],
        "worse": [_pair_value(pair) for pair in found.changed("worse")],
        "same": changes["same"],
        "better_or_worse_p": found.sign_p,
    }


def _difference_value(found: Difference) -> dict[str, Any]:
    interval = [found.interval.low, found.interval.high]
    return {
        "a": found.a,
        "b": found.b,
        "difference": found.difference,
        "interval_95": interval,
        "p": found.p,
    }


def _pair_value(pair: Pair) -> dict[str, Any]:
    return {
        "id": pair.id,
        "a": {"f1": pair.a.mark.total.f1, "exact": pair.a.mark.exact, "anls": pair.a.mark.anls},
        "b": {"f1": pair.b.mark.total.f1, "exact": pair.b.mark.exact, "anls": pair.b.mark.anls},
    }


def verdict(name: str, found: Difference) -> str:
    """`better`, `worse`, or nothing where the difference could be luck (p over 0.05)."""
    if found.p > ALPHA or not found.difference:
        return ""
    return "better" if (found.difference > 0) != (name in _COSTS) else "worse"


def tables(found: Comparison) -> "list[Table]":
    """Scores; fields that changed; documents that changed the most."""
    from rich.text import Text

    num = len(found.pairs)
    scores = _table(f"{num} documents (▲ better, ▼ worse)", "score", *_DIFFERENCE_COLUMNS)
    for name, difference in found.totals.items():
        scores.add_row(_NAMES[name], *_cells(name, difference))
    scores.caption, scores.caption_justify = _split(found), "left"
    fields = _table("F1 of the fields that changed", "field", *_DIFFERENCE_COLUMNS)
    for name, difference in by_size(found.fields):
        if difference.difference:
            fields.add_row(Text(name), *_cells(name, difference))
    changed = _table("documents that changed the most", "document", "F1 of A", "F1 of B", "")
    for change in ("worse", "better"):
        for pair in found.changed(change)[:_NUM_LISTED]:
            f1 = (f"{document.mark.total.f1:.3f}" for document in (pair.a, pair.b))
            changed.add_row(Text(pair.id), *f1, f"{_SIGNS[change]} {change}")
    return [table for table in (scores, fields, changed) if table.row_count]


def by_size(fields: dict[str, Difference]) -> list[tuple[str, Difference]]:
    """The largest difference first."""
    return sorted(fields.items(), key=lambda item: -abs(item[1].difference))


def _table(title: str, first: str, *others: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(first, overflow="fold")
    for column in others:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _cells(name: str, found: Difference) -> tuple[str, ...]:
    low, high = found.interval.low, found.interval.high
    return (
        f"{found.a:.3f}",
        f"{found.b:.3f}",
        f"{found.difference:+.3f}",
        f"{low:+.3f} to {high:+.3f}",
        shown_p(found.p),
        _SIGNS.get(verdict(name, found), ""),
    )


def shown_p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _split(found: Comparison) -> str:
    changes = Counter(pair.change for pair in found.pairs)
    numbers = f"{changes['better']} better, {changes['worse']} worse, {changes['same']} the same"
    return f"documents: {numbers} (p {shown_p(found.sign_p)})"


def write_comparison(folder: Path, found: Comparison) -> list[Path]:
    """Write the page and the JSON into `folder`, each atomically; returns both."""
    page, value = folder / PAGE_NAME, folder / JSON_NAME
    canonical.write_json(value, comparison_value(found))
    canonical.write_text(page, html.render("compare.html", _page_values(found)))
    return [page, value]


def _page_values(found: Comparison) -> dict[str, Any]:
    changed = {change: found.changed(change) for change in ("worse", "better")}
    return {
        "found": found,
        "names": _NAMES,
        "totals": [
            (name, found.totals[name], verdict(name, found.totals[name])) for name in _NAMES
        ],
        "fields": [(name, each, verdict(name, each)) for name, each in by_size(found.fields)],
        "split": _split(found),
        "shown_p": shown_p,
        "visible": visible,
        "counts": {change: len(pairs) for change, pairs in changed.items()},
        "documents": {
            change: [_changed(pair) for pair in pairs[:MAX_DOCUMENTS]]
            for change, pairs in changed.items()
        },
    }


def _changed(pair: Pair) -> ChangedDocument:
    cells = list(changed_cells(pair))
    return ChangedDocument(pair, tuple(cells[:MAX_CELLS]), max(0, len(cells) - MAX_CELLS))


def changed_cells(pair: Pair) -> Iterator[ChangedCell]:
    """Cells of the label that came out differently, then those that one of the two invented."""
    of_b = {cell.gold_place: cell for cell in pair.b.mark.cells if cell.outcome != "invented"}
    for cell in pair.a.mark.cells:
        other = of_b.get(cell.gold_place)
        if cell.outcome == "invented" or cell.gold_place is None or other is None:
            continue
        if cell.outcome != other.outcome:
            yield ChangedCell(cell.gold_place, shown_cell(cell, {}), shown_cell(other, {}))
    for only, is_a in ((_invented_alone(pair.a.mark.cells, pair.b.mark.cells), True),
                       (_invented_alone(pair.b.mark.cells, pair.a.mark.cells), False)):  # fmt: skip
        for cell in only:
            shown = shown_cell(cell, {})
            place = cell.answer_place or cell.field
            yield ChangedCell(place, shown if is_a else None, None if is_a else shown)


def _invented_alone(cells: tuple[Cell, ...], others: tuple[Cell, ...]) -> Iterator[Cell]:
    """What the one invented and the other did not, by field and text."""
    known = Counter((c.field, text_of(c.answer)) for c in others if c.outcome == "invented")
    for cell in cells:
        if cell.outcome != "invented":
            continue
        key = (cell.field, text_of(cell.answer))
        if known[key]:
            known[key] -= 1
        else:
            yield cell
