from sightwright import canonical
from sightwright.evaluate.inspection_sheets import (
    MAX_ROWS,
    fact_rows,
    faults_first,
    object_rows,
    summary_head,
    tally,
    verdict_rows,
)
from sightwright.geometry import Box
from sightwright.inspection_records import DenseObject
from sightwright.metrics.geometry import mark_objects
from sightwright.metrics.summary import SummaryGold, read_answer
from sightwright.metrics.summary_scores import mark_summary
from sightwright.tasks.verdict import Verdict


def thing(desc: str, left: float) -> DenseObject:
    return DenseObject(desc, Box(left, 0, left + 9, 9))


def test_every_object_of_the_two_sides_has_its_row() -> None:
    gold = [thing("类别=标签,文本=5G", 0), thing("类别=电线", 20), thing("类别=光纤", 40)]
    answer = [thing("类别=光纤", 40), thing("类别=螺丝", 80), thing("类别=标签,文本=4G", 0)]
    mark = mark_objects(gold, answer, width=100, height=10)
    rows = object_rows(gold, answer, mark.pairs)
    assert [(row.gold, row.answer, row.outcome) for row in rows] == [
        (1, 3, "wrong"),
        (2, None, "missed"),
        (3, 1, "right"),
        (None, 2, "invented"),
    ]
    assert [row.similarity for row in rows] == [1, None, 1, None]
    # The letter that differs is marked.
    assert [piece.text for piece in rows[0].cell.answer.pieces if piece.differs] == ["4"]
    assert tally(rows) == {"wrong": 1, "missed": 1, "right": 1, "invented": 1}


def test_of_too_many_rows_the_right_ones_are_left_out_first() -> None:
    gold = [thing("a", 10 * i) for i in range(MAX_ROWS + 5)]
    mark = mark_objects(gold, gold[:-3], width=1000, height=10)
    rows = object_rows(gold, gold[:-3], mark.pairs)
    shown = faults_first(rows)
    assert len(shown) == MAX_ROWS
    assert [row.outcome for row in shown[:4]] == ["missed", "missed", "missed", "right"]
    assert faults_first(rows[:7]) == rows[:7]


def test_facts_that_differ() -> None:
    summary = {
        "dataset": "BBU",
        "objects_total": 3,
        "统计": [{"类别": "标签", "文本": {"A": 2}}, {"类别": "电线", "捆扎": {"整齐": 1}}],
    }
    said = {**summary, "objects_total": 1, "统计": [{"类别": "标签", "文本": {"A": 1, "B": 1}}]}
    gold = SummaryGold("BBU", summary, header_format=None)
    text = canonical.dumps(said)
    mark = mark_summary(gold, text, cut=False)
    rows = fact_rows(gold, read_answer(text, gold), mark.differences)
    assert [(row.name, row.gold, row.answer, row.outcome) for row in rows] == [
        ("objects_total", 3, 1, "wrong"),
        ("标签 · 文本 · A", 2, 1, "wrong"),
        ("标签 · 文本 · B", 0, 1, "invented"),
        ("电线 · 捆扎 · 整齐", 1, 0, "missed"),
    ]
    head = dict(summary_head(gold, mark))
    assert head == {"form": True, "JSON": True, "dataset": True, "total": False}
    irrelevant = SummaryGold("BBU", None, irrelevant=True)
    assert summary_head(irrelevant, mark_summary(irrelevant, "x", cut=False)) == [
        ("called irrelevant", False)
    ]


def test_verdicts_side_by_side() -> None:
    gold = Verdict(False, "缺标签")
    assert [cell.outcome for cell in verdict_rows(gold, Verdict(True, "好"))] == ["wrong", "right"]
    assert [cell.outcome for cell in verdict_rows(gold, gold)] == ["right", "right"]
    none = verdict_rows(gold, None)
    assert [cell.outcome for cell in none] == ["missed", "missed"]
    assert none[0].gold.pieces[0].text == "不通过"
