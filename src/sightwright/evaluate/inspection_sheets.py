"""A label and an answer of inspection data side by side: what was found, missed and made up.

Every row is one object, one fact or one line of a verdict; its texts have the letters marked that
differ, as those of an extraction's cells have.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sightwright.evaluate.side_by_side import ShownCell, shown_cell
from sightwright.geometry import Kind
from sightwright.inspection_records import DenseObject
from sightwright.metrics.fields import Cell, Outcome
from sightwright.metrics.geometry import Pair
from sightwright.metrics.summary import (
    OBJECTS_TOTAL,
    STATISTICS,
    Fact,
    SummaryAnswer,
    SummaryGold,
    whole_number,
)
from sightwright.metrics.summary_scores import FactDifference, SummaryMark
from sightwright.tasks.verdict import FAIL, PASS, Verdict

# Rows of one card; the rest is counted.
MAX_ROWS = 60


@dataclass(frozen=True)
class ObjectRow:
    """One object of the label, the answered one taken for it, or one of the two alone.

    Attributes:
        gold, answer: their numbers on the pictures, from 1; None where there is none.
        kind: of the label's geometry, or of the answered one.
        similarity: of the two places, 0.5 to 1; None where there are not two.
        cell: the two descriptions.
    """

    gold: int | None
    answer: int | None
    kind: Kind
    similarity: float | None
    cell: ShownCell

    @property
    def outcome(self) -> Outcome:
        return self.cell.outcome


@dataclass(frozen=True)
class FactRow:
    """One fact of a summary with how often label and answer count it; 0 where they do not."""

    name: str
    gold: int
    answer: int
    outcome: Outcome


def object_rows(
    gold: Sequence[DenseObject], answer: Sequence[DenseObject], pairs: Sequence[Pair]
) -> list[ObjectRow]:
    """Every object of the two sides: those of the label in its order, then the invented ones."""
    pair_of = {pair.gold: pair for pair in pairs}
    taken = {pair.answer for pair in pairs}
    rows = [_object_row(gold, answer, number, pair_of.get(number)) for number in range(len(gold))]
    for number, each in enumerate(answer):
        if number not in taken:
            cell = _cell("invented", None, each.desc)
            rows.append(ObjectRow(None, number + 1, each.geometry.kind, None, cell))
    return rows


def _object_row(
    gold: Sequence[DenseObject], answer: Sequence[DenseObject], number: int, pair: Pair | None
) -> ObjectRow:
    wanted = gold[number]
    kind = wanted.geometry.kind
    if pair is None:
        return ObjectRow(number + 1, None, kind, None, _cell("missed", wanted.desc, None))
    described = pair.label_right and pair.attributes_right == pair.attributes
    cell = _cell("right" if described else "wrong", wanted.desc, answer[pair.answer].desc)
    return ObjectRow(number + 1, pair.answer + 1, kind, pair.similarity, cell)


def fact_rows(
    gold: SummaryGold, answer: SummaryAnswer, differences: Sequence[FactDifference]
) -> list[FactRow]:
    """The total where it differs, then every fact that label and answer count differently."""
    rows: list[FactRow] = []
    if gold.summary is not None and answer.content is not None:
        wanted = whole_number(gold.summary.get(OBJECTS_TOTAL)) or 0
        said = whole_number(answer.content.get(OBJECTS_TOTAL)) or 0
        if wanted != said:
            rows.append(FactRow(OBJECTS_TOTAL, wanted, said, "wrong"))
    return rows + [
        FactRow(_name_of(each.fact), each.gold, each.answer, _outcome_of(each))
        for each in differences
    ]


def _name_of(fact: Fact) -> str:
    """Most facts are of 统计, which goes without saying."""
    return " · ".join(fact[1:] if fact[0] == STATISTICS else fact)


def _outcome_of(difference: FactDifference) -> Outcome:
    if not difference.answer:
        return "missed"
    return "wrong" if difference.gold else "invented"


def verdict_rows(gold: Verdict, answer: Verdict | None) -> list[ShownCell]:
    """The verdict and the reason; a reason that differs is no fault, only shown."""
    if answer is None:
        return [
            _cell("missed", PASS if gold.passes else FAIL, None, "verdict"),
            _cell("missed", gold.reason, None, "reason"),
        ]
    right: Outcome = "right" if gold.passes is answer.passes else "wrong"
    said = [PASS if each.passes else FAIL for each in (gold, answer)]
    return [
        _cell(right, said[0], said[1], "verdict"),
        _cell("right", gold.reason, answer.reason, "reason"),
    ]


def tally(rows: Sequence[ObjectRow] | Sequence[FactRow]) -> Counter[Outcome]:
    """How many rows came out how."""
    return Counter(row.outcome for row in rows)


def faults_first(rows: Sequence[ObjectRow]) -> list[ObjectRow]:
    """The rows that one card shows, what is right last when there are too many."""
    if len(rows) <= MAX_ROWS:
        return list(rows)
    return sorted(rows, key=lambda row: row.outcome == "right")[:MAX_ROWS]


def summary_head(gold: SummaryGold, mark: SummaryMark) -> list[tuple[str, bool]]:
    """What is marked beside the facts, each with whether it is right."""
    if gold.irrelevant:
        return [("called irrelevant", mark.exact)]
    head = [("form", mark.well_formed), ("JSON", mark.valid_json), ("dataset", mark.dataset)]
    header = [] if mark.header is None else [("header", mark.header)]
    return [*header, *head, ("total", mark.objects_total == 1)]


def _cell(outcome: Outcome, gold: str | None, answer: str | None, field: str = "desc") -> ShownCell:
    return shown_cell(
        Cell(
            field=field, gold_place=field, answer_place=field, gold=gold, answer=answer,
            outcome=outcome,
        ),
        {},
    )  # fmt: skip
