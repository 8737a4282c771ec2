"""The run's plan in transformers' terms: a sampler that starts anywhere, and the ends of epochs.

Trainer counts batches to find its place, and drops records where their number differs from epoch
to epoch. Here it is told of one long epoch, one item a step, and the plan says the rest.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import DefaultFlowCallback

from sightwright.data.dataset import TrainingRecords
from sightwright.sampling.plan import BatchPlan, Pick, RunPlan, Strategy, begun_steps, steps_for
from sightwright.sampling.token_plan import TokenBatches, TokenPlan


def plan_of(
    args: TrainingArguments, records: TrainingRecords, tokens: TokenBatches | None = None
) -> RunPlan:
    """The whole run's batches, from the arguments as the YAML gives them.

    Args:
        tokens: micro-batches by tokens, in place of so many records each.
    """
    size, per_step = args.train_batch_size, args.gradient_accumulation_steps * args.world_size
    seed = args.seed if args.data_seed is None else args.data_seed
    strategy = cast("Strategy", str(args.train_sampling_strategy))
    together = size * per_step
    if tokens is not None:
        together = tokens.effective_batch_size or together
        num_steps = _num_steps(args, steps_for(args.num_train_epochs, len(records), together, 1))
        return TokenPlan(
            num_records=len(records),
            effective_batch_size=together,
            budget=tokens.budget,
            seed=seed,
            num_steps=num_steps,
            measures=records.measures,
            strategy=strategy,
        )
    by_epochs = steps_for(args.num_train_epochs, len(records), size, per_step)
    return BatchPlan(
        num_records=len(records),
        batch_size=size,
        batches_per_step=per_step,
        seed=seed,
        num_steps=_num_steps(args, by_epochs),
        drop_last=args.dataloader_drop_last,
        strategy=strategy,
        measures=records.measures,
    )


def _num_steps(args: TrainingArguments, by_epochs: int) -> int:
    return args.max_steps if args.max_steps > 0 else by_epochs


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
    seen.logging_nan_inf_filter = False  # Such a loss ends the run; to look, Trainer would wait.
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

    plan: RunPlan
    rank: int
    world_size: int
    first_step: Callable[[], int]

    def __iter__(self) -> Iterator[list[Pick]]:
        yield from self.plan.picks(self.first_step(), self.rank, self.world_size)


@dataclass(frozen=True)
class EvalSampler(Sampler[list[int]]):
    """Every held-out record once, in batches shared out among the ranks.

    A rank whose turn does not come in the last round repeats a batch: where weights are sharded,
    every forward is done by all.
    """

    num_records: int
    batch_size: int
    rank: int
    world_size: int

    @property
    def num_own(self) -> int:
        """Batches of this rank that count; a repeated one comes after them."""
        return len(self._starts()[self.rank :: self.world_size])

    def __iter__(self) -> Iterator[list[int]]:
        starts = self._starts()
        own = starts[self.rank :: self.world_size]
        most = math.ceil(len(starts) / self.world_size)
        for start in (*own, *starts[: most - len(own)]):
            yield list(range(start, min(start + self.batch_size, self.num_records)))

    def _starts(self) -> range:
        return range(0, self.num_records, self.batch_size)


class PlanFlow(TrainerCallback):
    """Says where an epoch ends, which Trainer, with its one long epoch, cannot know.

    Args:
        on_begin: called once the trainer has read its checkpoint and reset its sums.
    """

    def __init__(self, plan: RunPlan, on_begin: Callable[[], None]) -> None:
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
