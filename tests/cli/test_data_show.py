"""`data show` on the command line: what it writes, how it ends, what it imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from sightwright.cli.data import app
from sightwright.errors import ConfigError

SCHEMA = {"type": "object", "properties": {"note": {"type": "string"}, "total": {"type": "number"}}}
CONFIG = """\
global_max_length: {limit}
model: {{model: tiny}}
template: {{max_pixels: 16384}}
task: {{type: extract, json_schema: {schema}, prompt: "Say it as JSON."}}
custom: {{train_jsonl: nowhere.jsonl}}
"""


@pytest.fixture
def records(tmp_path: Path) -> Path:
    Image.new("RGB", (256, 256), "white").save(tmp_path / "a.png")
    lines: list[str] = []
    for number in range(3):
        content = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "Read."}]
        answer = json.dumps({"total": number})
        messages = [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"id": f"doc-{number}", "messages": messages}) + "\n")
    (tmp_path / "train.jsonl").write_text("".join(lines))
    (tmp_path / "bill.schema.json").write_text(json.dumps(SCHEMA))
    return tmp_path / "train.jsonl"


def _config(folder: Path, limit: int = 2048) -> str:
    path = folder / "train.yaml"
    path.write_text(CONFIG.format(limit=limit, schema=folder / "bill.schema.json"))
    return str(path)


def _show(records: Path, *options: str) -> tuple[int, str, str]:
    out = records.parent / "sheets" / "sheet.html"
    result = CliRunner().invoke(app, ["show", str(records), "--out", str(out), *options])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout, out.read_text() if out.exists() else ""


def test_the_records_as_they_are_stored(records: Path) -> None:
    code, output, page = _show(records, "--limit", "2")
    assert (code, output.strip().rpartition(": ")[2]) == (0, "2 records")
    # 256 x 256 px within the tiny model's budget: 8 x 8 tokens.
    assert page.count("image 1 · 64 tokens") == 2
    assert "Read" in page


def test_the_pixel_budget_counts(records: Path) -> None:
    page = _show(records, "--max-pixels", "16384")[2]
    assert "image 1 · 16 tokens" in page


def test_the_records_as_a_run_would_learn_them(records: Path) -> None:
    code, output, page = _show(records, "--config", _config(records.parent), "--json")
    outcome = json.loads(output)
    assert code == 0
    assert (outcome["records"], outcome["faulty"], outcome["over_length"]) == (3, [], [])
    # The YAML's pixels and prompt, and the label in canonical form: every key of the schema.
    assert "image 1 · 16 tokens" in page
    assert "&#34;note&#34;: null" in page
    assert "Read." not in page
    assert "of the limit of 2,048" in page


def test_over_long_records_end_with_2(records: Path) -> None:
    code, output, page = _show(records, "--config", _config(records.parent, 30))
    assert code == 2
    assert "train.jsonl:1 (doc-0): reaches the limit of 30 tokens" in output
    assert "over-long" in page


def test_labels_against_the_schema_end_with_2(records: Path) -> None:
    records.write_text(records.read_text().replace('{\\"total\\": 1}', '{\\"total\\": \\"x\\"}'))
    code, output, page = _show(records, "--config", _config(records.parent), "--json")
    (fault,) = json.loads(output)["faulty"]
    assert (code, fault["id"], fault["place"]) == (2, "doc-1", "train.jsonl:2")
    assert "total" in fault["why"]
    assert page.count("faulty</mark>") == 1


def test_one_record_by_its_id(records: Path) -> None:
    page = _show(records, "--id", "doc-2")[2]
    assert "doc-2" in page
    assert "doc-1" not in page


def test_a_config_brings_its_own_model(records: Path) -> None:
    with pytest.raises(ConfigError, match="brings the model"):
        _show(records, "--config", _config(records.parent), "--model", "tiny")


def test_no_torch_is_imported(records: Path) -> None:
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom sightwright.cli.data import app\n"
        "result = CliRunner().invoke(app, sys.argv[1:])\n"
        "print(result.exit_code, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    arguments = ["show", str(records), "--out", str(records.parent / "sheet.html")]
    arguments += ["--config", _config(records.parent)]
    command = [sys.executable, "-c", program, *arguments]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.split() == ["0", "False", "False"]
