"""Scoring of extracted documents, field by field. Pure: no model, no files.

A *cell* is one scalar of a document. Each cell of the label and of the answer counts once:

    label    answer                     counts as
    absent   absent                     nothing
    present  equal after normalising    true positive
    present  another value              false negative and false positive
    present  absent                     false negative
    absent   present (invented)         false positive

Absent is a missing key, `null` and `""` alike. The rows of an array are matched one to one so that
most cells agree, and cells are compared inside their row: swapping the prices of two rows costs,
although the same prices are there. Rows left over are missed or invented, cell by cell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightwright.metrics.anls import anls_star
from sightwright.metrics.bootstrap import Interval, intervals
from sightwright.metrics.normalise import is_absent, normalised
from sightwright.metrics.rows import RowPair, match_rows, member_of, rows_of
from sightwright.schema import DocumentSchema, Node


@dataclass(frozen=True)
class Counts:
    """Cells of one field: true positives, false positives, false negatives."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def support(self) -> int:
        """Cells that the labels hold."""
        return self.tp + self.fn

    @property
    def occurs(self) -> bool:
        """Whether a label or an answer holds the field at all."""
        return self.tp + self.fp + self.fn > 0

    @property
    def precision(self) -> float:
        """Of the cells answered, the share that is right; 1 where none was asked nor answered."""
        answered = self.tp + self.fp
        return self.tp / answered if answered else float(not self.fn)

    @property
    def recall(self) -> float:
        """Of the cells in the labels, the share found; 1 where none was asked nor answered."""
        return self.tp / self.support if self.support else float(not self.fp)

    @property
    def f1(self) -> float:
        """2·tp / (2·tp + fp + fn); 1 where none was asked nor answered."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.occurs else 1.0

    def to_json(self) -> dict[str, float | int]:
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
        }


Outcome = Literal["right", "wrong", "missed", "invented", "absent"]

_COUNTED: dict[Outcome, Counts] = {
    "right": Counts(tp=1),
    "wrong": Counts(fp=1, fn=1),
    "missed": Counts(fn=1),
    "invented": Counts(fp=1),
    "absent": Counts(),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One scalar of a label and of an answer, side by side.

    Attributes:
        field: the schema's path: `lines[].price`.
        gold_place: where it stands in the label: `lines[0].price`; None where the label has no
            such row.
        answer_place: where it stands in the answer; None where the answer has no such row, or was
            not taken. A scalar of an object that is null has the place it would stand at.
        gold: the label's value, None where absent.
        answer: the answer's value, None where absent.
        rows: which row of the label was taken for which of the answer, for every `[]` of the field
            from the outside in; None where the other side has no such row.
    """

    field: str
    gold_place: str | None
    answer_place: str | None
    gold: object
    answer: object
    outcome: Outcome
    rows: tuple[RowPair, ...] = ()

    @property
    def is_fault(self) -> bool:
        """Whether it keeps the document from being right."""
        return self.outcome not in ("right", "absent")


@dataclass(frozen=True)
class DocumentMark:
    """How one answer scored.

    Attributes:
        counts: dotted path of a field → its cells; every leaf of the schema, in its order.
        exact: the answer was taken, every cell of it is right, none is missing or invented.
        valid_json: the answer was JSON, whatever the schema says.
        valid_schema: the answer was taken: whole, JSON, and a document of the schema.
        cut: generation ended at the output limit, so the answer was not taken.
        cells: what the counts are of, one by one.
        anls: ANLS* of the answer as taken, 0 to 1.
    """

    counts: dict[str, Counts]
    exact: bool
    valid_json: bool
    valid_schema: bool
    cut: bool
    cells: tuple[Cell, ...]
    anls: float

    @property
    def total(self) -> Counts:
        """All cells of the document together."""
        return sum(self.counts.values(), Counts())


@dataclass(frozen=True)
class FieldScores:
    """Scores over documents.

    Attributes:
        per_field: dotted path → cells over all documents, in schema order.
        micro: all cells together.
        macro_precision, macro_recall, macro_f1: means over the fields that occur in a label or an
            answer; a field that nobody wrote says nothing.
        document_exact, json_valid, schema_valid: shares of the documents.
        anls: mean ANLS* of the documents.
        cut: how many documents' answers hit the output limit.
        intervals: 95 % over resampled documents, of `micro_f1`, `macro_f1`, `document_exact` and
            `anls`; empty when not asked for.
    """

    per_field: dict[str, Counts]
    micro: Counts
    macro_precision: float
    macro_recall: float
    macro_f1: float
    document_exact: float
    json_valid: float
    schema_valid: float
    anls: float
    cut: int
    num_documents: int
    intervals: dict[str, Interval]


def mark_document(
    schema: DocumentSchema,
    gold: Mapping[str, Any],
    answer: Mapping[str, Any] | None,
    *,
    valid_json: bool = True,
    cut: bool = False,
) -> DocumentMark:
    """Mark one answer.

    Args:
        gold: a document of the schema.
        answer: likewise, or None where there is none to take (not JSON, or against the schema):
            every cell of the label is missed then, and none is invented.
        cut: generation ended at the output limit; such an answer is not taken either.
    """
    answer = None if cut else answer
    taken = answer is not None
    found = tuple(cells(schema, gold, answer))
    counts = {leaf.path: Counts() for leaf in schema.root.leaves()}
    for cell in found:
        counts[cell.field] += _COUNTED[cell.outcome]
    exact = taken and not any(cell.is_fault for cell in found)
    return DocumentMark(
        counts=counts,
        exact=exact,
        valid_json=valid_json,
        valid_schema=taken,
        cut=cut,
        cells=found,
        anls=anls_star(dict(gold), dict(answer) if answer is not None else None),
    )


def cells(
    schema: DocumentSchema, gold: Mapping[str, Any], answer: Mapping[str, Any] | None
) -> list[Cell]:
    """Every scalar of a label and of an answer, side by side: what `mark_document` sums.

    In the order of the schema; the rows of an array in the label's order, then those that the
    answer invented.
    """
    label = _Side("", dict(gold))
    return list(_cells(schema.root, label, _Side("", dict(answer)) if answer is not None else None))


@dataclass(frozen=True)
class _Side:
    """What stands at a place of one of the two documents."""

    place: str
    value: object

    def member(self, key: str) -> "_Side":
        return _Side(f"{self.place}.{key}" if self.place else key, member_of(self.value, key))

    def row(self, number: int) -> "_Side":
        return _Side(f"{self.place}[{number}]", rows_of(self.value)[number])


def _cells(
    node: Node, gold: _Side | None, answer: _Side | None, rows: tuple[RowPair, ...] = ()
) -> Iterator[Cell]:
    if node.kind == "scalar":
        yield _cell(node, gold, answer, rows)
    for key, child in node.properties.items():
        yield from _cells(child, gold and gold.member(key), answer and answer.member(key), rows)
    if node.items is not None:
        gold_rows, answer_rows = rows_of(gold and gold.value), rows_of(answer and answer.value)
        for i, j in match_rows(node.items, gold_rows, answer_rows):
            gold_row = gold.row(i) if gold is not None and i is not None else None
            answer_row = answer.row(j) if answer is not None and j is not None else None
            yield from _cells(node.items, gold_row, answer_row, (*rows, (i, j)))


def _cell(node: Node, gold: _Side | None, answer: _Side | None, rows: tuple[RowPair, ...]) -> Cell:
    wanted = gold.value if gold else None
    got = answer.value if answer else None
    return Cell(
        field=node.path,
        gold_place=gold.place if gold else None,
        answer_place=answer.place if answer else None,
        gold=wanted,
        answer=got,
        outcome=_outcome(node, wanted, got),
        rows=rows,
    )


def _outcome(node: Node, gold: object, answer: object) -> Outcome:
    match is_absent(gold), is_absent(answer):
        case True, True:
            return "absent"
        case True, False:
            return "invented"
        case False, True:
            return "missed"
        case _:
            equal = normalised(gold, node.normalise) == normalised(answer, node.normalise)
            return "right" if equal else "wrong"


def summarise(
    marks: Sequence[DocumentMark], *, bootstrap_samples: int = 1000, seed: int = 0
) -> FieldScores:
    """Put the marks of many documents of one schema together.

    Args:
        bootstrap_samples: resamples of the documents for the intervals; 0 for none.
        seed: of the resampling; the same seed gives the same intervals.

    Raises:
        ValueError: no marks.
    """
    if not marks:
        raise ValueError("no documents were marked")
    paths = list(marks[0].counts)
    per_field = {path: sum((mark.counts[path] for mark in marks), Counts()) for path in paths}
    occurring = [cells for cells in per_field.values() if cells.occurs]
    return FieldScores(
        per_field=per_field,
        micro=sum(per_field.values(), Counts()),
        macro_precision=_mean(cells.precision for cells in occurring),
        macro_recall=_mean(cells.recall for cells in occurring),
        macro_f1=_mean(cells.f1 for cells in occurring),
        document_exact=_mean(mark.exact for mark in marks),
        json_valid=_mean(mark.valid_json for mark in marks),
        schema_valid=_mean(mark.valid_schema for mark in marks),
        anls=_mean(mark.anls for mark in marks),
        cut=sum(mark.cut for mark in marks),
        num_documents=len(marks),
        intervals=_intervals(marks, bootstrap_samples, seed) if bootstrap_samples else {},
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 1.0


def _intervals(marks: Sequence[DocumentMark], samples: int, seed: int) -> dict[str, Interval]:
    def scores(sums_SK: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return scores_of_sums(sums_SK, len(marks))

    return intervals(numbers_of(marks), scores, samples=samples, seed=seed)


def numbers_of(marks: Sequence[DocumentMark]) -> NDArray[np.float64]:
    """What the scores of a set follow from, one row a document: tp, fp, fn of every field in the
    order of the schema, then exact (0 or 1) and ANLS*: [D, 3·F + 2]."""
    rows = [
        [*(n for c in mark.counts.values() for n in (c.tp, c.fp, c.fn)), mark.exact, mark.anls]
        for mark in marks
    ]
    return np.array(rows, dtype=np.float64)


def scores_of_sums(
    sums_SK: NDArray[np.float64], num_documents: int
) -> dict[str, NDArray[np.float64]]:
    """The scores of many sets of `num_documents` each, from the sums of their `numbers_of`."""
    cells_SF3 = sums_SK[:, :-2].reshape(len(sums_SK), -1, 3)
    occurs_SF = cells_SF3.sum(axis=2) > 0
    num_occurring = occurs_SF.sum(axis=1)
    macro = np.where(occurs_SF, f1_of(cells_SF3), 0.0).sum(axis=1) / np.maximum(num_occurring, 1)
    return {
        "micro_f1": f1_of(cells_SF3.sum(axis=1)),
        "macro_f1": np.where(num_occurring > 0, macro, 1.0),
        "document_exact": sums_SK[:, -2] / num_documents,
        "anls": sums_SK[:, -1] / num_documents,
    }


def f1_of(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 of counts (tp, fp, fn) along the last axis; 1 where all are zero, as `Counts.f1`."""
    tp, fp, fn = cells[..., 0], cells[..., 1], cells[..., 2]
    cells_seen = 2 * tp + fp + fn
    return np.where(cells_seen > 0, 2 * tp / np.maximum(cells_seen, 1), 1.0)
