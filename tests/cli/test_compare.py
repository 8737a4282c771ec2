"""`sightwright compare` from the command line to the files; no model is needed."""

import json
from pathlib import Path

import pytest
from PIL import Image

from sightwright import jsonl
from sightwright.cli.main import main
from sightwright.evaluate.report import write_report
from sightwright.evaluate.run import evaluate, read_records
from sightwright.infer.fake import FakeEngine
from sightwright.records import write_chat_record
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask

TASK = ExtractTask(
    compile_schema({"type": "object", "properties": {"total": {"type": "number"}}}, "receipt")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`old` reads one total of four, `new` all."""
    Image.new("RGB", (32, 32)).save(tmp_path / "page.png")
    records = [TASK.record(f"r{n}", ["page.png"], {"total": n}) for n in range(4)]
    jsonl.write_all(tmp_path / "data.jsonl", map(write_chat_record, records))
    for name, totals in (("old", iter([0, 0, 0, 0])), ("new", iter([0, 1, 2, 3]))):
        engine = FakeEngine(lambda _, totals=totals: f'{{"total":{next(totals)}}}')
        found = evaluate(engine, read_records(tmp_path / "data.jsonl"), TASK, root=tmp_path)
        write_report(tmp_path / name, found, {"model": name})
    return tmp_path


def run(*arguments: str | Path) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(["compare", *map(str, arguments)])
    return caught.value.code


def test_tables_on_the_console(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "old", folder / "new") in (0, None)
    output = capsys.readouterr()
    assert "documents: 3 better, 0 worse, 1 the same (p 0.250)" in output.out
    assert output.err == ""


def test_json_and_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--out", folder / "out", "--samples", "200", "--json"]
    assert run(folder / "old", folder / "new", *options) in (0, None)
    output = capsys.readouterr()
    value = json.loads(output.out)
    assert value == json.loads((folder / "out" / "compare.json").read_text())
    exact = value["scores"]["document_exact"]
    assert (exact["a"], exact["b"], exact["difference"], exact["p"]) == (0.25, 1.0, 0.75, 0.25)
    assert "compare.html" in output.err
    assert (folder / "out" / "compare.html").is_file()


def test_the_seed_decides(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found: list[str] = []
    for seed in (1, 1, 2):
        run(folder / "old", folder / "new", "--json", "--samples", "100", "--seed", str(seed))
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]


def test_a_folder_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "old", folder / "gone") == 2
    assert "gone" in capsys.readouterr().err
