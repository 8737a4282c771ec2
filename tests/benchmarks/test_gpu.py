"""The script for a GPU runs to its end on the packaged model's shape, on a CPU."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch
from benchmarks.gpu import steps
from benchmarks.gpu.measure import Measurement
from benchmarks.gpu.models import config_of
from benchmarks.gpu.samples import SMALL, draw_samples
from benchmarks.gpu.turns import Turns, require_same
from benchmarks.gpu.verdict import judge
from benchmarks.gpu.ways import OURS, PEERS, Ways, choose, put_back

from sightwright.data.dataset import Sample

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]


def test_every_way_gives_the_same_loss_and_is_timed(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "benchmarks.gpu", "--sizes", "tiny", "--device", "cpu",
        "--tokens", "100", "--steps", "1", "--rounds", "1", "--no-compile",
        "--json", str(tmp_path / "figures.json"),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "figures.json").read_text())
    found = written["sizes"]["tiny"]
    ran = [row["way"] for row in found["steps"]]
    assert ran[:2] == ["ours", "transformers + PEFT, padded"]
    assert {*ran, *found["not_run"]} == {OURS, *PEERS}
    for name, reason in found["not_run"].items():
        assert f"{name:<28} not run: {reason}" in done.stdout
    assert all(row["loss_apart"] < 1e-5 and row["gradients_apart"] < 1e-4 for row in found["steps"])
    assert all(0 < row["mfu"] < 1 for row in found["steps"])
    assert "verdict" not in found  # The targets are a GPU's.
    assert written["versions"]["torch"] == torch.__version__
    assert [row["pages"] for row in found["vit"]] == [1, 8, 32]
    assert all(row["least_cosine"] > 0.9999 for row in found["vit"])


def draw_batch(num_tokens: int = 200) -> list[Sample]:
    return draw_samples(SMALL, num_tokens, config_of("tiny"))


def test_a_way_that_is_not_installed_is_named_with_the_command() -> None:
    ways = choose("tiny", CPU, compiled=False)
    assert ways.run.keys() | ways.not_run.keys() == {OURS, *PEERS}
    assert ("TRL" in ways.run) == (importlib.util.find_spec("trl") is not None)
    if "TRL" in ways.not_run:
        assert ways.not_run["TRL"] == "trl not installed: pip install trl==1.16.0"


def test_liger_does_not_run_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: ModuleType(name))
    ways = choose("tiny", CPU, compiled=False)
    assert list(ways.run) == [OURS, "transformers + PEFT, padded", "TRL"]
    assert set(ways.not_run.values()) == {"Liger's kernels need a GPU"}


@pytest.mark.parametrize("error", [ImportError("does not fit"), torch.OutOfMemoryError("too big")])
def test_a_peer_that_cannot_run_is_left_out_with_the_reason(error: Exception) -> None:
    def build() -> steps.Way:
        raise error

    ways = Ways({OURS: partial(steps.ours, "tiny", CPU, compiled=False), "other": build}, {})
    measured = Measurement([draw_batch()], CPU, 1, report=lambda row: None)
    measured.round(ways)
    assert [row["way"] for row in measured.rows] == [OURS] == list(ways.run)
    assert ways.not_run == {"other": str(error)}


def test_samples_that_see_each_other_are_other_work() -> None:
    class Leaky(steps.Ours):
        def inputs(self, samples: Sequence[Sample]) -> steps.Inputs:
            found = super().inputs(samples)
            length = int(found["document_starts"][-1])
            starts = torch.tensor([0, length], dtype=torch.int32)
            return found | {"document_starts": starts, "longest_document": length}

    way = steps.ours("tiny", CPU, compiled=False)
    expected = Turns(way, [draw_batch()]).start()
    leaked = Turns(Leaky(way.model, CPU), [draw_batch()]).start()
    # The loss alone would not tell in bf16: it is that of random weights.
    assert leaked.apart_from(expected)[0] < 2e-2
    require_same("ours again", Turns(way, [draw_batch()]).start(), expected, torch.float32)
    with pytest.raises(AssertionError, match="leaky does other work than ours"):
        require_same("leaky", leaked, expected, torch.bfloat16)


def test_what_a_peer_replaces_in_a_module_is_put_back() -> None:
    module = ModuleType("patched")
    module.norm = "stock"  # type: ignore[attr-defined]
    with put_back(module):
        module.norm = "liger"  # type: ignore[attr-defined]
    assert module.norm == "stock"


def test_the_verdict_is_of_medians_over_rounds_against_the_fastest_peer() -> None:
    rows = [
        {"way": OURS, "seconds": 1.0, "mfu": 0.50},
        {"way": "padded", "seconds": 2.0, "mfu": 0.2},
        {"way": "TRL", "seconds": 1.4, "mfu": 0.3},
        {"way": OURS, "seconds": 1.2, "mfu": 0.42},
        {"way": "padded", "seconds": 2.2, "mfu": 0.2},
        {"way": "TRL", "seconds": 1.46, "mfu": 0.3},
    ]
    # 1.43 over 1.1, and the mean of 0.50 and 0.42.
    assert judge(rows).text() == (
        "1.30 times the best peer, TRL (target missed: 1.5); MFU 46.0 % (target met: 45 %)"
    )
    assert judge(rows[:1]).text() == "no peer ran; MFU 50.0 % (target met: 45 %)"
