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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightwright.metrics.bootstrap import Interval, intervals
from sightwright.metrics.normalise import is_absent, normalised
from sightwright.metrics.rows import match_rows, member_of, rows_of
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


@dataclass(frozen=True)
class DocumentMark:
    """How one answer scored.

    Attributes:
        counts: dotted path of a field → its cells; every leaf of the schema, in its order.
        exact: the answer was taken, every cell of it is right, none is missing or invented.
        valid_json: the answer was JSON, whatever the schema says.
        valid_schema: the answer was taken: whole, JSON, and a document of the schema.
        cut: generation ended at the output limit, so the answer was not taken.
    """

    counts: dict[str, Counts]
    exact: bool
    valid_json: bool
    valid_schema: bool
    cut: bool

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
        cut: how many documents' answers hit the output limit.
        intervals: 95 % over resampled documents, of `micro_f1`, `macro_f1` and `document_exact`;
            empty when not asked for.
    """

    per_field: dict[str, Counts]
    micro: Counts
    macro_precision: float
    macro_recall: float
    macro_f1: float
    document_exact: float
    json_valid: float
    schema_valid: float
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
    taken = answer is not None and not cut
    counts = {leaf.path: Counts() for leaf in schema.root.leaves()}
    _mark(schema.root, dict(gold), dict(answer) if answer is not None and taken else None, counts)
    exact = taken and not any(cells.fp or cells.fn for cells in counts.values())
    return DocumentMark(counts, exact, valid_json=valid_json, valid_schema=taken, cut=cut)


def _mark(node: Node, gold: object, answer: object, counts: dict[str, Counts]) -> None:
    if node.kind == "scalar":
        counts[node.path] += _cell(node, gold, answer)
    for key, child in node.properties.items():
        _mark(child, member_of(gold, key), member_of(answer, key), counts)
    if node.items is not None:
        for gold_row, answer_row in match_rows(node.items, rows_of(gold), rows_of(answer)):
            _mark(node.items, gold_row, answer_row, counts)


def _cell(node: Node, gold: object, answer: object) -> Counts:
    match is_absent(gold), is_absent(answer):
        case True, True:
            return Counts()
        case True, False:
            return Counts(fp=1)
        case False, True:
            return Counts(fn=1)
        case _:
            equal = normalised(gold, node.normalise) == normalised(answer, node.normalise)
            return Counts(tp=1) if equal else Counts(fp=1, fn=1)


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
        cut=sum(mark.cut for mark in marks),
        num_documents=len(marks),
        intervals=_intervals(marks, bootstrap_samples, seed) if bootstrap_samples else {},
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 1.0


def _intervals(marks: Sequence[DocumentMark], samples: int, seed: int) -> dict[str, Interval]:
    rows = [
        [n for cells in mark.counts.values() for n in (cells.tp, cells.fp, cells.fn)] + [mark.exact]
        for mark in marks
    ]

    def scores(sums_SK: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        cells_SF3 = sums_SK[:, :-1].reshape(samples, -1, 3)
        occurs_SF = cells_SF3.sum(axis=2) > 0
        f1_SF = np.where(occurs_SF, _f1(cells_SF3), 0.0)
        num_occurring = occurs_SF.sum(axis=1)
        macro = f1_SF.sum(axis=1) / np.maximum(num_occurring, 1)
        return {
            "micro_f1": _f1(cells_SF3.sum(axis=1)),
            "macro_f1": np.where(num_occurring > 0, macro, 1.0),
            "document_exact": sums_SK[:, -1] / len(marks),
        }

    return intervals(np.array(rows, dtype=np.float64), scores, samples=samples, seed=seed)


def _f1(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 of counts (tp, fp, fn) along the last axis; 1 where all are zero, as `Counts.f1`."""
    tp, fp, fn = cells[..., 0], cells[..., 1], cells[..., 2]
    cells_seen = 2 * tp + fp + fn
    return np.where(cells_seen > 0, 2 * tp / np.maximum(cells_seen, 1), 1.0)
