import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sightwright import canonical, jsonl
from sightwright.config.sections.training import GENERATED_METRICS
from sightwright.errors import DataError, ImageError
from sightwright.evaluate.inspection import (
    DenseMarked,
    InspectionEvaluation,
    check_records,
    evaluate,
    read_records,
)
from sightwright.geometry import Box, Line
from sightwright.infer.engine import Completion
from sightwright.infer.fake import FakeEngine
from sightwright.inspection_records import (
    DenseObject,
    InspectionRecord,
    write_inspection_record,
)
from sightwright.metrics.geometry import Found
from sightwright.record_formats import Record
from sightwright.records import ChatRecord, ImageRef, Message, Text, write_chat_record
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.prompts import Prompt
from sightwright.tasks.summary import SummaryTask
from sightwright.tasks.verdict import VerdictTask

DENSE = DenseTask(Prompt("Look.", "List all."))
SUMMARY = SummaryTask(Prompt(None, "Sum up."), "bbu")
SUMMARY_TEXT = '{"dataset": "BBU", "objects_total": 1, "统计": [{"类别": "标签"}]}'
# Each photograph has a width of its own, by which the engine tells them apart.
PHOTOGRAPHS = (
    InspectionRecord(
        "a", "a.png", 64, 50, (DenseObject("类别=标签", Box(0, 0, 32, 25)),), SUMMARY_TEXT
    ),
    InspectionRecord(
        "b",
        "b.png",
        65,
        50,
        (
            DenseObject("类别=电线", Line(((0, 0), (65, 50)))),
            DenseObject("类别=标签", Box(13, 10, 26, 20)),
        ),
        "无关图片",
    ),
)


def group(name: str, verdict: str) -> ChatRecord:
    asked = Message("user", (ImageRef(f"{name}.png"), Text("Judge.")))
    return ChatRecord(name, (asked, Message("assistant", (Text(verdict),))))


PASSES, FAILS = "Verdict: 通过\nReason: 合格", "Verdict: 不通过\nReason: 缺标签"
GROUPS = (group("a", PASSES), group("b", FAILS))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for record in PHOTOGRAPHS:
        Image.new("RGB", (record.width, record.height)).save(tmp_path / record.image)
    return tmp_path


def answering(answers: Mapping[int, str]) -> FakeEngine:
    return FakeEngine(lambda request: answers[request.images[0].width])


def dense(answers: Mapping[int, str], root: Path, **more: int) -> InspectionEvaluation:
    return evaluate(
        answering(answers), PHOTOGRAPHS, DENSE, root=root, with_coco=True, progress=False, **more
    )


TARGETS = {record.width: DENSE.target(record) for record in PHOTOGRAPHS}


def test_perfect_objects(root: Path) -> None:
    found = dense(TARGETS, root, batch_size=1)
    assert [result.id for result in found.results] == ["a", "b"]
    assert all(result.mark.exact for result in found.results)
    assert len(found.batch_seconds) == 2
    assert found.loop_rate == 0
    metrics = found.metrics()
    assert tuple(metrics) == (
        "object_f1", "object_f1_75", "object_f1_mean", "class_accuracy", "count_error",
        "answer_valid", "bbox_f1", "line_f1",
    )  # fmt: skip
    assert metrics["object_f1_mean"] == metrics["class_accuracy"] == 1.0
    assert found.coco is not None
    # The fake engine is sure of all; the line is no region.
    assert (found.coco.ap, found.coco.lines) == (1.0, 2)


def test_what_is_asked(root: Path) -> None:
    engine = answering(TARGETS)
    evaluate(engine, PHOTOGRAPHS, DENSE, root=root, max_tokens=99, progress=False)
    first = engine.requests[0]
    assert first.messages == DENSE.messages(["a.png"])
    assert (first.max_tokens, first.json_schema) == (99, None)


def test_wrong_cut_and_unreadable_answers(root: Path) -> None:
    half = canonical.dumps(
        {"object_1": {"desc": "类别=标签", "bbox_2d": [0, 0, 500, 500]}}, "spaced"
    )
    found = dense({64: half, 65: "no JSON"}, root)
    assert [result.mark.exact for result in found.results] == [True, False]
    assert found.metrics()["answer_valid"] == 0.5
    cut = dense(TARGETS, root, max_tokens=20)
    second = cut.results[1]
    assert (second.was_cut, second.loop) == (True, "limit")
    assert isinstance(second.marked, DenseMarked)
    assert second.marked.mark.all_place == Found(2, 0)
    assert cut.metrics()["class_accuracy"] == 1.0
    nothing = dense(dict.fromkeys(TARGETS, "{}"), root)
    assert nothing.metrics()["class_accuracy"] == 0.0


def test_an_engine_that_tells_no_probabilities_gives_no_average_precision(root: Path) -> None:
    class Silent(FakeEngine):
        def generate(self, *args: object, **more: object) -> list[Completion]:
            completions = super().generate(*args, **more)  # type: ignore[arg-type]
            return [replace(each, tokens=(), logprobs=()) for each in completions]

    engine = Silent(lambda request: TARGETS[request.images[0].width])
    found = evaluate(engine, PHOTOGRAPHS, DENSE, root=root, with_coco=True, progress=False)
    assert found.coco is None
    assert found.metrics()["object_f1"] == 1.0


def test_summaries(root: Path) -> None:
    answers = {64: SUMMARY_TEXT, 65: SUMMARY_TEXT}
    found = evaluate(answering(answers), PHOTOGRAPHS, SUMMARY, root=root, progress=False)
    assert [result.mark.exact for result in found.results] == [True, False]
    metrics = found.metrics()
    assert set(metrics) <= set(GENERATED_METRICS["summary"])
    assert (metrics["fact_f1"], metrics["summary_exact"]) == (1.0, 0.5)
    assert found.coco is None


def test_verdicts(root: Path) -> None:
    engine = answering({64: PASSES, 65: PASSES})
    found = evaluate(engine, GROUPS, VerdictTask(), root=root, progress=False)
    assert found.metrics() == {
        "verdict_accuracy": 0.5,
        "false_pass_rate": 1.0,
        "false_fail_rate": 0.0,
    }
    assert tuple(found.metrics()) == GENERATED_METRICS["verdict"]


@pytest.mark.parametrize(
    ("task", "records", "why"),
    [
        (DENSE, GROUPS, "a conversation, where a photograph"),
        (SUMMARY, GROUPS, "a conversation, where a photograph"),
        (VerdictTask(), PHOTOGRAPHS, "where a conversation about a group"),
    ],
)
def test_records_of_the_other_kind(
    task: DenseTask, records: tuple[Record, ...], why: str, root: Path
) -> None:
    with pytest.raises(DataError, match=why) as error:
        check_records(records, task, root)
    assert error.value.where == "record 'a'"


def test_faults_are_found_before_anything_is_asked(root: Path) -> None:
    engine = answering(TARGETS)
    bad = replace(PHOTOGRAPHS[1], width=66)
    with pytest.raises(DataError, match="says 66x50, the image is 65x50") as error:
        evaluate(engine, [PHOTOGRAPHS[0], bad], DENSE, root=root, progress=False)
    assert error.value.where == "record 'b'"
    gone = replace(PHOTOGRAPHS[1], image="gone.png")
    with pytest.raises(ImageError, match="no such image file"):
        evaluate(engine, [PHOTOGRAPHS[0], gone], DENSE, root=root, progress=False)
    outside = replace(PHOTOGRAPHS[1], objects=(DenseObject("x", Box(0, 0, 99, 9)),))
    with pytest.raises(DataError, match="object 1"):
        evaluate(engine, [outside], DENSE, root=root, progress=False)
    with pytest.raises(DataError, match="no records"):
        evaluate(engine, [], DENSE, root=root)
    assert engine.requests == []


def test_records_of_both_kinds_are_read(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    written = [write_inspection_record(each) for each in PHOTOGRAPHS]
    jsonl.write_all(path, [*written, write_chat_record(group("c", PASSES))])
    assert read_records(path, 1) == [PHOTOGRAPHS[0]]
    assert [type(each) for each in read_records(path)] == [
        InspectionRecord,
        InspectionRecord,
        ChatRecord,
    ]
    jsonl.write_all(path, [written[0], written[0]])
    with pytest.raises(DataError, match="'a' stands at"):
        read_records(path)
    nameless = write_chat_record(group("", PASSES))
    jsonl.write_all(path, [nameless])
    with pytest.raises(DataError, match="needs an 'id'"):
        read_records(path)


def test_scores_are_ranked_by_how_sure_the_model_was(root: Path) -> None:
    class Unsure(FakeEngine):
        def generate(self, *args: object, **more: object) -> list[Completion]:
            completions = super().generate(*args, **more)  # type: ignore[arg-type]
            return [
                replace(each, logprobs=(math.log(0.5),) * len(each.tokens)) for each in completions
            ]

    engine = Unsure(lambda request: TARGETS[request.images[0].width])
    found = evaluate(engine, PHOTOGRAPHS, DENSE, root=root, progress=False)
    for result in found.results:
        assert isinstance(result.marked, DenseMarked)
        assert result.marked.surety == pytest.approx([0.5] * len(result.marked.parsed.objects))


def test_irrelevant_pictures_alone_have_no_facts_to_score(root: Path) -> None:
    irrelevant = [replace(each, summary="无关图片") for each in PHOTOGRAPHS]
    engine = answering({64: "无关图片", 65: "{}"})
    found = evaluate(engine, irrelevant, SUMMARY, root=root, progress=False)
    assert found.metrics() == {"summary_exact": 0.5}


def test_a_record_of_a_summary_alone_is_not_asked_for_its_objects(root: Path) -> None:
    bare = replace(PHOTOGRAPHS[0], objects=())
    with pytest.raises(DataError, match="no objects, which task") as error:
        check_records([bare], DENSE, root)
    assert error.value.where == "record 'a'"


def test_another_question_may_be_asked(root: Path) -> None:
    engine = answering(TARGETS)
    asked = (Message("user", (ImageRef("a.png"), Text("Otherwise?"))),)
    evaluate(
        engine, PHOTOGRAPHS[:1], DENSE, root=root, progress=False, prompt_of=lambda record: asked
    )
    assert engine.requests[0].messages == asked


def test_labels_without_facts_are_no_perfect_score_for_no_answer(root: Path) -> None:
    # The two labels state no fact: 统计 names a category alone.
    records = [replace(each, summary=SUMMARY_TEXT) for each in PHOTOGRAPHS]
    engine = answering({64: SUMMARY_TEXT, 65: "I cannot say."})
    found = evaluate(engine, records, SUMMARY, root=root, progress=False)
    assert found.metrics()["fact_f1"] == 0.5
