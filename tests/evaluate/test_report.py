import io
from pathlib import Path

import pytest
from rich.console import Console

from sightwright import canonical, jsonl
from sightwright.evaluate.report import report_value, score_table, write_report
from sightwright.evaluate.run import Evaluation, evaluate, read_records
from sightwright.infer.fake import FakeEngine
from sightwright.tasks.extract import ExtractTask

ANSWER = '{"vendor":"Cedar","total":7.50,"items":[{"name":"tea","price":8}]}'


@pytest.fixture
def found(data: Path, task: ExtractTask) -> Evaluation:
    """Every receipt is answered alike, so the first has one wrong cell."""
    engine = FakeEngine(lambda _: ANSWER)
    return evaluate(engine, read_records(data), task, root=data.parent)


def test_the_report_says_what_was_counted(found: Evaluation) -> None:
    report = report_value(found, {"model": "fake"})
    assert report["model"] == "fake"
    assert report["documents"] == 3
    # a: 3 right, price wrong; b: vendor wrong, 3 invented; c: vendor and total wrong, 2 invented.
    micro = report["micro"]
    assert (micro["tp"], micro["fp"], micro["fn"], micro["support"]) == (3, 9, 4, 7)
    assert micro["f1"] == pytest.approx(6 / 19)
    assert report["per_field"]["items[].price"]["fp"] == 3
    assert report["document_exact"] == 0.0
    assert (report["json_valid"], report["schema_valid"], report["cut_by_limit"]) == (1.0, 1.0, 0)
    low, high = report["intervals_95"]["micro_f1"]
    assert low <= micro["f1"] <= high
    assert report["generation_seconds"] <= report["seconds"]
    assert canonical.loads(canonical.dumps(report)) == report


def test_files_are_written(found: Evaluation, tmp_path: Path) -> None:
    write_report(tmp_path / "new" / "folder", found, {"data": "x.jsonl"})
    report = canonical.loads((tmp_path / "new/folder/report.json").read_bytes())
    assert report["data"] == "x.jsonl"
    lines = [value for _, value in jsonl.read_values(tmp_path / "new/folder/predictions.jsonl")]
    assert [line["id"] for line in lines] == ["a", "b", "c"]
    first = lines[0]
    assert first["wrong"] == {"items[].price": {"fp": 1, "fn": 1}}
    assert (first["exact"], first["f1"], first["finish_reason"]) == (False, 0.75, "stop")
    assert first["text"] == ANSWER
    # Numbers stay as the model wrote them.
    assert canonical.dumps(first["answer"]) == ANSWER
    assert first["gold"]["items"] == [{"name": "tea", "price": 7.5}]


def test_the_table_shows_every_field_and_total(found: Evaluation) -> None:
    page = io.StringIO()
    Console(file=page, width=100).print(score_table(found.scores))
    shown = page.getvalue()
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert rows["vendor"] == ["0.333", "0.333", "0.333", "3"]
    assert rows["items[].name"] == ["0.333", "1.000", "0.500", "1"]
    assert rows["micro"][:4] == ["0.250", "0.429", "0.316", "7"]
    assert "macro" in rows
    assert "documents wholly right 0.0%" in shown
    assert "valid JSON 100.0%" in shown
    assert "cut by the output limit 0" in shown
