import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from sightwright import canonical, jsonl
from sightwright.errors import DataError
from sightwright.evaluate.compare import Comparison, compare
from sightwright.evaluate.compare_report import (
    changed_cells,
    comparison_value,
    tables,
    verdict,
    write_comparison,
)
from sightwright.evaluate.report import write_report
from sightwright.evaluate.run import evaluate, read_records
from sightwright.evaluate.stored import read_evaluation
from sightwright.infer.fake import FakeEngine
from sightwright.metrics.bootstrap import Interval
from sightwright.metrics.fields import mark_document, summarise
from sightwright.metrics.paired import Difference
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask

RIGHT = {
    "a": '{"vendor":"Cedar","total":7.50,"items":[{"name":"tea","price":7.5}]}',
    "b": '{"vendor":"Pine","total":null,"items":[]}',
    "c": '{"vendor":"Oak","total":3,"items":[]}',
}
# a: total wrong, a row invented; b: right; c: no JSON.
POOR = {
    "a": '{"vendor":"Cedar","total":1,"items":[{"name":"tea","price":7.5},{"name":"pie"}]}',
    "b": RIGHT["b"],
    "c": "nothing",
}


def stored(data: Path, task: ExtractTask, name: str, answers: dict[str, str], **about: Any) -> Path:
    engine = FakeEngine(lambda request: answers["abc"[request.images[0].width - 64]])
    found = evaluate(engine, read_records(data), task, root=data.parent)
    folder = data.parent / name
    write_report(folder, found, {"schema": "receipt", **about})
    return folder


@pytest.fixture
def poor(data: Path, task: ExtractTask) -> Path:
    return stored(data, task, "poor", POOR, model="base")


@pytest.fixture
def good(data: Path, task: ExtractTask) -> Path:
    return stored(data, task, "good", RIGHT, model="tuned")


def comparison(a: Path, b: Path) -> Comparison:
    return compare(read_evaluation(a), read_evaluation(b), samples=400)


def test_an_evaluation_is_read_back_and_marked_alike(data: Path, task: ExtractTask) -> None:
    folder = stored(data, task, "out", POOR)
    again = read_evaluation(folder)
    report = canonical.loads((folder / "report.json").read_bytes())
    scores = summarise([document.mark for document in again.documents.values()])
    assert scores.micro.f1 == report["micro"]["f1"]
    assert (scores.anls, scores.schema_valid) == (report["anls"], report["schema_valid"])
    assert again.schema == task.schema
    assert [document.answer is None for document in again.documents.values()] == [0, 0, 1]


def test_differences_by_hand(poor: Path, good: Path) -> None:
    found = comparison(poor, good)
    micro = found.totals["micro_f1"]
    # Poor: a 3 right, total wrong, 1 invented; b 1 right; c 2 missed.
    assert micro.a == pytest.approx(2 * 4 / (2 * 4 + 2 + 3))
    assert (micro.b, found.totals["document_exact"].a) == (1.0, pytest.approx(1 / 3))
    assert found.totals["document_exact"].difference == pytest.approx(2 / 3)
    assert (found.totals["schema_valid"].a, found.totals["loop_rate"].a) == (
        pytest.approx(2 / 3),
        0.0,
    )
    assert found.fields["total"].a == 0.0
    assert found.fields["vendor"].a == pytest.approx(4 / 5)
    assert list(found.fields) == ["vendor", "total", "items[].name", "items[].price"]
    assert [pair.id for pair in found.changed("better")] == ["c", "a"]
    assert found.changed("worse") == []
    # Two documents changed, both one way: half of the four ways to swap them.
    assert found.sign_p == found.totals["document_exact"].p == 0.5
    assert found.settings == {"model": ("base", "tuned")}


def test_the_other_way_round_everything_changes_its_sign(poor: Path, good: Path) -> None:
    one, other = comparison(poor, good), comparison(good, poor)
    for name, difference in one.totals.items():
        assert other.totals[name].difference == -difference.difference
        assert other.totals[name].p == difference.p
        assert other.totals[name].interval.low == pytest.approx(-difference.interval.high)
    assert [pair.id for pair in other.changed("worse")] == ["c", "a"]


def test_an_evaluation_does_not_differ_from_itself(good: Path) -> None:
    found = comparison(good, good)
    assert {difference.difference for difference in found.totals.values()} == {0.0}
    assert {difference.p for difference in found.fields.values()} == {1.0}
    assert found.sign_p == 1.0
    assert comparison_value(found)["same"] == 3


def test_intervals_are_those_of_marking_each_resample(poor: Path, good: Path) -> None:
    found = comparison(poor, good)
    rng = np.random.default_rng(0)
    gains: dict[str, list[float]] = {"micro_f1": [], "macro_f1": [], "anls": [], "vendor": []}
    for drawn in rng.integers(0, 3, (400, 3)):
        a = summarise([found.pairs[i].a.mark for i in drawn], bootstrap_samples=0)
        b = summarise([found.pairs[i].b.mark for i in drawn], bootstrap_samples=0)
        gains["micro_f1"].append(b.micro.f1 - a.micro.f1)
        gains["macro_f1"].append(b.macro_f1 - a.macro_f1)
        gains["anls"].append(b.anls - a.anls)
        gains["vendor"].append(b.per_field["vendor"].f1 - a.per_field["vendor"].f1)
    for name, values in gains.items():
        interval = (found.fields | found.totals)[name].interval
        expected = tuple(np.percentile(values, [2.5, 97.5]))
        assert (interval.low, interval.high) == pytest.approx(expected)


def test_fields_may_be_called_as_totals_are() -> None:
    from sightwright.evaluate.stored import StoredDocument, StoredEvaluation

    schema = compile_schema({"type": "object", "properties": {"anls": {"type": "string"}}}, "odd")

    def evaluation(answer: dict[str, Any]) -> StoredEvaluation:
        gold = {"anls": "x"}
        mark = mark_document(schema, gold, answer)
        document = StoredDocument("d", gold, answer, mark, is_loop=False)
        return StoredEvaluation(Path("e"), {"json_schema": {}}, schema, {"d": document})

    found = compare(evaluation({"anls": "xy"}), evaluation({"anls": "x"}), samples=100)
    assert found.fields["anls"].a == 0.0
    assert found.totals["anls"].a == 0.5


def test_cells_that_changed(poor: Path, good: Path) -> None:
    found = {pair.id: list(changed_cells(pair)) for pair in comparison(poor, good).pairs}
    assert found["b"] == []
    total, pie = found["a"]
    assert (total.place, total.a and total.a.outcome, total.b and total.b.outcome) == (
        "total",
        "wrong",
        "right",
    )
    assert (pie.place, pie.a and pie.a.outcome, pie.b) == ("items[1].name", "invented", None)
    assert [cell.place for cell in found["c"]] == ["vendor", "total"]


def test_what_both_invented_is_no_change(data: Path, task: ExtractTask) -> None:
    both = '{"vendor":"Pine","total":null,"items":[{"name":"%s","price":2}]}'
    a = stored(data, task, "a", {**RIGHT, "b": both % "pie"})
    b = stored(data, task, "b", {**RIGHT, "b": both % "jam"})
    (pair,) = [pair for pair in comparison(a, b).pairs if pair.id == "b"]
    assert pair.change == "same"
    assert [(cell.a is None, cell.b is None) for cell in changed_cells(pair)] == [
        (False, True),
        (True, False),
    ]


def test_the_verdict_needs_a_small_chance_and_knows_costs() -> None:
    def of(difference: float, p: float) -> Difference:
        return Difference(0.5, 0.5 + difference, Interval(0, 1), p)

    assert verdict("anls", of(0.1, 0.01)) == "better"
    assert verdict("anls", of(-0.1, 0.05)) == "worse"
    assert verdict("anls", of(0.1, 0.06)) == ""
    assert verdict("loop_rate", of(0.1, 0.01)) == "worse"
    assert verdict("anls", of(0.0, 0.0)) == ""


def test_tables_json_and_page(poor: Path, good: Path, tmp_path: Path) -> None:
    found = comparison(poor, good)
    shown = io.StringIO()
    for table in tables(found):
        Console(file=shown, width=80).print(table)
    text = shown.getvalue()
    assert "3 documents" in text
    assert "documents: 2 better, 0 worse, 1 the same (p 0.500)" in text
    assert "items[].name" in text
    value = comparison_value(found)
    assert value["scores"]["document_exact"]["interval_95"][1] == 1.0
    assert value["better"][0]["id"] == "c"
    assert value["settings"] == {"model": {"a": "base", "b": "tuned"}}
    page, stored_value = write_comparison(tmp_path / "cmp", found)
    assert canonical.loads(stored_value.read_bytes()) == canonical.loads(canonical.dumps(value))
    shown_page = page.read_text("utf-8")
    assert "Documents that got better: 2" in shown_page
    assert "<script" not in shown_page


def test_other_records_are_named(data: Path, task: ExtractTask, good: Path) -> None:
    lines = [value for _, value in jsonl.read_values(good / "predictions.jsonl")]
    fewer = data.parent / "fewer"
    (fewer).mkdir()
    (fewer / "report.json").write_bytes((good / "report.json").read_bytes())
    jsonl.write_all(fewer / "predictions.jsonl", [lines[0], {**lines[1], "id": "x"}])
    with pytest.raises(DataError, match=r"good alone: 'b', 'c'; in .*fewer alone: 'x'"):
        comparison(good, fewer)
    changed = [*lines[:2], {**lines[2], "gold": {**lines[2]["gold"], "total": 4}}]
    jsonl.write_all(fewer / "predictions.jsonl", changed)
    with pytest.raises(DataError, match=r"labels of these records changed in between: 'c'"):
        comparison(good, fewer)
    jsonl.write_all(fewer / "predictions.jsonl", [lines[0], lines[0]])
    with pytest.raises(DataError, match=r":2: the id 'a' stands there twice"):
        read_evaluation(fewer)
    jsonl.write_all(fewer / "predictions.jsonl", [])
    with pytest.raises(DataError, match="no documents"):
        read_evaluation(fewer)


def test_another_schema_is_refused(data: Path, task: ExtractTask, good: Path) -> None:
    other = stored(data, task, "other", RIGHT)
    report = canonical.loads((other / "report.json").read_bytes())
    report["json_schema"]["properties"]["total"]["x-normalise"] = "text"
    canonical.write_json(other / "report.json", report)
    with pytest.raises(DataError, match="different schemas"):
        comparison(good, other)


@pytest.mark.parametrize(
    ("report", "line", "complaint"),
    [
        (None, "{}", "no evaluation here"),
        ("{", "{}", "report.json: not JSON"),
        ('{"micro": 1}', "{}", "names no schema"),
        ("SAME", '{"id": "a"}', ":1: not a line of an evaluation"),
        ("SAME", "7", ":1: not a line of an evaluation"),
        ("SAME", '{"gold": {"other": 1}}', ":1: keys that the schema"),
    ],
)
def test_a_folder_that_is_no_evaluation(
    good: Path, tmp_path: Path, report: str | None, line: str, complaint: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    same = (good / "report.json").read_text()
    if report is not None:
        (folder / "report.json").write_text(same if report == "SAME" else report)
    (folder / "predictions.jsonl").write_text(line)
    with pytest.raises(DataError, match=complaint):
        read_evaluation(folder)
