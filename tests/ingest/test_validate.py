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


# Photographs


def photograph(record_id: str = "p", **changes: object) -> dict[str, Any]:
    value = {"id": record_id, "images": ["a.png"], "width": 4, "height": 4}
    objects = [{"desc": "类别=标签,文本=5G", "bbox_2d": [0, 0, 3, 3]}]
    return {**value, "objects": objects, **changes}


CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


@pytest.mark.parametrize("closely", [False, True])
def test_kinds_are_told_apart_and_counted(tmp_path: Path, closely: bool) -> None:
    summary = {"images": ["a.png"], "width": 4, "height": 4, "summary": "无关图片"}
    nameless = {key: held for key, held in photograph().items() if key != "id"}
    lines = [photograph("a"), nameless, nameless, summary, CHAT, record("c"), "{"]
    validator = Validator(closely=closely)
    (problem,) = validator.check([write(tmp_path / "x.jsonl", *lines)])
    assert problem.line == 7
    assert validator.kinds == {"dense": 3, "summary": 1, "chat": 2, "unreadable": 1}
    assert validator.num_records == 7


@pytest.mark.parametrize("closely", [False, True])
@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (photograph(width=5), "x.jsonl:1 (p): a.png is 4x4 pixels, and the record says 5x4"),
        (photograph(images=["b.png"]), "x.jsonl:1 (p): b.png: no such image file"),
        (photograph(images=["a.png", "a.png"]), "x.jsonl:1 (p): 'images' holds 2 images; a record"),
        (photograph(objects=[]), "x.jsonl:1 (p): 'objects' is a list; it may be empty"),
        (photograph(groups={}), "x.jsonl:1 (p): 'groups' has no place in a record"),
        (
            photograph(objects=[{"desc": "a, b", "bbox_2d": [0, 0, 3, 3]}]),
            "x.jsonl:1 (p): object 1: 'desc' has a space after a comma: 'a, b'",
        ),
        (
            photograph(objects=[{"desc": "a", "bbox_2d": [0, 0, 3, 9]}]),
            "x.jsonl:1 (p): object 1: (3, 9) and 1 more outside the image of 4x4",
        ),
        (
            photograph(summary='{"dataset":"RRU","objects_total":1}'),
            "x.jsonl:1 (p): the summary: ",
        ),
    ],
)
def test_each_breach_of_a_photograph_is_one_line(
    tmp_path: Path, line: dict[str, Any], complaint: str, closely: bool
) -> None:
    path = write(tmp_path / "x.jsonl", line)
    (found,) = Validator(closely=closely).check([path])
    assert str(found).replace(f"{tmp_path}/", "").startswith(complaint)
    assert "\n" not in str(found)


def test_ids_are_unique_across_kinds_too(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", photograph("a"), record("a"), photograph("a"))
    assert [text.split(": ", 1)[1] for text in complaints(path)] == [
        f"duplicate id, first at {path.name}:1"
    ] * 2


def test_conversations_beside_photographs_are_chat(tmp_path: Path) -> None:
    first = write(tmp_path / "x.jsonl", photograph("a"), CHAT)
    assert complaints(first) == []
    # In a file that begins with one, they are extraction's, unless they are said to be chat.
    second = write(tmp_path / "y.jsonl", CHAT, photograph("b"))
    (found,) = complaints(second)
    assert "no 'id'" in found and "not JSON only" in found and "no image" in found
    assert list(Validator(chat=True).check([second])) == []
    # What stands in one file says nothing of the next.
    assert len(list(Validator().check([first, second]))) == 1


def test_chat_still_has_an_answer_and_its_images(tmp_path: Path) -> None:
    asked = {"messages": CHAT["messages"][:1]}
    lost = record("c", "yes", "none.png")
    path = write(tmp_path / "x.jsonl", photograph("a"), asked, lost, lost)
    found = complaints(path)
    assert found[0] == "x.jsonl:2: the last message is the user's, not the assistant's answer"
    assert found[1] == "x.jsonl:3 (c): none.png: no such image file"
    assert "duplicate id" in found[2] and len(found) == 3
