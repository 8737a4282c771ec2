import io
import json
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas
from typer.testing import CliRunner

from sightwright import canonical
from sightwright.cli.ingest import app
from sightwright.errors import DataError, MissingExtraError
from sightwright.schema import load_schema

SCHEMAS = Path(__file__).parents[2] / "schemas"
# A 64-point page is 64 pixels at 72 dpi.
QUICK = ["--dpi", "72", "--workers", "1"]


def pdf(num_pages: int = 1) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(64, 64))
    for _ in range(num_pages):
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@pytest.fixture
def pdfs(tmp_path: Path) -> Path:
    folder = tmp_path / "pdfs"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(pdf(2))
    (folder / "b.pdf").write_bytes(pdf())
    return folder


def test_pages_then_nothing_to_do(tmp_path: Path, pdfs: Path) -> None:
    command = ["pdf", str(pdfs), "--out", str(tmp_path / "out"), *QUICK]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0
    # The pages are blank.
    textless = "3 pages without a text layer: --ocr tesseract reads their words from the image"
    assert first.stdout.splitlines()[-2:] == [
        f"2 documents: 2 rendered; 3 pages in {tmp_path}/out",
        textless,
    ]
    second = CliRunner().invoke(app, command)
    assert second.stdout.splitlines()[-2:] == [
        f"2 documents: 2 kept; 3 pages in {tmp_path}/out; nothing to do",
        textless,
    ]
    silent = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "bare"), "--no-words"])
    assert silent.stdout.splitlines()[-1].endswith(f"3 pages in {tmp_path}/bare")


def test_failures_are_shown_and_decide_the_exit_code(tmp_path: Path, pdfs: Path) -> None:
    (pdfs / "bad [1].pdf").write_bytes(b"no PDF")
    command = ["pdf", str(pdfs), "--out", str(tmp_path / "out"), *QUICK]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    row = next(line for line in result.stdout.splitlines() if "bad [1]" in line)
    assert row.split("broken")[1].strip() == "not a PDF, or a damaged one"
    assert CliRunner().invoke(app, [*command, "--allow-failures"]).exit_code == 0
    result = CliRunner().invoke(app, [*command, "--json"])
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "documents": 3,
        "pages": 3,
        "pages_without_text": 3,
        "counts": {"kept": 2, "broken": 1},
        "failed": [
            {
                "id": "bad [1]",
                "source": "../pdfs/bad [1].pdf",
                "status": "broken",
                "pages": 0,
                "why": "not a PDF, or a damaged one",
            }
        ],
        "out": str(tmp_path / "out"),
    }


def test_words_by_an_engine_that_is_not_there(
    tmp_path: Path, pdfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["pdf", str(pdfs), "--out", str(tmp_path / "out"), *QUICK, "--ocr", "tesseract"]
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, MissingExtraError)
    assert result.exception.exit_code == 3
    assert not (tmp_path / "out").exists()
    assert CliRunner().invoke(app, [*command, "--no-words"]).exit_code == 2


def test_words_are_left_out_and_added_later(tmp_path: Path, pdfs: Path) -> None:
    command = ["pdf", str(pdfs), "--out", str(tmp_path / "out"), *QUICK, "--memory-limit", "1"]
    assert CliRunner().invoke(app, [*command, "--no-words"]).exit_code == 0
    assert not list((tmp_path / "out").rglob("*.words.json"))
    result = CliRunner().invoke(app, command)
    assert "2 documents: 2 completed; 3 pages" in result.stdout
    assert len(list((tmp_path / "out").rglob("*.words.json"))) == 3


def test_labels_to_records(tmp_path: Path, pdfs: Path) -> None:
    out, labels = tmp_path / "out", tmp_path / "labels"
    CliRunner().invoke(app, ["pdf", str(pdfs), "--out", str(out), *QUICK])
    labels.mkdir()
    (labels / "a.json").write_text('[{"total": 34.70, "till": 3}]')
    (labels / "b.json").write_text('{"merchant": "Corner shop"}')
    command = ["labels", "--pages", str(out), "--labels", str(labels)]
    command += [
        "--schema",
        str(SCHEMAS / "receipt.schema.json"),
        "--out",
        str(tmp_path / "r.jsonl"),
    ]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, DataError)
    assert "keys that the schema 'receipt' does not have: till" in str(result.exception)
    result = CliRunner().invoke(app, [*command, "--drop-unknown"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "dropped, not in the schema: till (1)",
        f"2 records with 3 pages in {tmp_path}/r.jsonl",
    ]
    record = json.loads((tmp_path / "r.jsonl").read_text().splitlines()[0])
    assert record["messages"][0]["content"][0] == {"type": "image", "image": "out/a/page-0001.png"}
    assert record["messages"][0]["content"][-1]["text"] == "Extract the document as JSON."
    assert '"total":34.70' in record["messages"][1]["content"][0]["text"]


@pytest.mark.parametrize("name", ["invoice", "receipt"])
def test_the_shipped_schemas_compile_and_take_an_empty_paper(name: str) -> None:
    schema = load_schema(SCHEMAS / f"{name}.schema.json")
    nothing = schema.conform({}).value
    assert set(nothing.values()) == {None}
    # What the decoder writes can neither loop nor run on.
    assert all(
        "maxLength" in leaf.schema
        for leaf in schema.root.leaves()
        if "string" in leaf.schema["type"]
    )


def test_the_invoice_schema_takes_prices_as_numbers_or_as_printed() -> None:
    schema = load_schema(SCHEMAS / "invoice.schema.json")
    label = canonical.loads(
        '{"amount": 4.10, "lines": [{"price_unit": "0.01"}, {"price_unit": 399.0}]}'
    )
    value = schema.conform(label).value
    assert canonical.dumps(value["amount"]) == "4.10"
    assert [line["price_unit"] for line in value["lines"]] == ["0.01", 399.0]
    with pytest.raises(DataError, match="amount"):
        schema.conform({"amount": "4.10"})
