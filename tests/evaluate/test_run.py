from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sightwright.errors import DataError, ImageError, RefusedError, SchemaError
from sightwright.evaluate.run import evaluate, read_records
from sightwright.infer.engine import Completion, Request
from sightwright.infer.fake import FakeEngine
from sightwright.records import ImageRef, Message, Text
from sightwright.tasks.extract import ExtractTask

from .conftest import LABELS


def answering(task: ExtractTask, **answers: str) -> FakeEngine:
    """Answers by the width of the page; with the label where no answer is given."""
    by_width = {
        64 + number: answers.get(name, task.target(label))
        for number, (name, label) in enumerate(LABELS.items())
    }
    return FakeEngine(lambda request: by_width[request.images[0].width])


def test_perfect_answers(data: Path, task: ExtractTask) -> None:
    engine = answering(task)
    found = evaluate(engine, read_records(data), task, root=data.parent, batch_size=2)
    assert found.scores.micro.f1 == found.scores.document_exact == found.scores.json_valid == 1.0
    assert [document.id for document in found.documents] == ["a", "b", "c"]
    assert [document.answer for document in found.documents] == list(LABELS.values())
    assert len(found.batch_seconds) == 2
    shares = sum(document.seconds for document in found.documents)
    assert shares == pytest.approx(sum(found.batch_seconds))
    assert shares <= found.seconds


def test_what_is_asked(data: Path, task: ExtractTask) -> None:
    engine = answering(task)
    asked = replace(task, order="instruction_first", prompt="not the records' own")
    evaluate(engine, read_records(data), asked, root=data.parent, max_tokens=99)
    assert engine.schemas == [task.schema.json_schema]
    assert len(engine.requests) == 3
    first = engine.requests[0]
    assert first.messages == (Message("user", (Text("Read it."), ImageRef("a.png"))),)
    assert first.images[0].size == (64, 32)
    assert (first.max_tokens, first.temperature) == (99, 0.0)
    assert first.json_schema == task.schema.json_schema


def test_an_unconstrained_engine_is_given_no_schema(data: Path, task: ExtractTask) -> None:
    engine = answering(task)
    evaluate(engine, read_records(data), task, root=data.parent, constrained=False)
    assert engine.schemas == []
    assert {request.json_schema is None for request in engine.requests} == {True}


def test_wrong_invalid_and_cut_answers_are_counted(data: Path, task: ExtractTask) -> None:
    swapped = '{"vendor":"Pine","total":2,"items":[]}'
    engine = answering(task, a="I see a receipt.", b=swapped, c=task.target(LABELS["c"]) + " " * 60)
    found = evaluate(engine, read_records(data), task, root=data.parent, max_tokens=12)
    a, b, c = found.documents
    assert (a.answer, a.mark.valid_json, a.mark.total.fn) == (None, False, 4)
    assert a.error is not None and a.error.startswith("not JSON")
    assert (b.answer, b.mark.exact, b.mark.counts["total"].fp) == (
        {"vendor": "Pine", "total": 2, "items": []},
        False,
        1,
    )
    # Whole and right, but the model went on: a server would answer with an error.
    assert (c.finish_reason, c.mark.cut, c.mark.valid_json, c.answer) == (
        "length",
        True,
        True,
        None,
    )
    assert found.scores.cut == 1
    assert found.scores.json_valid == pytest.approx(2 / 3)
    assert found.scores.schema_valid == pytest.approx(1 / 3)
    # 1 cell right (Pine); 4 + 2 missed, 1 invented.
    assert found.scores.micro.f1 == pytest.approx(2 / (2 + 6 + 1))


def test_faults_of_records_come_before_any_answer(data: Path, task: ExtractTask) -> None:
    engine = answering(task)
    records = read_records(data)
    broken = replace(
        records[2], messages=(*records[2].messages[:-1], Message("assistant", (Text("{"),)))
    )
    with pytest.raises(DataError, match="record 'c'"):
        evaluate(engine, [*records[:2], broken], task, root=data.parent)
    (data.parent / "c.png").unlink()
    with pytest.raises(ImageError, match=r"record 'c'.*no such image file"):
        evaluate(engine, records, task, root=data.parent)
    assert engine.requests == []


def test_a_broken_image_is_named(data: Path, task: ExtractTask) -> None:
    (data.parent / "b.png").write_bytes(b"not a picture")
    with pytest.raises(ImageError, match="record 'b'"):
        evaluate(answering(task), read_records(data), task, root=data.parent)


def test_a_schema_that_the_engine_refuses(data: Path, task: ExtractTask) -> None:
    class Strict(FakeEngine):
        def check_schema(self, json_schema: object) -> None:
            raise SchemaError("too hard")

    with pytest.raises(SchemaError, match="too hard"):
        evaluate(Strict(lambda _: ""), read_records(data), task, root=data.parent)


def test_a_prompt_that_the_model_cannot_hold_names_its_records(
    data: Path, task: ExtractTask
) -> None:
    class Small(FakeEngine):
        def generate(self, requests: Sequence[Request]) -> list[Completion]:
            raise RefusedError("900 prompt tokens", status=413)

    with pytest.raises(DataError, match="one of the records 'a', 'b': 900"):
        evaluate(Small(lambda _: ""), read_records(data), task, root=data.parent, batch_size=2)


def test_no_records_is_an_error(tmp_path: Path, task: ExtractTask) -> None:
    with pytest.raises(DataError, match="no records"):
        evaluate(answering(task), [], task, root=tmp_path)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="no records"):
        read_records(tmp_path / "empty.jsonl")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('{"messages":[{"role":"user","content":"x"}]}', ":1: .*'id'"),
        ('{"id":"a","messages":[{"role":"user","content":"x"}]}\n' * 2, ":2: .*'a'.*:1"),
        ('{"id":"a"}', ":1: .*messages"),
        ("{", ":1: not JSON"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, lines: str, complaint: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(lines)
    with pytest.raises(DataError, match=complaint):
        read_records(path)


def test_the_first_records_alone(data: Path) -> None:
    assert [record.id for record in read_records(data, max_records=2)] == ["a", "b"]
