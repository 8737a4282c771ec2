import json
from pathlib import Path

from PIL import Image
from typer.testing import CliRunner

from sightwright.cli.data import app

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}


def line(record_id: str, answer: str = '{"total":1}') -> str:
    messages = [
        {"role": "user", "content": [{"type": "image", "image": "a.png"}]},
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
    ]
    return json.dumps({"id": record_id, "messages": messages}) + "\n"


def write(folder: Path, *lines: str) -> Path:
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    (folder / "bill.schema.json").write_text(json.dumps(SCHEMA))
    (folder / "all.jsonl").write_text("".join(lines))
    return folder / "all.jsonl"


def test_good_records_exit_with_0(tmp_path: Path) -> None:
    # T27.
    path = write(tmp_path, line("a"), line("b"))
    result = CliRunner().invoke(app, ["validate", str(path)])
    assert (result.exit_code, result.stdout) == (0, "OK: 2 records\n")


def test_bad_records_exit_with_2_and_are_named(tmp_path: Path) -> None:
    # T27.
    path = write(tmp_path, line("a"), line("b", "no"), line("c", '{"total":"x"}'))
    schema = str(tmp_path / "bill.schema.json")
    result = CliRunner().invoke(app, ["validate", str(path), "--schema", schema])
    assert result.exit_code == 2
    first, second, verdict = result.stdout.splitlines()
    assert first.startswith(f"{path}:2 (b): the answer is not JSON only: ")
    assert second.startswith(f"{path}:3 (c): the answer: total: ")
    assert verdict == "FAILED: 2 bad of 3 records"
    result = CliRunner().invoke(app, ["validate", str(path), "--schema", schema, "--json"])
    outcome = json.loads(result.stdout)
    assert (result.exit_code, outcome["ok"], outcome["records"], outcome["bad"]) == (2, False, 3, 2)
    assert [(p["line"], p["id"]) for p in outcome["problems"]] == [(2, "b"), (3, "c")]


def test_images_are_looked_for_unless_told_not_to(tmp_path: Path) -> None:
    path = write(tmp_path, line("a"))
    (tmp_path / "a.png").unlink()
    assert CliRunner().invoke(app, ["validate", str(path)]).exit_code == 2
    assert CliRunner().invoke(app, ["validate", str(path), "--no-images"]).exit_code == 0


def test_split_then_validate(tmp_path: Path) -> None:
    path = write(tmp_path, *(line(f"d{number}") for number in range(10)))
    out = tmp_path / "splits"
    result = CliRunner().invoke(app, ["split", str(path), "--out", str(out)])
    assert result.stdout.splitlines() == [
        f"{out}/train.jsonl: 8 records of 8 documents",
        f"{out}/val.jsonl: 1 record of 1 document",
        f"{out}/test.jsonl: 1 record of 1 document",
    ]
    files = [str(out / f"{side}.jsonl") for side in ("train", "val", "test")]
    assert CliRunner().invoke(app, ["validate", *files]).exit_code == 0


def test_split_says_its_numbers_as_json(tmp_path: Path) -> None:
    path = write(tmp_path, *(line(f"d{number}") for number in range(10)))
    command = ["split", str(path), "--out", str(tmp_path / "splits"), "--json"]
    outcome = json.loads(CliRunner().invoke(app, [*command, "--val", "0.2", "--test", "0"]).stdout)
    assert outcome["records"] == {"train": 8, "val": 2, "test": 0}


def photograph(record_id: str, **changes: object) -> str:
    value = {"id": record_id, "images": ["a.png"], "width": 4, "height": 4}
    objects = [{"desc": "screw", "bbox_2d": [0, 0, 3, 3]}]
    return json.dumps({**value, "objects": objects, **changes}) + "\n"


def test_kinds_of_records_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, photograph("a"), photograph("b"), line("c"))
    result = CliRunner().invoke(app, ["validate", str(path)])
    assert (result.exit_code, result.stdout) == (0, "OK: 3 records: 2 dense, 1 chat\n")
    path = write(tmp_path, photograph("a"), photograph("b", width=5))
    result = CliRunner().invoke(app, ["validate", str(path)])
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        f"{path}:2 (b): {tmp_path}/a.png is 4x4 pixels, and the record says 5x4",
        "FAILED: 1 bad of 2 records: 2 dense",
    ]
    outcome = json.loads(CliRunner().invoke(app, ["validate", str(path), "--json"]).stdout)
    assert outcome["kinds"] == {"dense": 2}
    assert CliRunner().invoke(app, ["validate", str(path), "--no-images"]).exit_code == 0


def test_chat_may_be_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, line("a", "Hello"))
    assert CliRunner().invoke(app, ["validate", str(path)]).exit_code == 2
    assert CliRunner().invoke(app, ["validate", str(path), "--chat"]).exit_code == 0
