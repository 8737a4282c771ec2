"""A disk that fills up in the middle of a checkpoint: told as such, and the one before is whole."""

import errno
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from whole_runs import WriteRun, checkpoints_of, child, in_child, log_of

from sightwright.train import full_disk
from sightwright.train.full_disk import DiskFullError, in_units, learnt_bytes, reason_of, told

WITHOUT_EVALUATION: dict[str, dict[str, object]] = {
    "eval": {"generate": False},
    "data": {"dataloader_num_workers": 0},
    "training": {"max_steps": 4, "logging_steps": 1, "eval_strategy": "no"},
}
# Of the tiny adapter: 156 kB of weights, twice that of the optimiser.
SMALLER_THAN = {"the weights": 100_000, "the optimiser": 250_000}


def train_with_small_files(config: Path, limit: int, message: Path) -> None:
    """Train, and from step 3 on write no file larger than `limit`: it fails with EFBIG, as a full
    disk does with ENOSPC, for Python, for safetensors' Rust and for torch's C++ alike."""
    from sightwright.train.sft import train
    from sightwright.train.trainer import SftTrainer

    original = SftTrainer.training_step

    def step(self: SftTrainer, *args: object, **kwargs: object) -> torch.Tensor:
        if self.state.global_step == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return original(self, *args, **kwargs)  # type: ignore[arg-type]

    SftTrainer.training_step = step  # type: ignore[method-assign, assignment]
    torch.set_num_threads(1)
    try:
        train(config)
    except DiskFullError as error:
        message.write_text(str(error))
        os._exit(error.exit_code)


@pytest.fixture(scope="module")
def uninterrupted(write_run: WriteRun) -> Path:
    config = write_run(**WITHOUT_EVALUATION)
    assert in_child(config) == 0
    return config.parent / "out"


@pytest.mark.parametrize("what", SMALLER_THAN)
def test_the_run_ends_with_the_remedy_and_can_be_taken_up(
    what: str, write_run: WriteRun, uninterrupted: Path, tmp_path: Path
) -> None:
    config = write_run(**WITHOUT_EVALUATION)
    run = config.parent / "out"
    message = tmp_path / "message.txt"
    assert child(train_with_small_files, config, SMALLER_THAN[what], message) == 2
    told_reason, remedy = message.read_text().splitlines()
    reasons = {
        "the weights": "I/O error: File too large (os error 27)",
        "the optimiser": "a file could not be written to its end",
    }
    assert told_reason == f"{run}/checkpoint-4: checkpoint-4 could not be written: {reasons[what]}"
    # As large as checkpoint-2, in which the settings hold paths of this machine.
    size = re.match(r"  remedy: about (\d+) kB are needed and ", remedy)
    assert size is not None
    assert 540 <= int(size[1]) <= 580
    assert remedy.endswith(
        "free space, lower training.save_total_limit, or choose another training.output_dir; "
        "checkpoint-2 is intact: go on from it with training.resume_from_checkpoint: latest"
    )
    assert checkpoints_of(run) == ["checkpoint-2"]
    assert in_child(config) == 0
    assert log_of(run) == log_of(uninterrupted)


@pytest.mark.slow
def test_a_real_disk_fills_up(write_run: WriteRun, tmp_path: Path) -> None:
    """On a small file system of its own, mounted in a namespace that needs no rights."""
    disk = tmp_path / "disk"
    disk.mkdir()
    config = write_run(
        **WITHOUT_EVALUATION | {"training": {"max_steps": 8, "output_dir": str(disk / "out")}}
    )
    script = (
        f"mount -t tmpfs -o size=1m tmpfs {disk} && {sys.executable} -m sightwright train "
        f"--config {config}; code=$?; ls {disk}/out; exit $code"
    )
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    if subprocess.run([*command[:4], "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no user namespaces")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr[-2000:]
    assert "checkpoint-4 could not be written: " in done.stderr
    assert "checkpoint-2 is intact" in done.stderr
    assert "checkpoint-2" in done.stdout
    assert "checkpoint-4" not in done.stdout


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded"),
        (OSError(errno.EACCES, "Permission denied"), None),
        (
            SafetensorError("Error while serializing: I/O error: No space left (os error 28)"),
            "I/O error: No space left (os error 28)",
        ),
        (SafetensorError("Error while serializing: I/O error: denied (os error 13)"), None),
        (SafetensorError("Error while deserializing header: InvalidHeader"), None),
        (
            RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
            "a file could not be written to its end",
        ),
        (RuntimeError("CUDA out of memory"), None),
    ],
)
def test_a_full_disk_is_told_from_other_errors(error: Exception, reason: str | None) -> None:
    assert reason_of(error) == reason


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="boom"), told("x", tmp_path, lambda: ""):
        raise RuntimeError("boom")


def test_a_log_that_cannot_be_written_is_told_too(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskFullError, match="the log of the run could not be written") as caught,
        told("the log of the run", tmp_path, lambda: "free space"),
        open("/dev/full", "w") as full,
    ):
        full.write("x")
        full.flush()
    assert caught.value.where == str(tmp_path)
    assert isinstance(caught.value.__cause__, OSError)


def test_what_a_checkpoint_needs_is_counted() -> None:
    model = torch.nn.Linear(10, 10, bias=False)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 10)).sum().backward()
    optimizer.step()
    # 100 weights and two moments of each, four bytes a number, and one step count.
    assert learnt_bytes(model, optimizer) == 3 * 400 + 4
    assert [in_units(size) for size in (512, 3_400_000, 1_230_000_000)] == [
        "1 kB",
        "3.4 MB",
        "1.2 GB",
    ]
    assert full_disk.DiskFullError("x").exit_code == 2
