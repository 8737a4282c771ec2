"""What happens beside the training loop: the log file, the progress line."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightwright import canonical
from sightwright.logs import Bar, progress_bar

LOG_NAME = "logging.jsonl"
SUMMARY_KEY = "train/mean_loss"
"""Only the last line of a whole run has it."""


def namespaced(logs: Mapping[str, float]) -> dict[str, float]:
    """`loss` is `train/loss`, `eval_loss` is `eval/loss`: every key gets its namespace once."""
    return {
        f"eval/{key.removeprefix('eval_')}" if key.startswith("eval_") else f"train/{key}": value
        for key, value in logs.items()
    }


def without_nan(values: Mapping[str, float]) -> dict[str, float | None]:
    """None for NaN and infinity, which JSON cannot write: the norm of gradients that overflow in
    fp16, whose step is skipped."""
    return {key: value if math.isfinite(value) else None for key, value in values.items()}


class JsonlLog(TrainerCallback):
    """One line of `logging.jsonl` for each log: step, epoch, seconds, and the metrics.

    A resumed run goes on in the same file, after the lines up to the step it resumes from.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG_NAME
        self._started = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._started = time.monotonic()
        if state.is_world_process_zero:
            _keep_up_to(self.path, state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        values = {key: value for key, value in logs.items() if key != "epoch"}
        line = {
            "step": state.global_step,
            "epoch": round(state.epoch or 0.0, 6),
            "seconds": round(time.monotonic() - self._started, 3),
            **without_nan(namespaced(values)),
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(canonical.dumps(line) + "\n")


def _keep_up_to(path: Path, step: int) -> None:
    """Drop what a run wrote after the checkpoint that is resumed from: all of it where the run
    begins again, half a line, and the summary of a run that now goes on."""
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        values = canonical.loads(line) if line.endswith("\n") else None
        if step and values is not None and values["step"] <= step and SUMMARY_KEY not in values:
            kept.append(line)
    canonical.write_text(path, "".join(kept))


class Progress(TrainerCallback):
    """A bar with rate and time left on a terminal, plain lines elsewhere.

    Args:
        stack: closes the bar when the run ends, however it ends.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bar: Bar | None = None
        self._note = ""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.is_world_process_zero:
            self._bar = self._stack.enter_context(progress_bar("training", state.max_steps))
            if state.global_step:
                self._bar.advance(state.global_step, "resumed")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self._bar is not None:
            self._bar.advance(1, self._note)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        shown = {"loss": "loss", "eval_loss": "eval loss", "eval_field_f1": "field F1"}
        parts = [f"{name} {logs[key]:.4f}" for key, name in shown.items() if logs and key in logs]
        self._note = ", ".join(parts) or self._note
