from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.metrics.rows import equal_cells, match_rows
from sightwright.schema import Node, compile_schema


def rows_node(item: dict[str, Any]) -> Node:
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": item}}}
    node = compile_schema(schema, "rows").root.properties["rows"].items
    assert node is not None
    return node


LINE = rows_node(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "price": {"type": "number"},
            "lots": {"type": "array", "items": {"type": "string", "x-normalise": "code"}},
        },
    }
)


def line(name: str | None, price: float | None = None, *lots: str) -> dict[str, Any]:
    return {"name": name, "price": price, "lots": list(lots)}


def test_cells_in_agreement_by_hand() -> None:
    gold = [line("tea", 2.5, "A-1", "A-2"), line(None, 5)]
    answer = [line("TEA ", 2.50, "a2", "a1", "a1"), line("bun", 5.0), line(None, None, "A1")]
    assert equal_cells(LINE, gold, answer).tolist() == [[4, 0, 1], [0, 1, 0]]
    assert equal_cells(LINE, gold, []).shape == (2, 0)


def test_rows_at_the_same_place_win_between_equals() -> None:
    rows = [line("x", 1.0)] * 3
    assert match_rows(LINE, rows, rows) == [(0, 0), (1, 1), (2, 2)]


def test_rows_left_over_stand_alone() -> None:
    tea, bun = line("tea", 1), line("bun", 2)
    assert match_rows(LINE, [tea, bun], [bun]) == [(0, None), (1, 0)]
    assert match_rows(LINE, [bun], [tea, bun]) == [(0, 1), (None, 0)]
    assert match_rows(LINE, [], [tea]) == [(None, 0)]
    assert match_rows(LINE, [tea], []) == [(0, None)]
    assert match_rows(LINE, [], []) == []


def test_rows_of_rows() -> None:
    grid = rows_node({"type": "array", "items": {"type": "integer"}})
    assert equal_cells(grid, [[1, 2], [3]], [[3, 3], [2, 1]]).tolist() == [[0, 2], [1, 0]]


LINES = st.lists(
    st.builds(line, st.sampled_from(["a", "b", "c", None]), st.sampled_from([1.0, 2.0, None])),
    max_size=4,
)


@settings(deadline=None, max_examples=50)
@given(LINES, LINES)
def test_no_other_pairing_has_more_cells_in_agreement(gold: list[Any], answer: list[Any]) -> None:
    equal = equal_cells(LINE, gold, answer).tolist()
    size = max(len(gold), len(answer))
    padded = [
        [equal[i][j] if i < len(gold) and j < len(answer) else 0 for j in range(size)]
        for i in range(size)
    ]
    best = max(sum(padded[i][j] for i, j in enumerate(p)) for p in permutations(range(size)))
    pairs = match_rows(LINE, gold, answer)
    assert sum(equal[i][j] for i, j in pairs if i is not None and j is not None) == best
    assert [i for i, _ in pairs if i is not None] == list(range(len(gold)))
    assert sorted(j for _, j in pairs if j is not None) == list(range(len(answer)))
