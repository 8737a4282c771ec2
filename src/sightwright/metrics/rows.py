"""Which row of an answer is which row of the label: one to one, the most cells in agreement."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sightwright.metrics.normalise import is_absent, normalised
from sightwright.schema import Node

# Row of the label, row of the answer, from 0; None where the other side has no such row.
RowPair = tuple[int | None, int | None]


def match_rows(node: Node, gold: Sequence[Any], answer: Sequence[Any]) -> list[RowPair]:
    """Pair the rows of a label with those of an answer, by their numbers from 0.

    Of all ways to pair them, one with the most equal cells is chosen; among those, one that moves
    rows the least. So order is not marked, and what stands in the same row is.

    Args:
        node: what a row holds, an object or a scalar (the multiset of values counts then).

    Returns:
        The label's rows in their order, each with its answer row or None where it was missed; then
        the answer's rows that belong to none, each with None.
    """
    answer_of = dict(_assign(equal_cells(node, gold, answer)))
    left_over = sorted(set(range(len(answer))) - set(answer_of.values()))
    pairs: list[RowPair] = [(i, answer_of.get(i)) for i in range(len(gold))]
    return pairs + [(None, j) for j in left_over]


def equal_cells(node: Node, gold: Sequence[Any], answer: Sequence[Any]) -> NDArray[np.int64]:
    """How many cells are present and equal, for every pair: [len(gold), len(answer)].

    Column by column, so that a value is normalised once and not once for every pair.
    """
    equal = np.zeros((len(gold), len(answer)), dtype=np.int64)
    if not equal.size:
        return equal
    if node.kind == "scalar":
        numbers: dict[object, int] = {}
        gold_codes = _codes(node, gold, numbers, absent=-1)
        answer_codes = _codes(node, answer, numbers, absent=-2)
        return (gold_codes[:, None] == answer_codes[None, :]).astype(np.int64)
    for key, child in node.properties.items():
        equal += equal_cells(child, _column(gold, key), _column(answer, key))
    if node.items is not None:
        for i, gold_rows in enumerate(gold):
            for j, answer_rows in enumerate(answer):
                inner = equal_cells(node.items, rows_of(gold_rows), rows_of(answer_rows))
                equal[i, j] = sum(inner[pair] for pair in _assign(inner))
    return equal


def rows_of(value: object) -> list[Any]:
    """The rows of an array; none where there is no array."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def member_of(value: object, key: str) -> Any:
    """What an object holds under `key`; None where there is no object or no such key."""
    return cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None


def _column(rows: Sequence[Any], key: str) -> list[Any]:
    return [member_of(row, key) for row in rows]


def _codes(
    node: Node, values: Sequence[Any], numbers: dict[object, int], *, absent: int
) -> NDArray[np.int64]:
    """A number for each value, the same for equal ones; two absent values agree on nothing."""
    codes = [
        absent
        if is_absent(value)
        else numbers.setdefault(normalised(value, node.normalise), len(numbers))
        for value in values
    ]
    return np.array(codes, dtype=np.int64)


def _assign(equal: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The pairing with the most equal cells; among those, one that moves rows the least."""
    num_gold, num_answer = (int(size) for size in equal.shape)
    moved = np.array([[abs(i - j) for j in range(num_answer)] for i in range(num_gold)])
    # All moves of a pairing together stay below this, so they decide between equals and no more.
    # Whole numbers up to 2^53 are exact in the doubles that scipy computes with.
    one_cell = max(num_gold, num_answer) ** 2
    return best_pairs(equal * one_cell - moved) if equal.size else []


def best_pairs(scores: NDArray[Any]) -> list[tuple[int, int]]:
    """Rows and columns of a matrix, one to one, with the largest sum; in order of rows."""
    if not scores.size:
        return []
    # Here, because scipy takes longer to import than most documents to mark.
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

    solve: Any = cast("Any", optimize).linear_sum_assignment
    rows, columns = solve(scores, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
