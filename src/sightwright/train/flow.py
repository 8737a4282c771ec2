"""The run's plan in transformers' terms: a sampler that starts anywhere, and the ends of epochs.

Trainer counts batches to find its place, and drops records where their number differs from epoch
to epoch. Here it is told of one long epoch, one item a step, and the plan says the rest.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import DefaultFlowCallback

from sightwright.sampling.plan import BatchPlan, Pick, begun_steps, steps_for


def plan_of(args: TrainingArguments, num_records: int) -> BatchPlan:
    """The whole run's batches, from the arguments as the YAML gives them."""
    size, per_step = args.train_batch_size, args.gradient_accumulation_steps * args.world_size
    by_epochs = steps_for(args.num_train_epochs, num_records, size, per_step)
    return BatchPlan(
        num_records=num_records,
        batch_size=size,
        batches_per_step=per_step,
        seed=args.seed if args.data_seed is None else args.data_seed,
        num_steps=args.max_steps if args.max_steps > 0 else by_epochs,
        drop_last=args.dataloader_drop_last,
    )


def as_trainer_sees_it(args: TrainingArguments, num_steps: int) -> TrainingArguments:
    """The same without what the plan, the loader and the rotation do here.

    Args:
        num_steps: of the whole run; intervals that are shares of it become steps, which is how a
            checkpoint keeps them.
    """
    seen = copy.copy(args)
    seen.gradient_accumulation_steps = 1  # A step is one item.
    seen.ignore_data_skip = True  # The loader starts at the plan's place by itself.
    seen.save_total_limit = None  # Trainer deletes the old before the new is complete.
    for name in ("logging_steps", "eval_steps", "save_steps"):
        interval = getattr(args, name)
        if interval is not None and interval < 1:
            setattr(seen, name, begun_steps(interval, num_steps))
    return seen


@dataclass(frozen=True)
class PlanSampler(Sampler[list[Pick]]):
    """The micro-batches of one rank, from the step that the run stands at when it is asked.

    Attributes:
        first_step: asked when iteration begins: a loader is made before a checkpoint is read.
    """

    plan: BatchPlan
    rank: int
    world_size: int
    first_step: Callable[[], int]

    def __iter__(self) -> Iterator[list[Pick]]:
        yield from self.plan.picks(self.first_step(), self.rank, self.world_size)


@dataclass(frozen=True)
class EvalSampler(Sampler[list[int]]):
    """Every held-out record once, in batches shared out among the ranks."""

    num_records: int
    batch_size: int
    rank: int
    world_size: int

    def __iter__(self) -> Iterator[list[int]]:
        starts = range(0, self.num_records, self.batch_size)
        for start in starts[self.rank :: self.world_size]:
            yield list(range(start, min(start + self.batch_size, self.num_records)))


class PlanFlow(TrainerCallback):
    """Says where an epoch ends, which Trainer, with its one long epoch, cannot know.

    Args:
        on_begin: called once the trainer has read its checkpoint and reset its sums.
    """

    def __init__(self, plan: BatchPlan, on_begin: Callable[[], None]) -> None:
        self._plan = plan
        self._on_begin = on_begin
        self._at_an_epochs_end = DefaultFlowCallback()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._on_begin()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        step = self._plan.step(state.global_step - 1)
        state.epoch = step.epochs_done
        if step.ends_epoch or state.global_step >= state.max_steps:
            self._at_an_epochs_end.on_epoch_end(args, state, control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        # The end of the run: what was due came with its last step, before the checkpoint of it.
        control.should_log = control.should_evaluate = control.should_save = False


@contextmanager
def randomness_kept() -> Iterator[None]:
    """Whatever is drawn inside, dropout goes on after it as if nothing had been."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        yield
    random.setstate(python)
    np.random.set_state(numpy)
