"""A label and an answer side by side, for looking at: which cells differ, and in which letters.

Scalars stand in lines. The rows of an array stand in a table of their own, in the label's order
beside the answer's row that the marking took them for; runs of rows that are right are folded.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sightwright import canonical
from sightwright.metrics.fields import Cell, Outcome
from sightwright.metrics.normalise import is_absent
from sightwright.metrics.rows import RowPair
from sightwright.schema import Node

# Letters of one value that are shown; the whole stands in predictions.jsonl.
MAX_LETTERS = 400
_LETTERS_BEFORE = 40
# Rows with differences that one table shows, and the fewest rows that are folded into one line.
MAX_ROWS = 40
MIN_FOLDED = 4
# Below this similarity letters in common are chance, and the whole value is marked.
_MIN_ALIKE = 0.5
# Zero-width non-joiner and joiner.
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class Piece:
    """A part of a value's text."""

    text: str
    differs: bool = False


@dataclass(frozen=True)
class ShownText:
    """A value as text: no pieces where nothing stands there.

    Attributes:
        before, after: letters left out on either side.
    """

    pieces: tuple[Piece, ...]
    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class ShownCell:
    """One cell as shown.

    Attributes:
        confidence: how sure the model was of the answer's value; None where that is not known.
    """

    field: str
    outcome: Outcome
    gold: ShownText
    answer: ShownText
    confidence: float | None

    @property
    def is_fault(self) -> bool:
        return self.outcome not in ("right", "absent")


@dataclass(frozen=True)
class ShownRow:
    """One row of an array; `gold` and `answer` are its numbers from 1, None where it is not there.

    Attributes:
        cells: those of each column; several where the row holds an array of its own.
    """

    gold: int | None
    answer: int | None
    cells: tuple[tuple[ShownCell, ...], ...]

    @property
    def is_fault(self) -> bool:
        return any(cell.is_fault for column in self.cells for cell in column)


@dataclass(frozen=True)
class Folded:
    """Rows in a row that are right, or with `is_fault` rows over the limit; not shown."""

    count: int
    is_fault: bool = False


@dataclass(frozen=True)
class Table:
    """One array of the document. `columns` are the fields of a row, without the array's path."""

    path: str
    columns: tuple[str, ...]
    rows: tuple[ShownRow | Folded, ...]


@dataclass(frozen=True)
class Sheet:
    """One document: its scalars, and its arrays (only those that either side fills)."""

    lines: tuple[ShownCell, ...]
    tables: tuple[Table, ...]


def lay_out(root: Node, cells: Iterable[Cell], confidences: Mapping[str, float]) -> Sheet:
    """Arrange the cells of one document.

    Args:
        root: of the schema they were marked by.
        confidences: place in the answer → probability.
    """
    listed = list(cells)
    lines = [shown_cell(cell, confidences) for cell in listed if not cell.rows]
    tables = [_table(array, listed, confidences) for array in _outer_arrays(root)]
    return Sheet(tuple(lines), tuple(table for table in tables if table.rows))


def _outer_arrays(node: Node) -> Iterable[Node]:
    if node.kind == "array":
        yield node
    for child in node.properties.values():
        yield from _outer_arrays(child)


def _table(array: Node, cells: list[Cell], confidences: Mapping[str, float]) -> Table:
    prefix = f"{array.path}[]"
    fields = [leaf.path for leaf in array.leaves()]
    mine = [cell for cell in cells if cell.rows and cell.field in fields]
    rows: list[ShownRow] = []
    for pair, group in groupby(mine, key=lambda cell: cell.rows[0]):
        of_field: dict[str, list[ShownCell]] = {field: [] for field in fields}
        for cell in group:
            of_field[cell.field].append(shown_cell(cell, confidences))
        rows.append(_row(pair, of_field))
    columns = [field.removeprefix(prefix).lstrip(".") or "value" for field in fields]
    return Table(array.path, tuple(columns), tuple(_folded(rows)))


def _row(pair: RowPair, of_field: dict[str, list[ShownCell]]) -> ShownRow:
    gold, answer = (None if number is None else number + 1 for number in pair)
    return ShownRow(gold, answer, tuple(tuple(cells) for cells in of_field.values()))


def _folded(rows: Sequence[ShownRow]) -> Iterable[ShownRow | Folded]:
    num_faults = 0
    for is_fault, group in groupby(rows, key=lambda row: row.is_fault):
        run = list(group)
        if not is_fault:
            yield from [Folded(len(run))] if len(run) >= MIN_FOLDED else run
            continue
        room = max(0, MAX_ROWS - num_faults)
        num_faults += len(run)
        yield from run[:room]
        if len(run) > room:
            yield Folded(len(run) - room, is_fault=True)


def shown_cell(cell: Cell, confidences: Mapping[str, float]) -> ShownCell:
    """One cell with its differences marked; `confidences` as in `lay_out`."""
    gold, answer = text_of(cell.gold), text_of(cell.answer)
    if cell.outcome == "wrong" and gold == answer:
        # They differ in type alone: 1 and "1".
        gold, answer = canonical.dumps(cell.gold), canonical.dumps(cell.answer)
    window = _window(gold, answer)
    parted = _differences if cell.outcome == "wrong" else _plain
    pieces = parted(gold[window], answer[window])
    return ShownCell(
        field=cell.field,
        outcome=cell.outcome,
        gold=_clipped(pieces[0], gold, window),
        answer=_clipped(pieces[1], answer, window),
        confidence=confidences.get(cell.answer_place) if cell.answer_place is not None else None,
    )


def _clipped(pieces: tuple[Piece, ...], text: str, window: slice) -> ShownText:
    before = min(window.start, len(text))
    return ShownText(pieces, before, max(0, len(text) - window.stop))


def _window(gold: str, answer: str) -> slice:
    """The part to show: the beginning, or what lies around the first difference."""
    letters = enumerate(zip(gold, answer, strict=False))
    common = next((n for n, (a, b) in letters if a != b), min(len(gold), len(answer)))
    longest = max(len(gold), len(answer))
    is_late = common < longest and common > MAX_LETTERS - _LETTERS_BEFORE
    start = common - _LETTERS_BEFORE if is_late else 0
    return slice(start, start + MAX_LETTERS)


def text_of(value: object) -> str:
    """A scalar as read by people: text without quotes, nothing for null and for blank text."""
    if is_absent(value):
        return ""
    return value if isinstance(value, str) else canonical.dumps(value)


def visible(text: str, *, joiners: bool = False) -> str:
    """Text whose invisible characters are spelled out (`‹U+202E›`), so that none can hide a
    difference or turn a line around.

    Args:
        joiners: spell out those that join letters too; ordinary text of some scripts has them.
    """
    if text.isprintable() and not joiners:
        return text
    return "".join(_spelled(character, joiners) for character in text)


def _spelled(character: str, joiners: bool) -> str:
    is_hidden = unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")
    if not is_hidden or character in "\n\t" or (character in _JOINERS and not joiners):
        return character
    return f"‹U+{ord(character):04X}›"


def _whole(text: str, differs: bool = False) -> tuple[Piece, ...]:
    return (Piece(visible(text, joiners=differs), differs),) if text else ()


def _plain(gold: str, answer: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    return _whole(gold), _whole(answer)


def _differences(gold: str, answer: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    from rapidfuzz.distance import Levenshtein

    if Levenshtein.normalized_similarity(gold, answer) < _MIN_ALIKE:
        return _whole(gold, differs=True), _whole(answer, differs=True)
    of_gold: list[Piece] = []
    of_answer: list[Piece] = []
    for change in Levenshtein.opcodes(gold, answer):
        differs = change.tag != "equal"
        of_gold += _whole(gold[change.src_start : change.src_end], differs)
        of_answer += _whole(answer[change.dest_start : change.dest_end], differs)
    return tuple(of_gold), tuple(of_answer)
