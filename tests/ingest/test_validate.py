import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright.errors import DataError
from sightwright.images import encode_data_url
from sightwright.ingest.validate import Validator
from sightwright.schema import compile_schema

SCHEMA = compile_schema({"type": "object", "properties": {"total": {"type": "number"}}}, "bill")


def record(
    record_id: str = "a", answer: str = '{"total":1}', image: str = "a.png"
) -> dict[str, Any]:
    return {
        "id": record_id,
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", "image": image}, {"type": "text", "text": "Read."}],
            },
            {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        ],
    }


def write(path: Path, *lines: object) -> Path:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(text + "\n" for text in texts))
    Image.new("RGB", (4, 4)).save(path.parent / "a.png")
    return path


def complaints(*files: Path, check_images: bool = True) -> list[str]:
    validator = Validator(SCHEMA, check_images)
    found = [str(problem) for problem in validator.check(files)]
    assert len(found) == validator.num_bad
    return [problem.replace(f"{files[0].parent}/", "") for problem in found]


def test_good_records_pass(tmp_path: Path) -> None:
    url = encode_data_url(Image.new("RGB", (4, 4)))
    lines = [record("a"), record("b", "{}"), record("c", image=url), record("d", image=".\\a.png")]
    # Not fetched by this check.
    lines.append(record("e", image="https://pages.invalid/a.png"))
    assert complaints(write(tmp_path / "x.jsonl", *lines)) == []


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in record().items() if k != key}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "x.jsonl:1: not JSON: "),
        ("[]", "x.jsonl:1: a record is an object, not list"),
        ('{"id": "a", "id": "b"}', "x.jsonl:1: not JSON: the key 'id' stands twice"),
        (without("messages"), "x.jsonl:1 (a): 'messages' is a non-empty list"),
        ({**record(), "label": 1}, "x.jsonl:1 (a): unknown keys label"),
        (without("id"), "x.jsonl:1: no 'id'"),
        ({**record(), "id": 7}, "x.jsonl:1: 'id' is a string, not int"),
        (record(answer="Sure: {}"), "x.jsonl:1 (a): the answer is not JSON only: "),
        (record(answer='```json\n{"total":1}\n```'), "x.jsonl:1 (a): the answer is not JSON only"),
        (record(answer='{"total":NaN}'), "x.jsonl:1 (a): the answer is not JSON only: NaN"),
        (record(answer="[1]"), "x.jsonl:1 (a): the answer is JSON, but not an object"),
        (record(answer='{"total":"1"}'), 'x.jsonl:1 (a): the answer: total: "1" is not of types'),
        (record(answer='{"totl":1}'), "x.jsonl:1 (a): the answer: keys that the schema 'bill'"),
        (record(image="b.png"), "x.jsonl:1 (a): b.png: no such image file"),
        (record(image="."), "x.jsonl:1 (a): {here}: not an image file"),
        (record(image="data:image/png;base64,@@"), "x.jsonl:1 (a): broken base64 in a data URL"),
        (
            {**record(), "messages": record()["messages"][:1]},
            "x.jsonl:1 (a): the last message is the user's, not the assistant's answer",
        ),
        (
            {**record(), "messages": [{"role": "user", "content": "Hi"}, record()["messages"][1]]},
            "x.jsonl:1 (a): no image",
        ),
    ],
)
def test_each_breach_is_one_line_with_its_place(
    tmp_path: Path, line: object, complaint: str
) -> None:
    (found,) = complaints(write(tmp_path / "x.jsonl", line))
    assert found.startswith(complaint.replace("{here}", str(tmp_path)))
    assert "\n" not in found


def test_several_breaches_of_one_record_share_its_line(tmp_path: Path) -> None:
    (found,) = complaints(write(tmp_path / "x.jsonl", record("", "no", "b.png")))
    assert [part in found for part in ("no 'id'", "not JSON only", "no such image")] == [True] * 3


def test_ids_are_unique_across_files(tmp_path: Path) -> None:
    first = write(tmp_path / "x.jsonl", record("a"), "", record("b"))
    second = write(tmp_path / "y.jsonl", record("c"), record("b"))
    assert complaints(first, second) == ["y.jsonl:2 (b): duplicate id, first at x.jsonl:3"]


def test_a_bad_line_does_not_hide_the_next(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", "{", record("a"), record("a"), "nonsense")
    assert [problem.split(":")[1].split()[0] for problem in complaints(path)] == ["1", "3", "4"]


def test_a_file_without_records_is_bad(tmp_path: Path) -> None:
    assert complaints(write(tmp_path / "x.jsonl")) == ["x.jsonl: no records in it"]
    with pytest.raises(DataError, match="no such file"):
        complaints(tmp_path / "nowhere.jsonl")


def test_images_need_not_exist_when_told_so(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", record(image="elsewhere.png"))
    assert complaints(path, check_images=False) == []


def test_without_a_schema_any_object_will_do(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", record(answer='{"anything":1}'))
    assert list(Validator().check([path])) == []
