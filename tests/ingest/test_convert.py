import json
from pathlib import Path
from typing import Any

import pytest

from sightwright import canonical, jsonl
from sightwright.errors import DataError
from sightwright.ingest.convert import convert_file
from sightwright.record_formats import FORMATS, RecordFormat, read_record

FIXTURES = Path(__file__).parents[1] / "formats"


def record(record_id: str = "a", image: str = "a.png", **more: Any) -> dict[str, Any]:
    content = [{"type": "image", "image": image}, {"type": "text", "text": "Read."}]
    answer = [{"type": "text", "text": '{"total":34.70}'}]
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    return {"id": record_id, "messages": messages, **more}


def write(path: Path, *records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    jsonl.write_all(path, records)
    return path


@pytest.mark.parametrize("to", FORMATS)
def test_there_and_back(tmp_path: Path, to: RecordFormat) -> None:
    file = FIXTURES / "sightwright.jsonl"
    there, back = tmp_path / "far" / "x.jsonl", tmp_path / "back" / "y.jsonl"
    assert convert_file(file, there, to).num_records == 1
    report = convert_file(there, back, "sightwright")
    assert report.styles.total() == 1 and not report.dropped
    (_, value) = next(jsonl.read_values(back))
    expected = read_record(canonical.loads(file.read_bytes()))
    found = read_record(value)
    assert (found.id, [m.text for m in found.messages]) == (
        expected.id, [m.text for m in expected.messages],
    )  # fmt: skip
    for image, original in zip(found.images, expected.images, strict=True):
        assert "\\" not in image
        assert (back.parent / image).resolve() == (FIXTURES / original).resolve()


def test_paths_are_written_with_slashes_even_in_the_same_folder(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", record(image="pages\\a.png"), record("b", "data:,x"))
    convert_file(file, tmp_path / "b.jsonl", "ms-swift")
    images = [value["images"] for _, value in jsonl.read_values(tmp_path / "b.jsonl")]
    assert images == [["pages/a.png"], ["data:,x"]]


def test_meta_left_behind_is_counted_and_named(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.jsonl",
        record("a", meta={"document": "a", "pages": 2}),
        record("b", meta={"document": "b"}),
        record("c"),
    )
    assert convert_file(file, tmp_path / "b.jsonl", "openai").dropped == {"document": 2, "pages": 1}
    assert not convert_file(file, tmp_path / "c.jsonl", "sightwright").dropped
    assert (tmp_path / "c.jsonl").read_bytes() == file.read_bytes()


def test_a_json_list_is_read_and_written(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", record("a"), record("b"))
    convert_file(file, tmp_path / "b.json", "llava")
    values = json.loads((tmp_path / "b.json").read_text())
    assert [value["id"] for value in values] == ["a", "b"]
    # Numbers keep their spelling.
    assert values[0]["conversations"][1]["value"] == '{"total":34.70}'
    assert convert_file(tmp_path / "b.json", tmp_path / "c.jsonl", "sightwright").styles == {
        "llava": 2
    }
    assert (tmp_path / "c.jsonl").read_bytes() == file.read_bytes()


def test_what_a_file_holds_is_told_by_its_beginning_not_its_name(tmp_path: Path) -> None:
    lines = write(tmp_path / "lines.json", record("a"), record("b"))
    listed = tmp_path / "list.jsonl"
    values = json.dumps([record("a"), record("b")], indent=2)
    listed.write_bytes(b"\xef\xbb\xbf\r\n" + values.encode())
    for file in (lines, listed):
        assert convert_file(file, tmp_path / "out.jsonl", "sightwright").num_records == 2
        assert (tmp_path / "out.jsonl").read_bytes() == lines.read_bytes()
    # Every other verb says what to do with a list, once and not for each of its lines.
    with pytest.raises(DataError, match=r"list\.jsonl: one JSON list.*\n.*data convert"):
        list(jsonl.read_lines(listed))


@pytest.mark.parametrize("name", ["out.jsonl", "out.json"])
def test_a_record_that_the_style_cannot_say_leaves_nothing_behind(
    tmp_path: Path, name: str
) -> None:
    tagged = record("b")
    tagged["messages"][0]["content"][1]["text"] = "Say <image>."
    file = write(tmp_path / "a.jsonl", record("a"), tagged)
    (tmp_path / name).write_text("old")
    with pytest.raises(DataError) as caught:
        convert_file(file, tmp_path / name, "llava")
    assert str(caught.value) == (
        f"{file}:2 (b): the user's text holds '<image>', which llava takes for a tag\n"
        "  remedy: convert to openai or sightwright, or change the text"
    )
    assert (tmp_path / name).read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.jsonl", '{"id": "a", "messages": []}\n', r"a\.jsonl:1 \(a\): 'messages' is"),
        ("a.jsonl", "", "no records"),
        ("a.json", "[]", r"a\.json:1: a record is an object, not list"),
        ("a.json", "{}", r"a\.json:1: 'messages' is"),
        ("a.json", "[", "not JSON"),
        ("a.json", '[{"id": "b"}]', r"a\.json\[0\] \(b\): "),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=complaint):
        convert_file(tmp_path / name, tmp_path / "out.jsonl", "openai")


def test_the_file_itself_is_not_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", record())
    with pytest.raises(DataError, match="overwrite the file it reads"):
        convert_file(file, tmp_path / "a.jsonl", "openai")
    with pytest.raises(DataError, match="no such file"):
        convert_file(tmp_path / "b.json", tmp_path / "c.jsonl", "openai")


def test_records_without_an_id_are_given_one(tmp_path: Path) -> None:
    nameless = {key: value for key, value in record().items() if key != "id"}
    file = write(tmp_path / "a.jsonl", nameless, record("mine"), nameless)
    report = convert_file(file, tmp_path / "b.jsonl", "sightwright", ids="set")
    written = [value["id"] for _, value in jsonl.read_values(tmp_path / "b.jsonl")]
    assert written == ["set-000001", "mine", "set-000003"]
    assert report.num_named == 2
