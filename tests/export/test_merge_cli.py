"""`sightwright merge`: what it prints, and how it ends."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from peft import LoraConfig, get_peft_model

from sightwright.cli.main import main
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


def test_over_the_limit_is_exit_2(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "merged"
    assert _merge("--adapters", run, "--model", "tiny", "--out", out, "--limit", "1e-12") == 2
    captured = capsys.readouterr()
    assert "over the limit of 1e-12" in captured.err
    assert "logits differ by at most" in captured.out
    assert not out.exists()
