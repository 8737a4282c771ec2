"""`sightwright merge`: what it prints, and how it ends."""

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model

from sightwright import certificate, jsonl
from sightwright.certificate import Calibration, Certificate
from sightwright.cli.main import main
from sightwright.evaluate.weights import file_digest
from sightwright.model.load import load_model, resolve_folder

pytestmark = [
    # transformers 5.23 warns of what peft 0.21 calls (November 2026).
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with one checkpoint, as training leaves it."""
    folder = tmp_path_factory.mktemp("runs")
    base = load_model(resolve_folder("tiny"), "float32", device="cpu")
    settings = LoraConfig(r=2, target_modules=["v_proj"], init_lora_weights=False)
    get_peft_model(base, settings).save_pretrained(str(folder / "checkpoint-3"))
    (folder / "run.json").write_text(json.dumps({"best_checkpoint": "checkpoint-3"}))
    return folder


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    """The command logs to the stderr of its test, which is closed when the test is over."""
    before = list(logging.getLogger("sightwright").handlers)
    yield
    logging.getLogger("sightwright").handlers[:] = before


def _merge(*arguments: object) -> object:
    """Run the command; returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["merge", *map(str, arguments)])
    return ended.value.code


def test_the_figures_are_printed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _merge("--adapters", run, "--model", "tiny", "--out", tmp_path / "merged") == 0
    printed = capsys.readouterr().out
    assert "Parity of logits" in printed
    assert "100.00%" in printed
    assert "checkpoint-3" in printed
    assert "tokenizer.json: copied" in printed


def test_json_is_one_object(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "merged"
    assert _merge("--adapters", run, "--model", "tiny", "--out", out, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["num_tensors"] > len(report["changed"]) > 0
    assert [row["limit"] for row in report["parity"]] == [1e-3, 1e-3]
    assert report["adapter"].endswith("checkpoint-3")


YAML = """\
export: {torch_dtype: bfloat16, max_shard_size: 2MB, parity_records: 2, parity_tolerance: 0.25}
custom: {train_jsonl: train.jsonl, val_jsonl: VAL}
"""


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    """A YAML with an `export` section, and three held-out records of the run."""
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "Say it."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "{}"}]},
    ]
    jsonl.write_all(
        tmp_path / "val.jsonl", [{"id": str(number), "messages": turns} for number in range(3)]
    )
    path = tmp_path / "run.yaml"
    path.write_text(YAML.replace("VAL", str(tmp_path / "val.jsonl")), "utf-8")
    return path


def test_the_yaml_is_read(
    run: Path, tmp_path: Path, yaml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--adapters", run, "--model", "tiny", "--out", tmp_path / "out", "--json"]
    assert _merge(*arguments, "--config", yaml) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["num_shards"] > 1
    first, written = report["parity"]
    assert (first["inputs"], first["num_cases"], first["limit"]) == ("val.jsonl", 2, 0.25)
    assert written["dtype"] == "bfloat16"
    assert "not read by this version" not in captured.err


def test_the_command_line_wins_over_the_yaml(
    run: Path, tmp_path: Path, yaml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--adapters", run, "--model", "tiny", "--out", tmp_path / "out", "--json"]
    said = ["--dtype", "keep", "--records", 3, "--max-shard-size", "1GB", "--limit", 0.5]
    assert _merge(*arguments, "--config", yaml, *said) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["num_shards"] == 1
    first, written = report["parity"]
    assert (first["num_cases"], first["limit"]) == (3, 0.5)
    assert written["dtype"] == "float32"


def test_held_out_records_that_are_not_here_are_said(
    run: Path, tmp_path: Path, yaml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "val.jsonl").unlink()
    arguments = ["--adapters", run, "--model", "tiny", "--out", tmp_path / "out", "--json"]
    assert _merge(*arguments, "--config", yaml) == 0
    captured = capsys.readouterr()
    assert "compared on drawn inputs" in captured.err
    assert json.loads(captured.out)["parity"][0]["inputs"] == "drawn noise"
    assert _merge(*arguments, "--records", 3, "--overwrite") == 2
    assert "no records to take" in capsys.readouterr().err


def calibration_of(run: Path, **changes: Any) -> Calibration:
    values: dict[str, Any] = {
        "schema_name": "receipt", "schema_digest": "0", "pooled": ((0.5, 0.25), (1.0, 1.0)),
        "per_field": {}, "threshold": 0.9, "target_risk": 0.01, "coverage": 0.8, "risk": 0.0,
        "risk_bound": 0.005, "ece_before": 0.1, "ece_after": 0.01, "num_cases": 500,
        "num_wrong": 40, "num_documents": 90, "data": "test.jsonl", "data_digest": None,
        "base_model": "tiny",
        "adapter_digest": file_digest(run / "checkpoint-3" / "adapter_model.safetensors"),
    }  # fmt: skip
    return Calibration(**values | changes)


def test_a_calibration_is_carried_or_given(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(run / "checkpoint-3", adapter)
    carried = calibration_of(run)
    recorded = Certificate(base_model="tiny", pixels=None, task=None, calibration=carried)
    certificate.write(adapter, recorded)
    out = tmp_path / "out"
    assert _merge("--adapters", adapter, "--out", out) == 0
    merged = certificate.read(out)
    assert merged is not None and merged.calibration == carried
    assert merged.adapter_digest == carried.adapter_digest
    # Another one takes its place, unless it is of other weights.
    given, path = calibration_of(run, threshold=None), tmp_path / "calibration.json"
    certificate.write_calibration(path, given)
    assert _merge("--adapters", adapter, "--out", out, "--calibration", path, "--overwrite") == 0
    merged = certificate.read(out)
    assert merged is not None and merged.calibration == given
    certificate.write_calibration(path, calibration_of(run, adapter_digest="f" * 64))
    assert _merge("--adapters", adapter, "--out", out, "--calibration", path, "--overwrite") == 2
    assert "of other weights" in capsys.readouterr().err
    assert certificate.read(out) == merged


def test_a_calibration_of_an_older_adapter_is_left_behind(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(run / "checkpoint-3", adapter)
    older = calibration_of(run, adapter_digest="f" * 64)
    certificate.write(
        adapter, Certificate(base_model="tiny", pixels=None, task=None, calibration=older)
    )
    assert _merge("--adapters", adapter, "--out", tmp_path / "out") == 0
    assert "the calibration is left behind" in capsys.readouterr().err
    merged = certificate.read(tmp_path / "out")
    assert merged is not None and merged.calibration is None


def test_over_the_limit_is_exit_2(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "merged"
    assert _merge("--adapters", run, "--model", "tiny", "--out", out, "--limit", "1e-12") == 2
    captured = capsys.readouterr()
    assert "over the limit of 1e-12" in captured.err
    assert "logits differ by at most" in captured.out
    assert not out.exists()
