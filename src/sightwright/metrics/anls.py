"""ANLS*: how close two documents are as text, where field F1 asks whether they are the same.

Source: D. Peer, P. Schöpf, V. Nebendahl, A. Rietzler, S. Stabinger, "ANLS* – A Universal Document
Processing Metric for Generative Large Language Models" (arXiv 2402.03848); edge cases as the
authors' package `anls_star` 1.0.1 decides them. The score of a pair of trees is

    sum of the similarities of their leaves / number of leaves that either of them holds

    leaf    against a leaf: 1 − Levenshtein distance / the longer length, 0 below 0.5; in lower
            case, runs of white space as one blank. Against anything else: 0
    null    1 against null, "", [] and {}; else 0
    object  keys by name; a key of one side alone stands against null
    list    rows are matched one to one so that the sum of their scores is largest (Hungarian
            method); the leaves of rows left over count as wrong

So a `null` that is rightly `null` counts as a leaf that is right: on a schema whose fields are
mostly empty the score is high for any model.

Where the package tells a missing key, `null`, text without a character and `[]` from one another,
the contract of labels does not, and neither does this: each is as good as the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from sightwright.metrics.rows import best_pairs

THRESHOLD = 0.5

_Kind = Literal["nothing", "null", "leaf", "object", "list"]

# In a column of a table: this row's object has no such key.
_NOTHING = object()


@dataclass(frozen=True)
class _Scores:
    """Of every label against every answer: sums of similarities, numbers of leaves; [G, A]."""

    sums: NDArray[np.float64]
    leaves: NDArray[np.float64]

    @classmethod
    def none(cls, num_golds: int, num_answers: int) -> "_Scores":
        return cls(np.zeros((num_golds, num_answers)), np.zeros((num_golds, num_answers)))

    @property
    def means(self) -> NDArray[np.float64]:
        return np.where(self.leaves > 0, self.sums / np.maximum(self.leaves, 1), 1.0)


def anls_star(gold: object, answer: object) -> float:
    """The score of one answer, 0 to 1; an answer that could not be taken is None.

    >>> anls_star({"vendor": "Cedar Deli", "total": 4}, {"vendor": "Ceder Deli", "total": None})
    0.45
    """
    return float(_compare([gold], [answer]).means[0, 0])


def _compare(golds: Sequence[Any], answers: Sequence[Any]) -> _Scores:
    """Every pair at once, kind by kind, so that a column of a table is one call."""
    scores = _Scores.none(len(golds), len(answers))
    answers_of = _by_kind(answers)
    for gold_kind, rows in _by_kind(golds).items():
        for answer_kind, columns in answers_of.items():
            part = _compare_kinds(
                gold_kind, [golds[i] for i in rows], answer_kind, [answers[j] for j in columns]
            )
            scores.sums[np.ix_(rows, columns)] = part.sums
            scores.leaves[np.ix_(rows, columns)] = part.leaves
    return scores


def _by_kind(values: Sequence[Any]) -> dict[_Kind, list[int]]:
    numbers: dict[_Kind, list[int]] = {}
    for number, value in enumerate(values):
        numbers.setdefault(_kind(value), []).append(number)
    return numbers


def _kind(value: object) -> _Kind:
    match value:
        case None:
            return "null"
        case dict():
            return "object"
        case list():
            return "list"
        case str() if not value.strip():
            return "null"
        case _:
            return "nothing" if value is _NOTHING else "leaf"


def _compare_kinds(
    gold_kind: _Kind, golds: list[Any], answer_kind: _Kind, answers: list[Any]
) -> _Scores:
    match gold_kind, answer_kind:
        case "nothing", "nothing":
            return _Scores.none(len(golds), len(answers))
        case "leaf", "leaf":
            return _compare_leaves(golds, answers)
        case "object", "object":
            return _compare_objects(golds, answers)
        case "list", "list":
            return _compare_lists(golds, answers)
        case "list", "null" | "nothing":
            return _compare_lists(golds, [cast("list[Any]", [])] * len(answers))
        case _:
            return _compare_unlike(gold_kind, golds, answers)


def _compare_leaves(golds: list[Any], answers: list[Any]) -> _Scores:
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    similar = process.cdist(
        [_spelled(value) for value in golds],
        [_spelled(value) for value in answers],
        scorer=Levenshtein.normalized_similarity,
        dtype=np.float64,
    )
    return _Scores(np.where(similar < THRESHOLD, 0.0, similar), np.ones(similar.shape))


def _spelled(value: object) -> str:
    return " ".join(str(value).lower().split())


def _compare_objects(golds: list[Any], answers: list[Any]) -> _Scores:
    scores = _Scores.none(len(golds), len(answers))
    for key in dict.fromkeys(key for value in (*golds, *answers) for key in value):
        column = _compare(
            [value.get(key, _NOTHING) for value in golds],
            [value.get(key, _NOTHING) for value in answers],
        )
        scores.sums[:] += column.sums
        scores.leaves[:] += column.leaves
    return scores


def _compare_lists(golds: list[Any], answers: list[Any]) -> _Scores:
    scores = _Scores.none(len(golds), len(answers))
    for i, gold_rows in enumerate(golds):
        for j, answer_rows in enumerate(answers):
            inner = _compare(gold_rows, answer_rows)
            pairs = best_pairs(inner.means)
            rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
            left_over = _num_leaves(gold_rows) - _num_leaves([gold_rows[row] for row in rows])
            left_over += _num_leaves(answer_rows) - _num_leaves(
                [answer_rows[column] for column in columns]
            )
            scores.sums[i, j] = inner.sums[rows, columns].sum()
            scores.leaves[i, j] = inner.leaves[rows, columns].sum() + left_over
    return scores


def _compare_unlike(gold_kind: _Kind, golds: list[Any], answers: list[Any]) -> _Scores:
    """Other kinds on both sides: wrong, but for an empty answer where nothing was wanted."""
    leaves = np.maximum.outer([_num_leaves(v) for v in golds], [_num_leaves(v) for v in answers])
    wants_nothing = gold_kind in ("null", "nothing")
    rightly = [wants_nothing and (_is_null(value) or value in ([], {})) for value in answers]
    sums = np.tile(np.array(rightly, dtype=np.float64), (len(golds), 1))
    return _Scores(sums, leaves.astype(np.float64))


def _is_null(value: object) -> bool:
    return _kind(value) in ("null", "nothing")


def _num_leaves(value: object) -> int:
    match value:
        case dict():
            return sum(map(_num_leaves, cast("dict[str, object]", value).values()))
        case list():
            return sum(map(_num_leaves, cast("list[object]", value)))
        case _:
            return 1
