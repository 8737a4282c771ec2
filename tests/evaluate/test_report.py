import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sightwright import canonical, jsonl
from sightwright.evaluate.report import report_value, score_table, write_report
from sightwright.evaluate.run import Evaluation, evaluate, read_records
from sightwright.infer.engine import Completion
from sightwright.infer.fake import FakeEngine
from sightwright.schema import compile_schema
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
    # Leaves, nulls as ours: a 3 of 4; b 0 of 4 (its vendor is nothing like Cedar); c 0 of 4.
    assert report["anls"] == pytest.approx(0.75 / 3)
    assert set(report["intervals_95"]) == {"micro_f1", "macro_f1", "document_exact", "anls"}
    assert report["loops"] == {"rate": 0.0, "reached_limit": 0, "repeats": 0, "ids": []}
    assert report["latency_seconds"]["p50"] <= report["latency_seconds"]["p95"]
    assert compile_schema(report["json_schema"], "receipt") == found.schema
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
    assert first["cells"] == [
        {"field": "vendor", "place": "vendor", "outcome": "right", "confidence": 1.0},
        {"field": "total", "place": "total", "outcome": "right", "confidence": 1.0},
        {
            "field": "items[].name",
            "place": "items[0].name",
            "outcome": "right",
            "confidence": 1.0,
        },
        {
            "field": "items[].price",
            "place": "items[0].price",
            "outcome": "wrong",
            "confidence": 1.0,
        },
    ]
    assert first["gold"]["items"] == [{"name": "tea", "price": 7.5}]


def test_cells_without_an_answer_and_without_a_confidence(
    data: Path, task: ExtractTask, tmp_path: Path
) -> None:
    class Silent(FakeEngine):
        def generate(self, *arguments: Any, **options: Any) -> list[Completion]:
            return [replace(c, logprobs=()) for c in super().generate(*arguments, **options)]

    answers = iter(['{"vendor":"Cedar","total":null,"items":[]}', "none", ANSWER])
    engine = Silent(lambda _: next(answers))
    result = evaluate(engine, read_records(data), task, root=data.parent, batch_size=1)
    write_report(tmp_path / "out", result, {})
    lines = [value for _, value in jsonl.read_values(tmp_path / "out/predictions.jsonl")]
    # The missed row has no place in the answer; neither has anything of an answer that is none.
    assert [(c["place"], c["outcome"]) for c in lines[0]["cells"]] == [
        ("vendor", "right"),
        ("total", "missed"),
    ]
    assert lines[1]["cells"] == []
    assert {cell["confidence"] for line in lines for cell in line["cells"]} == {None}


def test_loops_are_counted_and_named(data: Path, task: ExtractTask) -> None:
    repeated = '{"vendor":"' + "lala" * 40 + '","total":7,"items":[]}'
    answers = iter([ANSWER, repeated, ANSWER + " " * 200])
    engine = FakeEngine(lambda _: next(answers))
    result = evaluate(
        engine, read_records(data), task, root=data.parent, batch_size=1, max_tokens=60
    )
    loops = report_value(result, {})["loops"]
    assert loops == {"rate": 2 / 3, "reached_limit": 1, "repeats": 1, "ids": ["b", "c"]}
    assert [document.loop for document in result.documents] == [None, "repeats", "limit"]


def test_the_table_shows_every_field_and_total(found: Evaluation) -> None:
    page = io.StringIO()
    Console(file=page, width=100).print(score_table(found))
    shown = page.getvalue()
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert rows["vendor"] == ["0.333", "0.333", "0.333", "3"]
    assert rows["items[].name"] == ["0.333", "1.000", "0.500", "1"]
    assert rows["micro"][:4] == ["0.250", "0.429", "0.316", "7"]
    assert "macro" in rows
    assert "documents wholly right 0.0%" in shown
    assert "valid JSON 100.0%" in shown
    assert "cut by the output limit 0 · loop rate 0.0%" in shown
    assert "ANLS* 0.250 (95 %: 0.000 to 0.750)" in shown
