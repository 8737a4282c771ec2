"""transformers' Trainer with the loss, the batches and the checkpoints of this project.

The loss of a step is the sum of the cross-entropy over its answer tokens, divided by their number:
over all its micro-batches and ranks. Stock transformers averages Qwen3-VL's micro-batches instead,
so that a token in a short answer would count more than one in a long answer.

Trainer sees one long epoch with one item a step and no accumulation; the run's plan (see
`sampling.plan`) says which records a step has, so that a resumed run goes on with the next.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from sightwright.data.collate import num_answer_tokens
from sightwright.model.checkpoints import is_complete
from sightwright.model.parts_table import parts_table
from sightwright.train import out_of_memory, partners, progress
from sightwright.train.batch_report import BatchReport
from sightwright.train.flops import Flops
from sightwright.train.flow import (
    EvalSampler,
    PlanFlow,
    PlanSampler,
    as_trainer_sees_it,
    plan_of,
)
from sightwright.train.loaders import make_loader
from sightwright.train.losses import require_finite_weights
from sightwright.train.preconditions import (
    require_one_device,
    require_one_gpu,
    require_own_forward,
    require_prepared,
)
from sightwright.train.reporting import ReportingTrainer
from sightwright.train.saving import SaveInTime, Saving
from sightwright.train.sft_parts import SftParts

_MICRO_BATCHES = "micro_batches"


class SftTrainer(ReportingTrainer):
    """See the module."""

    # Ours is divided by the tokens of the whole step already.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: nn.Module,
        args: TrainingArguments,
        parts: SftParts,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        require_prepared(model)
        require_own_forward(model, parts.spec)
        require_one_device(model)
        require_one_gpu(args)
        self._parts = parts
        self._plan = plan_of(args, parts.train, parts.tokens)
        self.batches_per_rank = _batches_per_rank(args, by_tokens=parts.tokens is not None)
        self._saving = Saving(Path(str(args.output_dir)), args.save_total_limit)
        self._resumed_from: Path | None = None
        super().__init__(
            model=model,
            args=as_trainer_sees_it(args, self._plan.num_steps),
            data_collator=parts.collator,
            train_dataset=parts.train,
            eval_dataset=parts.held_out,
            callbacks=[
                PlanFlow(self._plan, self._begin),
                BatchReport(self._plan, self.log),
                SaveInTime(parts.saves),
                *(callbacks or ()),
            ],
        )
        self.model_accepts_loss_kwargs = True
        self.remove_callback(PrinterCallback)
        self.measure(parts, Flops.of(model))

    # Steps

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> Any:
        """Train to the end of the plan.

        Raises:
            ConfigError: a checkpoint of a run whose next batch would be another one.
            OutOfMemoryError: a batch that the device has no room for.
        """
        if resume_from_checkpoint:
            self._resumed_from = Path(str(resume_from_checkpoint))
            progress.require_same_run(self._resumed_from, self._facts())
            # It has been done, and logged, at the start of the run.
            self.args.eval_on_start = False
        if self.args.should_save:
            self._parts.stamp(self._folder)
        with partners.told(), out_of_memory.told(self._doing, self.args):
            return super().train(resume_from_checkpoint or None, trial, ignore_keys_for_eval)

    def _begin(self) -> None:
        self._restore_sums()
        self._speed.start()

    def set_initial_training_values(
        self, args: TrainingArguments, dataloader: DataLoader[Any]
    ) -> tuple[int, int, int, int, int, int | None, int]:
        plan = self._plan
        size, steps = plan.records_per_step, plan.num_steps
        return 1, steps, plan.num_records, plan.num_records_seen(), size, steps, steps

    def _init_training_state(self, *args: Any, **kwargs: Any) -> tuple[int, int]:
        found = super()._init_training_state(*args, **kwargs)
        state, plan = self.state, self._plan
        state.num_train_epochs = math.ceil(plan.num_steps / plan.steps_per_epoch)
        # The checkpoint's own intervals would overrule those of the YAML.
        state.compute_steps(self.args, plan.num_steps)
        best = self._folder / f"checkpoint-{state.best_global_step}"
        if is_complete(best):
            state.best_model_checkpoint = str(best)
        return found

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Tensor]:
        """The micro-batches of one step as one item, and the answer tokens in all of them on all
        ranks."""
        step = self._plan.step(self.state.global_step)
        batches: list[dict[str, Any]] = []
        for share in step.share(self.args.process_index, self.args.world_size):
            with self._speed.waiting():
                batch = next(epoch_iterator)
            batches.append({**batch, "counts": share.counts})
        # Filled in on the device: a copy would wait for it.
        count = torch.full((), sum(map(_num_counted, batches)), device=device)
        return [{_MICRO_BATCHES: batches}], self._over_ranks(count)

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Forward and backward of all micro-batches of a step; gradients are exchanged once."""
        batches, number = inputs[_MICRO_BATCHES], self.state.global_step + 1
        losses: list[Tensor] = []
        for batch in batches:
            self._doing.now(f"at step {number}", batch)
            with self.exchanging(model, is_last=batch is batches[-1]):
                losses.append(super().training_step(model, batch, num_items_in_batch))
        losses_M = torch.stack(losses)
        self._losses.look(losses_M, batches, number)
        self._doing.now(f"in the optimiser, at step {number}", batches[-1])
        return losses_M.sum()

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        counted = [batch for batch in inputs[_MICRO_BATCHES] if batch["counts"]]
        return sum(int(self.operations(batch)) for batch in counted)

    def _track_num_input_tokens(self, inputs: dict[str, Any]) -> None:
        self.track_tokens(batch for batch in inputs[_MICRO_BATCHES] if batch["counts"])

    # Loss

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """This micro-batch's share of the step's loss; the shares add up to the token mean."""
        assert not return_outputs, "evaluation has a loop of its own"
        loss = self._answer_loss(model, inputs)
        if inputs["counts"]:
            self.count(loss, inputs)
        # Gradients are averaged over ranks, where a sum is meant.
        weight = self.accelerator.num_processes * inputs["counts"]
        return loss.total * (weight / num_items_in_batch)

    # Batches

    def get_train_dataloader(self) -> DataLoader[Any]:
        rank, world_size = self.args.process_index, self.args.world_size
        sampler = PlanSampler(self._plan, rank, world_size, lambda: self.state.global_step)
        parts, seed = self._parts, self._plan.seed
        return make_loader(parts.train, sampler, parts.collator, self.args, seed)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        held_out = self._parts.held_out
        assert held_out is not None, "no held-out records were given"
        args = self.args
        sampler = EvalSampler(
            len(held_out), args.eval_batch_size, args.process_index, args.world_size
        )
        return make_loader(held_out, sampler, self._parts.collator, args, self._plan.seed)

    # Checkpoints

    @property
    def _folder(self) -> Path:
        assert self.args.output_dir is not None
        return Path(self.args.output_dir)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step, best = self.state.global_step, self.state.best_global_step
        self.settle()
        require_finite_weights(cast("nn.Module", self.model), self._over_ranks, step)
        with (
            self._speed.paused(),
            self._saving.checkpoint(step, self, writes=self.args.should_save) as folder,
        ):
            super()._save_checkpoint(model, trial)
            if not self.args.save_only_model:
                progress.write_sums(folder, self.args.process_index, self._sums())
                if self.args.should_save:
                    progress.write_facts(folder, self._facts())
            self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self._saving.rotate(best)

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        times = self._parts.saves
        is_best = not times.holds_back(self.state) and super()._determine_best_metric(
            metrics, trial
        )
        # Under save_strategy best the answer decides whether a checkpoint is written.
        return is_best or times.forces(self.state)

    def _facts(self) -> progress.RunFacts:
        assert isinstance(self.model, nn.Module)
        return progress.RunFacts(
            **self._plan.facts(),
            records=self._parts.train.digest,
            learning={row.part: row.trainable for row in parts_table(self.model)},
            world_size=self.args.world_size,
            state=self.state_kind,
        )

    def _sums(self) -> progress.Sums:
        return progress.Sums(
            loss=self._tr_loss.item(),
            logged_step=self._globalstep_last_logged,
            run_loss=self._total_loss_scalar,
            answers=self._answers.as_json(),
            changes=dict(self.changes),
        )

    def _restore_sums(self) -> None:
        """Go on adding up where the checkpoint was written, between two lines of the log too."""
        folder, args = self._resumed_from, self.args
        if folder is None:
            return
        sums = progress.read_sums(folder, args.process_index, args.world_size)
        if sums is None:
            return
        self._tr_loss.fill_(sums.loss)
        self._globalstep_last_logged = sums.logged_step
        self._total_loss_scalar = sums.run_loss
        self._answers.restore(sums.answers)
        self.changes = Counter(sums.changes)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        require_prepared(cast("nn.Module", self.accelerator.unwrap_model(self.model)))
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            self._parts.stamp(self._folder if output_dir is None else Path(output_dir))


def _batches_per_rank(args: TrainingArguments, *, by_tokens: bool) -> int:
    # DeepSpeed only asks whether gradients are to be added up; by tokens, steps have some or one.
    return max(args.gradient_accumulation_steps, 2 if by_tokens else 1)


def _num_counted(batch: dict[str, Any]) -> int:
    return num_answer_tokens(batch) if batch["counts"] else 0
