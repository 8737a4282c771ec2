"""Looks at every line of the log for what slows or shakes a run, and says what to change.

A device that waits for records, and a loss that jumps, are no errors: the run goes on.
"""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightwright.logs import get_logger

log = get_logger(__name__)

_MOST_WAITING = 0.5
_JUMP = 2.0
_LINES = 20
_FEWEST_LINES = 5
_MOST_TOLD = 3


class Watch(TrainerCallback):
    """See the module. The first line of a run is not judged: workers start, kernels warm up."""

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=_LINES)
        self._num_lines = 0
        self._waiting_told = False
        self._jumps_told = 0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if not state.is_world_process_zero or not logs or "loss" not in logs:
            return
        self._num_lines += 1
        self._look_at_loss(logs["loss"], state.global_step)
        if self._num_lines > 1:
            self._look_at_waiting(logs.get("data_wait_share", 0.0), args)

    def _look_at_loss(self, loss: float, step: int) -> None:
        usual = median(self._losses) if len(self._losses) >= _FEWEST_LINES else None
        self._losses.append(loss)
        if usual is None or loss <= _JUMP * usual or self._jumps_told >= _MOST_TOLD:
            return
        self._jumps_told += 1
        log.warning(
            "the loss jumped to %.3g at step %d, from %.3g (the median of the lines before): "
            "lower training.learning_rate, raise training.effective_batch_size, or warm up longer "
            "(training.warmup_steps: 0.1); `sightwright data doctor` finds odd records",
            loss,
            step,
            usual,
        )

    def _look_at_waiting(self, share: float, args: TrainingArguments) -> None:
        if share <= _MOST_WAITING or self._waiting_told:
            return
        self._waiting_told = True
        log.warning(
            "the device waits for records %.0f %% of the time: raise data.dataloader_num_workers "
            "(%d now; 16 is usual beside a GPU), keep data.dataloader_pin_memory: true, or keep "
            "decoded images with data.patch_cache",
            100 * share,
            args.dataloader_num_workers,
        )
