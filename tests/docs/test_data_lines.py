"""The example lines of the data documents hold the contract, and their answers are what training
makes of them."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from sightwright import canonical
from sightwright.ingest.validate import Validator
from sightwright.inspection_records import InspectionRecord, is_inspection, read_inspection_record
from sightwright.tasks.dense import render_group
from sightwright.tasks.inspection import Asking, default_prompt, photograph_task
from sightwright.tasks.summaries import build_summary, summary_text

DOCS = Path(__file__).parents[2] / "docs"
CONTRACT = DOCS / "data" / "DATA_JSONL_CONTRACT.md"
HEADER = "<DOMAIN={domain}>, <TASK={task}>"

_LINES = re.compile(r"^```jsonl\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANSWER = re.compile(r"^<!-- answer: (.*?) -->\n```text\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def lines_of(page: Path) -> list[str]:
    return [line for block in _LINES.findall(page.read_text()) for line in block.splitlines()]


def write_images(folder: Path, lines: list[str]) -> None:
    for line in lines:
        value = json.loads(line)
        for image in re.findall(r"[./\w-]+\.jpg", line):
            (folder / image).parent.mkdir(parents=True, exist_ok=True)
            size = (value.get("width", 8), value.get("height", 8))
            Image.new("L", size).save(folder / image)


@pytest.mark.parametrize("page", [DOCS / "DATA_FORMATS.md", CONTRACT], ids=lambda page: page.stem)
def test_every_line_holds_the_contract(page: Path, tmp_path: Path) -> None:
    lines = lines_of(page)
    folder = tmp_path / "data"
    folder.mkdir()
    write_images(folder, lines)
    (folder / "x.jsonl").write_text("\n".join(lines))
    for closely in (False, True):
        validator = Validator(closely=closely)
        assert list(validator.check([folder / "x.jsonl"])) == []
        assert validator.num_records == len(lines) > 4
        assert set(validator.kinds) == {"dense", "summary", "chat"}


@pytest.mark.parametrize("page", [DOCS / "DATA_FORMATS.md", CONTRACT], ids=lambda page: page.stem)
def test_every_image_has_one_line(page: Path) -> None:
    images = [image for line in lines_of(page) for image in re.findall(r"[\w-]+\.jpg", line)]
    assert len(images) == len(set(images))


def records() -> dict[str, InspectionRecord]:
    values = [json.loads(line) for line in lines_of(CONTRACT)]
    found = [read_inspection_record(value) for value in values if is_inspection(value)]
    return {record.id: record for record in found}


def test_the_answers_are_what_training_makes() -> None:
    known = records()
    summaries = iter([known["mast-3"], known["paper"]])
    shown = _ANSWER.findall(CONTRACT.read_text())
    assert len(shown) == 7
    for kind, text in shown:
        match kind.split():
            case ["summary"]:
                asking = Asking(HEADER)
                task = photograph_task("summary", default_prompt("summary", asking), asking)
                assert text == task.target(next(summaries))
            case ["group"]:
                assert text == render_group([known["cab-7"]], "dense")
            case ["dense", *words]:
                assert text == dense(known["cab-7"], words), kind
            case _:
                raise AssertionError(kind)
    assert next(summaries, None) is None


def dense(record: InspectionRecord, words: list[str]) -> str:
    """What training makes of a record; with a key, one object of it."""
    is_bbu = words == ["bbu"]
    norm = words[0] if words and not is_bbu else "norm1000"
    assert norm in ("norm1000", "norm100", "none")
    asking = Asking(HEADER if is_bbu else None, "bbu" if is_bbu else None, norm)
    text = photograph_task("dense", default_prompt("dense", asking), asking).target(record)
    key = words[1] if len(words) > 1 else None
    return text if key is None else canonical.dumps(canonical.loads(text)[key], "spaced")


def test_the_summary_of_the_record_is_that_of_its_objects() -> None:
    record = records()["cab-7"]
    assert record.summary == summary_text(build_summary("bbu", record.objects))
