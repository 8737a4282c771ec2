import json
from typing import Any

import pytest
from rich.console import Console

from sightwright.evaluate.inspection_figures import (
    Scores,
    figures,
    kind_of,
    kind_rows,
    num_records,
    remarks,
    scores_value,
    tables,
    worst_counts,
)
from sightwright.geometry import Box, Line
from sightwright.inspection_records import DenseObject
from sightwright.metrics import geometry_summary, summary_scores, verdict
from sightwright.metrics.fields import Counts
from sightwright.metrics.geometry import Unread, mark_objects
from sightwright.metrics.summary import SummaryGold
from sightwright.metrics.verdict import VerdictMark

SCREW, LABEL = DenseObject("screw", Box(0, 0, 10, 10)), DenseObject("label", Box(50, 50, 90, 90))
CABLE = DenseObject("cable", Line(((0, 20), (99, 20))))


def dense_scores() -> Scores:
    """Of four objects two found, one of them misnamed; one made up, one not read."""
    answer = [SCREW, DenseObject("screw", LABEL.geometry), DenseObject("plug", Box(0, 60, 9, 90))]
    first = mark_objects(
        [SCREW, LABEL, CABLE], answer, width=100, height=100,
        unread=Unread(kinds=("line",), faults={"[bold]off the grid[/]": 1}),
    )  # fmt: skip
    second = mark_objects([SCREW], [SCREW], width=100, height=100, cut=True)
    return geometry_summary.summarise([first, second], bootstrap_samples=50)


def summary_marks() -> list[summary_scores.SummaryMark]:
    gold = SummaryGold("BBU", {"dataset": "BBU", "统计": [{"类别": "标签", "文本": {"A": 2}}]})
    irrelevant = SummaryGold("BBU", None, irrelevant=True)
    asked = ((gold, "x"), (irrelevant, "无关图片"))
    return [summary_scores.mark_summary(g, text, cut=False) for g, text in asked]


def every_scores() -> list[Scores]:
    passes = [VerdictMark(True, True), VerdictMark(True, None)]
    return [
        dense_scores(),
        summary_scores.summarise(summary_marks(), bootstrap_samples=50),
        verdict.summarise(passes, bootstrap_samples=50),
    ]


def printed(scores: Scores) -> str:
    console = Console(width=110, no_color=True)
    with console.capture() as capture:
        for table in tables(scores):
            console.print(table)
    return capture.get()


def test_which_task_scores_are_of() -> None:
    assert [kind_of(scores) for scores in every_scores()] == ["dense", "summary", "verdict"]
    assert [num_records(scores) for scores in every_scores()] == [2, 2, 2]


def test_figures_of_objects() -> None:
    found = {figure.name: figure for figure in figures(dense_scores())}
    # Two hits of four wanted and four answered; the second image was cut.
    assert found["F1 at 0.5"].value == pytest.approx(2 * 2 / (4 + 4))
    assert found["F1 at 0.5"].of == "4 objects, 4 answered"
    assert found["place and class"].value == pytest.approx(2 * 1 / (4 + 4))
    assert (found["class right"].value, found["class right"].of) == (0.5, "2 pairs at 0.5")
    assert found["attributes right"].value is None
    assert (found["wholly right"].value, found["readable"].value) == (0, 0.5)
    span = found["F1 at 0.5"].interval
    assert span is not None and 0 <= span.low <= 0.5 <= span.high <= 1


def test_the_table_of_objects() -> None:
    text = printed(dense_scores())
    assert "boxes" in text and "lines" in text and "polygons" not in text
    # What an answer says is no markup of the console.
    assert "not read: 1 × [bold]off the grid[/]" in text
    assert "cut by the output limit 1" in text
    assert text.index("cable") < text.index("screw"), "the worst class first"


def test_figures_of_summaries_and_verdicts() -> None:
    _, summary, judged = every_scores()
    found = {figure.name: (figure.value, figure.of) for figure in figures(summary)}
    assert found["fact F1"] == (0, "2 facts")
    assert found["wholly right"] == (0.5, "1 of 2 pictures")
    assert found["irrelevant, called so"] == (1, "1 of 1 irrelevant picture")
    found = {figure.name: (figure.value, figure.of) for figure in figures(judged)}
    assert found == {
        "accuracy": (0.5, "1 of 2 groups"),
        "false pass": (None, "0 failing groups"),
        "false fail": (0.5, "1 of 2 passing groups"),
        "no verdict": (0.5, "1 of 2 groups"),
    }
    assert "false pass" in printed(judged) and "–" in printed(judged)
    assert "标签.文本" in printed(summary)


def test_the_json_has_no_nan_and_every_count() -> None:
    values: list[dict[str, Any]] = [scores_value(scores) for scores in every_scores()]
    for value in values:
        json.dumps(value, allow_nan=False)
    dense, summary, judged = values
    assert dense["place"]["all"]["in_labels"] == 4
    assert dense["place"]["bbox_2d"]["right_at"]["0.50"] == 2
    assert dense["per_class"]["plug"]["fp"] == 1
    assert dense["cut_by_limit"] == 1
    assert summary["facts"]["fn"] == 2 and summary["header"] == {"value": 0.0, "count": 0, "of": 1}
    assert judged["false_pass"] == {"value": None, "count": 0, "of": 0}
    assert set(judged["intervals_95"]) == {"accuracy", "false_fail"}


def test_nothing_is_called_a_score_where_there_is_nothing_to_score() -> None:
    irrelevant = summary_scores.summarise(summary_marks()[1:])
    found = {figure.name: figure.value for figure in figures(irrelevant)}
    assert found["fact F1"] is None and found["fact F1, mean"] is None and found["header"] is None


def test_the_worst_first() -> None:
    counts = {"a": Counts(1, 0, 0), "b": Counts(0, 1, 0), "c": Counts(0, 1, 2)}
    assert [name for name, _ in worst_counts(counts)] == ["c", "b", "a"]
    scores = dense_scores()
    assert isinstance(scores, geometry_summary.ObjectScores)
    assert [name for name, _, _ in kind_rows(scores)] == ["boxes", "lines"]
    assert any("off by" in line for line in remarks(scores))
