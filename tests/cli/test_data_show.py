"""`data show` on the command line: what it writes, how it ends, what it imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from sightwright.cli.data import app
from sightwright.errors import ConfigError, DataError

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


# Photographs

DENSE = """\
model: {{model: tiny}}
global_max_length: 4096
task: {{type: dense}}
custom:
  train_jsonl: nowhere.jsonl
  dataset_name: bbu
  assistant_prefix_format: "<DOMAIN={{domain}}>, <TASK={{task}}>"
{more}
"""
AUGMENTED = "  augmentation: {enabled: true, ops: [{name: hflip, params: {prob: 1.0}}]}"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    Image.new("RGB", (96, 64), "white").save(tmp_path / "a.png")
    lines = [
        {
            "id": f"cab-{number}",
            "images": ["a.png"],
            "width": 96,
            "height": 64,
            "objects": [{"desc": "类别=标签,文本=5G", "bbox_2d": [24, 16, 48, 32]}],
        }
        for number in range(3)
    ]
    path = tmp_path / "dense.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _draw(photographs: Path, name: str, *options: str) -> tuple[int, str, Path]:
    out = photographs.parent / name
    result = CliRunner().invoke(app, ["show", str(photographs), "--out", str(out), *options])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout, out


def _dense(folder: Path, more: str = "") -> str:
    (folder / "dense.yaml").write_text(DENSE.format(more=more))
    return str(folder / "dense.yaml")


def test_photographs_as_they_are_stored(photographs: Path) -> None:
    code, output, out = _draw(photographs, "a.html")
    assert (code, output) == (0, f"{out}: 3 records\n")
    page = out.read_text()
    assert page.count('points="24,16 48,16 48,32 24,32"') == 6
    assert "token by token" not in page


def test_photographs_as_a_run_would_learn_them(photographs: Path) -> None:
    config = _dense(photographs.parent, AUGMENTED)
    code, output, out = _draw(
        photographs, "a.html", "--config", config, "--augment", "2", "--limit", "1", "--json"
    )
    assert (code, json.loads(output)["objects"]) == (0, 1)
    page = out.read_text()
    assert (
        "&lt;DOMAIN=BBU&gt;, &lt;TASK=DETECTION&gt;\n{&#34;object_1&#34;: {&#34;desc&#34;" in page
    )
    assert "&#34;bbox_2d&#34;: [250, 250, 500, 500]}}" in page
    assert "What augmentation makes of it" in page and "token by token" in page


def test_photographs_as_their_data_set_of_a_mixture_learns_them(photographs: Path) -> None:
    # The run learns objects; this file is there for its summaries, which know no augmentation.
    lines = [json.loads(text) for text in photographs.read_text().splitlines()]
    summaries = photographs.with_name("summaries.jsonl")
    summaries.write_text("".join(json.dumps({**v, "summary": "a sum"}) + "\n" for v in lines))
    (photographs.parent / "mix.yaml").write_text(
        f"targets: [{{name: bbu, train_jsonl: {photographs.name}, template: target_dense_bbu}}]\n"
        f"sources: [{{name: sums, dataset: bbu, train_jsonl: {summaries.name}, "
        "template: summary_bbu, ratio: 1}]\n"
    )
    config = _dense(photographs.parent, f"{AUGMENTED}\n  fusion_config: mix.yaml")
    _, _, out = _draw(summaries, "a.html", "--config", config, "--limit", "1")
    page = out.read_text()
    assert "summary, as sums" in page and ">a sum<" in page and "object_1" not in page
    _, _, out = _draw(photographs, "b.html", "--config", config, "--limit", "1")
    page = out.read_text()
    assert "dense, as bbu" in page
    assert "&lt;DOMAIN=BBU&gt;, &lt;TASK=DETECTION&gt;\n{&#34;object_1" in page
    with pytest.raises(ConfigError, match="leaves the images of sums as they are"):
        _draw(summaries, "c.png", "--config", config, "--augment", "2")
    _draw(photographs, "d.png", "--config", config, "--augment", "2")


def test_photographs_as_a_picture(photographs: Path) -> None:
    code, output, out = _draw(photographs, "sheet.png")
    assert (code, output.splitlines()[0]) == (0, f"{out}: 3 records with 3 objects")
    with Image.open(out) as image:
        assert image.size == (2 * (672 + 10) + 10, 2 * (448 + 34) + 10)
    code, output, out = _draw(photographs, "one.jpg", "--id", "cab-1", "--json")
    outcome = json.loads(output)
    assert (code, outcome["records"], outcome["objects"], outcome["faulty"]) == (0, 1, 1, [])


def test_what_cannot_be_drawn_ends_with_2(photographs: Path) -> None:
    lines = photographs.read_text().splitlines()
    lines[1] = lines[1].replace('"width": 96', '"width": 97')
    photographs.write_text("\n".join(lines))
    code, output, _ = _draw(photographs, "sheet.png")
    assert code == 2
    assert "dense.jsonl:2 (cab-1): the record says 97x64, the image is 96x64" in output


def test_versions_of_one_record(photographs: Path) -> None:
    config = _dense(photographs.parent, AUGMENTED)
    code, output, out = _draw(
        photographs, "v.png", "--config", config, "--augment", "3", "--id", "cab-2"
    )
    assert (code, output) == (0, f"{out}: cab-2 and 3 versions of it\n")
    with Image.open(out) as image:
        assert image.width > 2 * 96
    with pytest.raises(DataError, match="one record has its versions drawn"):
        _draw(photographs, "v.png", "--config", config, "--augment", "3", "--id", "a", "--id", "b")
    with pytest.raises(ConfigError, match="--limit asks for more"):
        _draw(photographs, "v.png", "--config", config, "--augment", "3", "--limit", "2")
    code, output, _ = _draw(
        photographs, "v.png", "--config", config, "--augment", "1", "--limit", "1"
    )
    assert (code, output) == (0, f"{out}: cab-0 and 1 version of it\n")
    with pytest.raises(ConfigError, match="no augmentation"):
        _draw(photographs, "v.png", "--config", _dense(photographs.parent), "--augment", "3")
    with pytest.raises(ConfigError, match="--augment draws"):
        _draw(photographs, "v.png", "--augment", "3")


def test_a_picture_holds_so_many(photographs: Path) -> None:
    with pytest.raises(DataError, match="holds 100 records at most"):
        _draw(photographs, "v.png", "--limit", "101")
