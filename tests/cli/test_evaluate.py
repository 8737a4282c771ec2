"""`sightwright eval` from the command line to the files, with the packaged model."""

import json
from pathlib import Path
from typing import Any

import pytest

from sightwright import jsonl
from sightwright.certificate import Certificate, Pixels, StoredSchema, Task, write
from sightwright.cli.main import main
from sightwright.demo.tiny import FOLDER
from sightwright.draw.documents import draw_document
from sightwright.model.checkpoints import MARKER
from sightwright.records import write_chat_record
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask

MAX_PIXELS = 192 * 192
# Two fields of a receipt: short answers, so that the test is quick.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"vendor": {"type": "string", "maxLength": 16}, "total": {"type": "number"}},
    "required": ["vendor", "total"],
}


@pytest.fixture
def task() -> ExtractTask:
    return ExtractTask(compile_schema(SCHEMA, "receipt"))


@pytest.fixture
def folder(tmp_path: Path, task: ExtractTask) -> Path:
    """Two drawn receipts as records, and their schema."""
    import pypdfium2 as pdfium

    records: list[Any] = []
    for seed in range(2):
        document = draw_document("receipt", "receipt/till", 900_000 + seed)
        with pdfium.PdfDocument(document.pdf) as pdf:
            pdf[0].render(scale=1).to_pil().save(tmp_path / f"{seed}.png")
        label = {key: document.label[key] for key in SCHEMA["properties"]}
        records.append(write_chat_record(task.record(f"r{seed}", [f"{seed}.png"], label)))
    jsonl.write_all(tmp_path / "test.jsonl", records)
    (tmp_path / "receipt.schema.json").write_text(json.dumps(SCHEMA))
    return tmp_path


def run(*arguments: str | Path) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(["eval", *map(str, arguments)])
    return caught.value.code


def test_the_packaged_model_is_evaluated(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--schema", folder / "receipt.schema.json", "--max-pixels", str(MAX_PIXELS)]
    options += ["--out", folder / "out", "--device", "cpu", "--max-tokens", "30", "--json"]
    assert run("--model", "tiny", "--data", folder / "test.jsonl", *options) in (0, None)
    output = capsys.readouterr()
    report = json.loads(output.out)
    assert report == json.loads((folder / "out" / "report.json").read_text())
    assert (report["model"], report["adapters"], report["documents"]) == ("tiny", None, 2)
    assert (report["schema"], report["max_pixels"]) == ("receipt", MAX_PIXELS)
    # Held to the schema, an answer is JSON unless it is cut.
    assert report["json_valid"] == 1.0 - report["cut_by_limit"] / 2
    assert 0.0 <= report["micro"]["f1"] <= 1.0
    predictions = [value for _, value in jsonl.read_values(folder / "out" / "predictions.jsonl")]
    assert [prediction["id"] for prediction in predictions] == ["r0", "r1"]
    assert "vendor" in output.err and "micro" in output.err
    assert "report.html" in output.err
    assert "2 of 2 documents, the worst first." in (folder / "out" / "report.html").read_text()
    options += ["--no-html", "--max-records", "1"]
    assert run("--model", "tiny", "--data", folder / "test.jsonl", *options) in (0, None)
    # The page of two documents must not stand beside the report of one.
    assert not (folder / "out" / "report.html").exists()


def taught(task: ExtractTask, **changed: Any) -> Certificate:
    stored = StoredSchema.of(task.schema)
    form = {"prompt": task.prompt, "order": "image_first", "max_output_tokens": 30, **changed}
    return Certificate(
        base_model="tiny",
        pixels=Pixels(min_pixels=1024, max_pixels=MAX_PIXELS),
        task=Task(type="extract", json_schema=stored, prompt_has_schema=False, **form),
    )


def test_a_folder_says_itself_how_it_was_taught(
    folder: Path,
    task: ExtractTask,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = folder / "merged"
    model.mkdir()
    for file in FOLDER.iterdir():
        (model / file.name).symlink_to(file)
    how = {"prompt": "Other words.", "order": "instruction_first", "max_output_tokens": 3}
    write(model, taught(task, **how))
    options = ["--max-records", "1", "--device", "cpu"]
    assert run("--model", model, "--data", folder / "test.jsonl", *options, "--json") in (0, None)
    report = json.loads(capsys.readouterr().out)
    assert (report["order"], report["max_tokens"]) == ("instruction_first", 3)
    assert (report["max_pixels"], report["documents"]) == (MAX_PIXELS, 1)
    assert (report["cut_by_limit"], report["micro"]["f1"]) == (1, 0.0)
    assert "1 of 1 records ask in other words" in caplog.text


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_a_run_folder_is_its_best_checkpoint_on_its_base(
    folder: Path, task: ExtractTask, capsys: pytest.CaptureFixture[str]
) -> None:
    from peft import LoraConfig, get_peft_model

    from sightwright.model.load import load_model

    checkpoint = folder / "run" / "checkpoint-7"
    lora = LoraConfig(r=2, target_modules=["v_proj"])
    get_peft_model(load_model(FOLDER, device="cpu"), lora).save_pretrained(str(checkpoint))
    write(checkpoint, taught(task))
    (checkpoint / MARKER).write_text("{}")
    (folder / "run" / "run.json").write_text('{"best_checkpoint": "checkpoint-7"}')
    options = ["--max-records", "1", "--device", "cpu", "--out", folder / "out"]
    code = run("--adapters", folder / "run", "--data", folder / "test.jsonl", *options)
    assert code in (0, None)
    report = json.loads((folder / "out" / "report.json").read_text())
    assert (report["model"], report["adapters"]) == ("tiny", str(checkpoint))
    assert "micro" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--data", "test.jsonl"], "--model"),
        (["--data", "none.jsonl", "--model", "tiny"], "no such file"),
        (["--data", "test.jsonl", "--model", "tiny"], "--schema"),
        (
            ["--data", "test.jsonl", "--model", "tiny", "--schema", "receipt.schema.json"],
            "--max-pixels",
        ),
        (["--data", "test.jsonl", "--model", "tiny", "--adapters", "gone"], "gone"),
        (["--data", "test.jsonl", "--model", "./gone/model/x"], "gone"),
    ],
)
def test_a_users_mistake_ends_with_two(
    folder: Path,
    options: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    assert run(*options) == 2
    output = capsys.readouterr()
    assert complaint in output.err and output.out == ""


def test_a_folder_that_cannot_be_written_is_told_before_any_document_is_answered(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sightwright.infer.transformers_engine import TransformersEngine

    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(TransformersEngine, "from_folder", loaded)
    (folder / "taken").touch()
    options = ["--schema", folder / "receipt.schema.json", "--max-pixels", str(MAX_PIXELS)]
    options += ["--out", folder / "taken"]
    assert run("--model", "tiny", "--data", folder / "test.jsonl", *options) == 2
    assert capsys.readouterr().err.endswith(f"error: {folder / 'taken'}: File exists\n")
