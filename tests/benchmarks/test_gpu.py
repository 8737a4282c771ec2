"""The script for a GPU runs to its end on the packaged model's shape, on a CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_way_gives_the_same_loss_and_is_timed(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "benchmarks.gpu", "--sizes", "tiny", "--device", "cpu",
        "--tokens", "200", "--steps", "1", "--rounds", "1", "--no-compile",
        "--json", str(tmp_path / "figures.json"),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "figures.json").read_text())["sizes"]["tiny"]
    ours, theirs = found["steps"]
    assert [ours["way"], theirs["way"]] == ["ours", "transformers + PEFT, padded"]
    assert abs(ours["first_loss"] - theirs["first_loss"]) < 1e-4 * ours["first_loss"]
    assert 0 < ours["mfu"] < 1 and 0 < theirs["mfu"] < 1
    assert [row["pages"] for row in found["vit"]] == [1, 8, 32]
    assert all(row["least_cosine"] > 0.9999 for row in found["vit"])
