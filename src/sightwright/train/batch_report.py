"""How micro-batches by tokens come out, told once an epoch, on the console and in the log; and what
the loaders' caches did, told at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightwright import logs
from sightwright.data.collate import OVER_BUDGET
from sightwright.data.patch_cache import CACHE_PREFIX
from sightwright.sampling.plan import RunPlan
from sightwright.sampling.token_plan import TokenPlan

log = logs.get_logger(__name__)


def tell_counts(changes: Mapping[str, int]) -> None:
    """What of a run's counts is about loading.

    Args:
        changes: `Sample.changes` of the whole run, and the collator's.
    """
    cached = {
        key.removeprefix(CACHE_PREFIX): count
        for key, count in changes.items()
        if key.startswith(CACHE_PREFIX)
    }
    if cached:
        counted = ", ".join(f"{count:,} {what}" for what, count in sorted(cached.items()))
        log.info("patch cache, training images: %s", counted)
    if over := changes.get(OVER_BUDGET):
        log.warning(
            "%d micro-batches came out over data.batching.budget: augmentation made their text "
            "longer than it was planned; lower the budget if memory is tight",
            over,
        )


class BatchReport(TrainerCallback):
    """Writes a line after the first step of each epoch; nothing where batches are no question.

    After it and not before: a checkpoint of the step before keeps the lines up to its own, and a
    run that goes on from there writes this one again.

    Args:
        write: takes the values of a line of the log.
    """

    def __init__(self, plan: RunPlan, write: Callable[[dict[str, float]], None]) -> None:
        self._plan = plan
        self._write = write

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        plan = self._plan
        epoch, position = divmod(state.global_step - 1, plan.steps_per_epoch)
        if position or not isinstance(plan, TokenPlan):
            return
        fill = plan.fill_of(epoch, args.world_size)
        if state.is_world_process_zero:
            log.info("epoch %d: %s", epoch + 1, fill)
        # Whoever logs is taken to have logged the step.
        loss_is_due = control.should_log
        self._write(
            {
                "batch_samples": round(fill.records_per_batch, 3),
                "batch_tokens": round(fill.tokens_per_batch, 3),
                "batch_fill": round(fill.share, 6),
                "batches_per_step": round(fill.batches_per_step, 3),
            }
        )
        control.should_log = loss_is_due
