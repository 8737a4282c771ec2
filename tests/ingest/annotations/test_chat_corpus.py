import json
from pathlib import Path
from typing import Any

import pytest

from sightwright.errors import DataError
from sightwright.ingest.annotations.chat_corpus import convert_corpus
from sightwright.ingest.validate import Validator


def write(path: Path, *values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (value if isinstance(value, str) else json.dumps(value) for value in values)
    path.write_text("".join(f"{line}\n" for line in lines))


def turn(question: str, more: str, answer: Any) -> dict[str, Any]:
    return {"instruction": question, "input": more, "output": answer, "domain": ["x"]}


def test_files_are_merged_into_messages(tmp_path: Path) -> None:
    write(tmp_path / "in" / "b" / "two.jsonl", turn("Why?", "", "Because."))
    write(tmp_path / "in" / "one.jsonl", turn("How?", "In short.", " So.\n"))
    report = convert_corpus(tmp_path / "in", tmp_path / "out.jsonl")
    assert report.num_records == 2 and not report.left_out
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first["id"] == "b/two-1" and second["id"] == "one-1"
    texts = [message["content"][0]["text"] for message in second["messages"]]
    assert texts == ["How?\nIn short.", "So."]
    assert [message["role"] for message in second["messages"]] == ["user", "assistant"]
    validator = Validator(chat=True)
    assert list(validator.check([tmp_path / "out.jsonl"])) == []


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    one = turn("a", "", "b")
    write(tmp_path / "c.jsonl", one, "{", turn("", " ", "b"), turn("a", "", None), one, [1])
    report = convert_corpus(tmp_path / "c.jsonl", tmp_path / "out.jsonl")
    assert (report.num_records, report.left_out) == (1, {"unreadable": 4, "repeated": 1})
    assert [place.split(": ")[0] for place in report.places] == [
        "c.jsonl:2", "c.jsonl:3", "c.jsonl:4", "c.jsonl:5", "c.jsonl:6",
    ]  # fmt: skip


def test_the_limit(tmp_path: Path) -> None:
    write(tmp_path / "c.jsonl", *(turn(str(number), "", "x") for number in range(9)))
    assert convert_corpus(tmp_path / "c.jsonl", tmp_path / "out.jsonl", limit=4).num_records == 4


def test_a_corpus_of_nothing(tmp_path: Path) -> None:
    write(tmp_path / "c.jsonl", {"text": "x"})
    with pytest.raises(DataError, match="no line of it"):
        convert_corpus(tmp_path / "c.jsonl", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("source", ["c.jsonl", "."])
def test_the_corpus_is_not_written_over(tmp_path: Path, source: str) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text('{"instruction": "a", "output": "b"}\n')
    with pytest.raises(DataError, match="written over"):
        convert_corpus(tmp_path / source, file)
    assert "instruction" in file.read_text()
