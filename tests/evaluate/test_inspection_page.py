"""The files of an inspection: what they say, and that nobody's data can act in the page."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright import images
from sightwright.evaluate.inspection import InspectionEvaluation, evaluate
from sightwright.evaluate.inspection_page import worst_first, write_page
from sightwright.evaluate.inspection_report import write_report
from sightwright.geometry import Box, Line
from sightwright.infer.engine import Request
from sightwright.infer.fake import FakeEngine
from sightwright.inspection_records import DenseObject, InspectionRecord
from sightwright.record_formats import Record
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.inspection import InspectionTask
from sightwright.tasks.prompts import Prompt
from sightwright.tasks.summary import SummaryTask
from sightwright.tasks.verdict import VerdictTask

from .test_page import Page

HOSTILE = "<script>alert(1)</script></table>&amp;\" onload='x'"
DENSE = DenseTask(Prompt(None, "List."), norm="none")
SUMMARY = SummaryTask(Prompt(None, "Sum up."), "bbu")
LABEL, WIRE = "类别=标签,文本=5G", "类别=电线"
SUMMED = (
    '{"dataset": "BBU", "objects_total": 2, '
    '"统计": [{"类别": "标签", "文本": {"5G": 1}}, {"类别": "电线"}]}'
)
OBJECTS = (
    DenseObject(LABEL, Box(2, 2, 22, 22)),
    DenseObject(WIRE, Line(((0, 40), (60, 40)))),
)


def dense_text(*objects: dict[str, Any]) -> str:
    return json.dumps({f"object_{i}": each for i, each in enumerate(objects, start=1)})


RIGHT = DENSE.target(InspectionRecord("", "a.png", 64, 48, OBJECTS))


def written(
    folder: Path,
    task: InspectionTask,
    answers: dict[str, str],
    *,
    max_records: int = 50,
    max_tokens: int = 500,
    **about: Any,
) -> tuple[Page, dict[str, Any], list[dict[str, Any]], InspectionEvaluation]:
    """The page, the report and the predictions of records with these ids and answers."""
    records: list[Record] = []
    for number, name in enumerate(answers):
        Image.new("RGB", (64 + number, 48), "grey").save(folder / f"{number}.png")
        records.append(_record(task, name, f"{number}.png", 64 + number))

    def answer(request: Request) -> str:
        return list(answers.values())[request.images[0].width - 64]

    engine = FakeEngine(answer)
    found = evaluate(engine, records, task, root=folder, max_tokens=max_tokens, progress=False)
    report, predictions = write_report(folder / "out", found, about)
    path = folder / "out" / "report.html"
    write_page(path, found, folder, about, max_records=max_records)
    page = Page(path)
    assert page.open == []
    lines = predictions.read_text("utf-8").splitlines()
    return page, json.loads(report.read_text("utf-8")), list(map(json.loads, lines)), found


def _record(task: InspectionTask, name: str, image: str, width: int) -> Record:
    if isinstance(task, VerdictTask):
        question = Message("user", (ImageRef(image), ImageRef(image), Text("Judge.")))
        answer = "Verdict: 不通过\nReason: 缺标签"
        return ChatRecord(name, (question, Message("assistant", (Text(answer),))))
    return InspectionRecord(name, image, width, 48, OBJECTS, SUMMED)


def test_the_page_of_objects(tmp_path: Path) -> None:
    answers = {
        "right": RIGHT,
        "other": dense_text(
            {"desc": "类别=标签,文本=4G", "bbox_2d": [2, 2, 22, 22]},
            {"desc": "类别=螺丝", "bbox_2d": [30, 2, 40, 22]},
            {"desc": "类别=螺丝", "bbox_2d": [30, 2, 400, 22]},
        ),
        "none": "sorry",
    }
    page, report, predictions, found = written(tmp_path, DENSE, answers, model="Qwen", note=None)
    assert [result.id for result in worst_first(found.results)] == ["none", "other"]
    text = page.text
    assert "Inspection of 3 images: dense" in text
    assert "model Qwen" in text and "note" not in text
    # Three hits of six wanted and five answered.
    assert "F1 at 0.5 54.5 %" in text
    assert "2 of 3 images, the worst first." in text
    assert "0 right, 1 in place and described otherwise, 1 missed, 1 invented" in text
    assert "✗ not JSON" in text
    # The third screw of the other answer reaches off its image.
    assert "Not read : 1 × " in text and "1 × the answer: not JSON" in text
    # Label and answer of two records, drawn.
    assert len(page.pictures) == 4
    first, second = (images.open_image(url) for url in page.pictures[2:])
    assert first.size == second.size and min(first.size) >= 300
    assert first.tobytes() != second.tobytes()
    assert report["task"] == "dense" and report["place"]["all"]["in_labels"] == 6
    assert report["per_class"]["螺丝"]["fp"] == 1
    by_id = {line["id"]: line for line in predictions}
    assert by_id["right"]["exact"] and by_id["right"]["answer"][0]["bbox_2d"] == [2, 2, 22, 22]
    assert by_id["other"]["pairs"][0]["attributes_right"] == 0
    assert by_id["none"]["error"] == "not JSON" and by_id["none"]["answer"] == []


def test_the_page_of_summaries(tmp_path: Path) -> None:
    answers = {
        "right": SUMMED,
        "other": SUMMED.replace("5G", "4G").replace('total": 2', 'total": 3'),
        "none": "无关图片",
    }
    page, report, predictions, _ = written(tmp_path, SUMMARY, answers, model="Qwen")
    text = page.text
    assert "Inspection of 3 pictures: summary" in text
    assert "fact F1 40.0 %" in text
    assert "objects_total 2 3" in text
    assert "− 标签 · 文本 · 5G 1 –" in text and "+ 标签 · 文本 · 4G – 1" in text
    assert "✓ form" in text and "✗ total" in text
    assert "✗ called an irrelevant picture" in text
    assert len(page.pictures) == 2
    assert report["facts"] == {
        "precision": 0.5, "recall": 1 / 3, "f1": 0.4, "tp": 1, "fp": 1, "fn": 2
    }  # fmt: skip
    by_id = {line["id"]: line for line in predictions}
    assert by_id["none"]["answer"] == "无关图片"
    assert by_id["other"]["differences"] == [
        {"fact": ["统计", "标签", "文本", "4G"], "gold": 0, "answer": 1},
        {"fact": ["统计", "标签", "文本", "5G"], "gold": 1, "answer": 0},
    ]


def test_the_page_of_verdicts(tmp_path: Path) -> None:
    answers = {
        "right": "Verdict: 不通过\nReason: 别的",
        "passed": "Verdict: 通过\nReason: 好",
        "third": "Verdict: 需复核\nReason: 好",
    }
    page, report, predictions, _ = written(tmp_path, VerdictTask(), answers)
    text = page.text
    assert "Inspection of 3 groups: verdict" in text
    assert "accuracy 33.3 %" in text and "2 of 3 failing groups" in text
    assert "false fail –" in text
    assert "1. passed false pass" in text
    assert "2. third no verdict: a false pass" in text
    # Two photographs of each group.
    assert len(page.pictures) == 4
    assert report["false_pass"] == {"value": pytest.approx(2 / 3), "count": 2, "of": 3}
    assert [line["exact"] for line in predictions] == [True, False, False]
    assert predictions[0]["answer"] == {"verdict": "不通过", "reason": "别的"}
    assert predictions[2]["answer"] is None and predictions[2]["false_pass"]


def test_a_perfect_evaluation_shows_no_records(tmp_path: Path) -> None:
    page, _, _, _ = written(tmp_path, DENSE, {"a": RIGHT})
    assert "Every image is wholly right." in page.text and page.pictures == []


def test_records_over_the_limit_are_counted(tmp_path: Path) -> None:
    page, _, _, _ = written(tmp_path, DENSE, dict.fromkeys("abc", "{}"), max_records=1)
    assert "1 of them is shown below; the other 2 stand in predictions.jsonl" in page.text
    assert len(page.pictures) == 2


def test_a_cut_answer_is_said_to_be_cut(tmp_path: Path) -> None:
    page, report, predictions, _ = written(tmp_path, DENSE, {"a": RIGHT}, max_tokens=3)
    assert "✂ cut by the output limit" in page.text
    assert report["cut_by_limit"] == 1 and report["loops"]["reached_limit"] == 1
    assert predictions[0]["finish_reason"] == "length"


@pytest.mark.parametrize("task", [DENSE, SUMMARY, VerdictTask()])
def test_text_of_answers_cannot_act(tmp_path: Path, task: InspectionTask) -> None:
    answers = {
        HOSTILE: dense_text(
            {"desc": HOSTILE, "bbox_2d": [2, 2, 22, 22]}, {"desc": "x", HOSTILE: [1]}
        ),
        "json": json.dumps(
            {HOSTILE: [HOSTILE], "统计": [{"类别": HOSTILE, HOSTILE: {HOSTILE: 1}}]}
        ),
        "raw": f"Verdict: 通过\nReason: {HOSTILE}\u202e",
    }
    page, _, _, _ = written(tmp_path, task, answers, model=HOSTILE)
    assert page.tags["script"] == 0
    assert not any(name.startswith("on") for name in page.attributes)
    assert page.text.count(HOSTILE[:20]) >= 4
    assert "\u202e" not in page.text


def test_a_picture_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    _, _, _, found = written(tmp_path, DENSE, {"a": "{}"})
    (tmp_path / "0.png").unlink()
    write_page(tmp_path / "again.html", found, tmp_path, {})
    page = Page(tmp_path / "again.html")
    assert page.pictures == [] and page.text.count("The picture cannot be shown") == 2
