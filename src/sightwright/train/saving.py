"""When a checkpoint is written, and how: one at a time, begun, finished or cleared away, and only
then the old ones dropped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightwright.config.sections.training import Training
from sightwright.model.checkpoints import latest_complete
from sightwright.train import checkpoints, full_disk


@dataclass(frozen=True)
class SaveTimes:
    """When a checkpoint may and must be written, beside `save_strategy`.

    Attributes:
        delay_steps, delay_epochs: none before so many of the run are done.
        saves_last: one of the last step, whatever else is said.
    """

    delay_steps: int = 0
    delay_epochs: float = 0.0
    saves_last: bool = False

    @classmethod
    def of(cls, training: Training) -> SaveTimes:
        return cls(
            training.save_delay_steps or 0,
            training.save_delay_epochs or 0.0,
            training.save_last_epoch and training.save_strategy != "no",
        )

    def holds_back(self, state: TrainerState) -> bool:
        """Whether no checkpoint is written yet, and so no evaluation counts as the best: one that
        nothing is left of would keep later ones from being it."""
        return state.global_step < self.delay_steps or (state.epoch or 0.0) < self.delay_epochs

    def forces(self, state: TrainerState) -> bool:
        return self.saves_last and state.global_step >= state.max_steps


class SaveInTime(TrainerCallback):
    """Overrules what transformers decides at the end of a step; comes after its own callbacks."""

    def __init__(self, times: SaveTimes) -> None:
        self._times = times

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self._times.holds_back(state):
            control.should_save = False
        if self._times.forces(state):
            control.should_save = True


@dataclass(frozen=True)
class Saving:
    """Where a run's checkpoints go, and how many are kept (None for all)."""

    run_folder: Path
    limit: int | None

    @contextmanager
    def checkpoint(self, step: int, trainer: Any, *, writes: bool) -> Iterator[Path]:
        """The folder of step `step`, complete when the block ends well.

        Args:
            trainer: asked for the size of what learns.
            writes: whether this rank is the one that begins and finishes.

        Raises:
            DiskFullError: the disk is full; nothing of the checkpoint is left then.
        """
        folder = self.run_folder / f"checkpoint-{step}"
        if writes:
            checkpoints.begin(folder)
        with full_disk.told(folder.name, folder, lambda: self._clear(folder, trainer)):
            yield folder
            if writes:
                checkpoints.mark_complete(folder, step)

    def rotate(self, best_step: int | None) -> None:
        best = None if best_step is None else self.run_folder / f"checkpoint-{best_step}"
        checkpoints.rotate(self.run_folder, self.limit, best)

    def _clear(self, folder: Path, trainer: Any) -> str:
        """Give back what half a checkpoint holds, and say what a whole one needs."""
        checkpoints.remove(folder)
        whole = latest_complete(self.run_folder)
        if whole is None:
            needed = full_disk.learnt_bytes(trainer.model, trainer.optimizer)
            kept = "there is no earlier checkpoint"
        else:
            needed = checkpoints.size_of(whole)
            kept = f"{whole.name} is intact: go on from it with " + checkpoints.AGAIN
        free = shutil.disk_usage(self.run_folder).free
        return (
            f"about {full_disk.in_units(needed)} are needed and {full_disk.in_units(free)} are "
            "free (a quota or a limit of file sizes may leave less): free space, lower "
            f"training.save_total_limit, or choose another training.output_dir; {kept}"
        )
