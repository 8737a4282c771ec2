from pathlib import Path

import pytest
from PIL import Image

from sightwright import jsonl
from sightwright.errors import DataError, ImageError, RefusedError
from sightwright.evaluate.answers import (
    answer_in_batches,
    check_images,
    mark_answers,
    name_of,
    read_named,
)
from sightwright.infer.engine import Completion, Request
from sightwright.infer.fake import FakeEngine
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import read_any_record
from sightwright.records import ChatRecord, ImageRef, Message, Text, write_chat_record


def asked(name: str, image: str) -> ChatRecord:
    return ChatRecord(name, (Message("user", (ImageRef(image), Text("?"))),))


RECORDS = [asked("a", "0.png"), asked("b", "1.png"), asked("c", "2.png")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(3):
        Image.new("RGB", (40 + number, 32)).save(tmp_path / f"{number}.png")
    return tmp_path


def prompt_of(record: ChatRecord) -> tuple[Message, ...]:
    return record.messages


def test_names() -> None:
    assert name_of(RECORDS[0]) == "a"
    assert name_of(InspectionRecord("", "x.jpg", 3, 3)) == "x.jpg"
    assert name_of(InspectionRecord("i", "x.jpg", 3, 3)) == "i"


def test_batches_keep_the_order(root: Path) -> None:
    engine = FakeEngine(lambda request: str(request.images[0].width))
    batches = list(
        answer_in_batches(
            engine, RECORDS, prompt_of, root=root, batch_size=2, max_tokens=9, progress=False
        )
    )
    assert [[a.record.id for a in batch.answers] for batch in batches] == [["a", "b"], ["c"]]
    assert [a.completion.text for batch in batches for a in batch.answers] == ["40", "41", "42"]
    for batch in batches:
        assert sum(a.seconds for a in batch.answers) == pytest.approx(batch.seconds)
    assert not batches[0].answers[0].was_cut
    assert engine.requests[0].max_tokens == 9


def test_each_answer_is_marked_by_its_own_label(root: Path) -> None:
    engine = FakeEngine(lambda request: str(request.images[0].width))
    batches = answer_in_batches(
        engine, RECORDS, prompt_of, root=root, batch_size=2, max_tokens=9, progress=False
    )
    marks, seconds = mark_answers(
        batches, [40, 7, 42], lambda gold, given: (given.record.id, given.completion.text, gold)
    )
    assert marks == (("a", "40", 40), ("b", "41", 7), ("c", "42", 42))
    assert len(seconds) == 2


def test_images_are_opened_a_batch_at_a_time(root: Path) -> None:
    (root / "2.png").unlink()
    engine = FakeEngine(lambda request: "x")
    batches = answer_in_batches(
        engine, RECORDS, prompt_of, root=root, batch_size=2, max_tokens=9, progress=False
    )
    assert len(next(batches).answers) == 2
    with pytest.raises(ImageError, match="record 'c'"):
        next(batches)


def test_a_refusal_names_its_records(root: Path) -> None:
    class Refusing(FakeEngine):
        def generate(self, *args: object, **more: object) -> list[Completion]:
            raise RefusedError("too long", status=413)

    def refused(batch_size: int) -> str | None:
        batches = answer_in_batches(
            Refusing(lambda request: ""), RECORDS, prompt_of, root=root, batch_size=batch_size,
            max_tokens=9, progress=False,
        )  # fmt: skip
        with pytest.raises(DataError, match="too long") as error:
            list(batches)
        return error.value.where

    assert refused(1) == "record 'a'"
    assert refused(2) == "one of the records 'a', 'b'"


def test_a_missing_image_is_named_beforehand(root: Path) -> None:
    check_images(RECORDS, root)
    with pytest.raises(ImageError, match="no such image file") as error:
        check_images([*RECORDS, asked("d", "gone.png")], root)
    assert error.value.where == "record 'd'"


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    jsonl.write_all(path, [write_chat_record(record) for record in RECORDS])
    assert read_named(path, read_any_record) == RECORDS
    assert read_named(path, read_any_record, 2) == RECORDS[:2]
    jsonl.write_all(path, [{"messages": []}])
    with pytest.raises(DataError) as error:
        read_named(path, read_any_record)
    assert error.value.where is not None and "records.jsonl:1" in error.value.where
    path.write_text("")
    with pytest.raises(DataError, match="no records"):
        read_named(path, read_any_record)


def test_the_schema_reaches_the_engine(root: Path) -> None:
    seen: list[Request] = []
    engine = FakeEngine(lambda request: seen.append(request) or "{}")
    schema = {"type": "object", "properties": {}}
    list(
        answer_in_batches(
            engine, RECORDS[:1], prompt_of, root=root, batch_size=1, max_tokens=9,
            json_schema=schema, progress=False,
        )
    )  # fmt: skip
    assert seen[0].json_schema == schema
