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
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from sightwright.data.collate import Collator, model_inputs, num_answer_tokens
from sightwright.data.dataset import Sample, TrainingRecords
from sightwright.data.pixels import to_pixel_values
from sightwright.model.adapters import parts_table
from sightwright.model.attention import attends_by_document
from sightwright.model.checkpoints import is_complete
from sightwright.train import progress
from sightwright.train.flow import (
    EvalSampler,
    PlanFlow,
    PlanSampler,
    as_trainer_sees_it,
    plan_of,
    randomness_kept,
)
from sightwright.train.losses import AnswerLoss, answer_loss, refuse_non_finite
from sightwright.train.preconditions import (
    require_best_metric,
    require_one_gpu,
    require_prepared,
)
from sightwright.train.saving import Saving
from sightwright.vision import VisionSpec

MarkAnswers = Callable[[nn.Module], dict[str, float]]
"""Answers held-out records with the model as it stands; returns metrics without a prefix."""

_MICRO_BATCHES = "micro_batches"


@dataclass
class _Counts:
    """Answer tokens since the last log line."""

    correct: Tensor
    total: int = 0


@dataclass(frozen=True)
class SftParts:
    """What the trainer needs beside a model and arguments.

    Attributes:
        train, held_out: the records.
        mark_answers: evaluation by generation; None for the loss alone.
        stamp: writes what a run and each checkpoint say of themselves into their folders.
        augments: training images are changed; the objects lost to it are then logged, in all since
            the run began.
    """

    spec: VisionSpec
    collator: Collator
    train: TrainingRecords
    held_out: TrainingRecords | None = None
    mark_answers: MarkAnswers | None = None
    stamp: Callable[[Path], None] = lambda folder: None
    augments: bool = False


class SftTrainer(Trainer):
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
        require_one_gpu(args)
        self._parts = parts
        self._plan = plan_of(args, len(parts.train))
        self._saving = Saving(Path(str(args.output_dir)), args.save_total_limit)
        self._resumed_from: Path | None = None
        super().__init__(
            model=model,
            args=as_trainer_sees_it(args, self._plan.num_steps),
            data_collator=parts.collator,
            train_dataset=parts.train,
            eval_dataset=parts.held_out,
            callbacks=[PlanFlow(self._plan, self._restore_sums), *(callbacks or ())],
        )
        self.model_accepts_loss_kwargs = True
        self.remove_callback(PrinterCallback)
        self._since_log = _Counts(torch.zeros((), device=args.device))
        self.changes = Counter[str]()

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
        """
        if resume_from_checkpoint:
            self._resumed_from = Path(str(resume_from_checkpoint))
            progress.require_same_run(self._resumed_from, self._facts())
            # It has been done, and logged, at the start of the run.
            self.args.eval_on_start = False
        if self.args.should_save:
            self._parts.stamp(self._folder)
        return super().train(resume_from_checkpoint or None, trial, ignore_keys_for_eval)

    def set_initial_training_values(
        self, args: TrainingArguments, dataloader: DataLoader[Any]
    ) -> tuple[int, int, int, int, int, int | None, int]:
        plan = self._plan
        size = plan.batch_size * plan.batches_per_step
        steps = plan.num_steps
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
            batches.append({**next(epoch_iterator), "counts": share.counts})
        count = torch.tensor(sum(map(_num_counted, batches)), device=device)
        return [{_MICRO_BATCHES: batches}], self._over_ranks(count)

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Forward and backward of all micro-batches of a step; gradients are exchanged once."""
        batches = inputs[_MICRO_BATCHES]
        losses: list[Tensor] = []
        for batch in batches:
            is_last = batch is batches[-1]
            with nullcontext() if is_last else self.accelerator.no_sync(model):
                losses.append(super().training_step(model, batch, num_items_in_batch))
        refuse_non_finite(losses, batches, self.state.global_step + 1)
        return torch.stack(losses).sum()

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return sum(super(SftTrainer, self).floating_point_ops(b) for b in inputs[_MICRO_BATCHES])

    def _track_num_input_tokens(self, inputs: dict[str, Any]) -> None:
        for batch in inputs[_MICRO_BATCHES]:
            super()._track_num_input_tokens(batch)

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
        self._since_log.correct += loss.num_correct * inputs["counts"]
        self._since_log.total += _num_counted(inputs)
        if inputs["counts"]:
            self.changes.update(inputs["changes"])
        # Gradients are averaged over ranks, where a sum is meant.
        weight = self.accelerator.num_processes * inputs["counts"]
        return loss.total * (weight / num_items_in_batch)

    def _answer_loss(self, model: nn.Module, batch: dict[str, Any]) -> AnswerLoss:
        inputs = model_inputs(batch)
        if not attends_by_document(self.accelerator.unwrap_model(model)):
            inputs.pop("document_lengths", None)
        if "patches" in batch:
            inputs["pixel_values"] = to_pixel_values(batch["patches"], self._parts.spec)
        logits = model(**inputs).logits
        return answer_loss(logits[batch["answer_rows"], batch["answer_slots"]], batch["answer_ids"])

    def changes_of_all_ranks(self) -> dict[str, int]:
        """What was done to the training records, counted since the run began."""
        counted: list[Counter[str]] = gather_object([self.changes])
        return dict(sorted(sum(counted, Counter[str]()).items()))

    def _over_ranks(self, values: Tensor) -> Tensor:
        """The sum of each value over all processes."""
        return cast("Tensor", self.accelerator.reduce(values, "sum"))

    # Batches

    def get_train_dataloader(self) -> DataLoader[Any]:
        rank, world_size = self.args.process_index, self.args.world_size
        sampler = PlanSampler(self._plan, rank, world_size, lambda: self.state.global_step)
        return self._loader(self._parts.train, sampler)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        held_out = self._parts.held_out
        assert held_out is not None, "no held-out records were given"
        args = self.args
        sampler = EvalSampler(
            len(held_out), args.eval_batch_size, args.process_index, args.world_size
        )
        return self._loader(held_out, sampler)

    def _loader(self, dataset: Dataset[Sample], sampler: Sampler[Any]) -> DataLoader[Any]:
        args = self.args
        return DataLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=self.data_collator,
            num_workers=args.dataloader_num_workers,
            # Nothing to pin for where there is no GPU; torch warns of it.
            pin_memory=args.dataloader_pin_memory and torch.cuda.is_available(),
            prefetch_factor=args.dataloader_prefetch_factor,
            persistent_workers=args.dataloader_persistent_workers,
            multiprocessing_context=args.dataloader_multiprocessing_context,
            in_order=args.dataloader_in_order,
            # Workers are seeded from here: from the global generator, every loader would change
            # the dropout that comes after it.
            generator=torch.Generator().manual_seed(self._plan.seed),
        )

    # Evaluation and logs

    @torch.no_grad()
    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Token-mean loss and accuracy over the held-out records, and the marks of the answers."""
        model = self.model
        assert isinstance(model, nn.Module)
        was_training = model.training
        model.eval()
        with randomness_kept():
            metrics = self._held_out_loss(model)
            if self._parts.mark_answers is not None:
                metrics |= self._parts.mark_answers(self.accelerator.unwrap_model(model))
        model.train(was_training)
        named = {f"{metric_key_prefix}_{key}": value for key, value in metrics.items()}
        require_best_metric(self.args, named)
        self.log(dict(named))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, named)
        return named

    def _held_out_loss(self, model: nn.Module) -> dict[str, float]:
        sums = torch.zeros(3, dtype=torch.float64, device=self.args.device)
        for batch in self.get_eval_dataloader():
            with self.compute_loss_context_manager():
                loss = self._answer_loss(model, self._prepare_inputs(batch))
            count = num_answer_tokens(batch)
            sums += torch.stack(
                [loss.total.double(), loss.num_correct.double(), sums.new_tensor(count)]
            )
        total, correct, count = self._over_ranks(sums).tolist()
        return {"loss": total / count, "token_acc": correct / count}

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add token accuracy to a training line, and name the summary's keys without `train_`:
        the sinks put the namespace before every key, once."""
        if "loss" in logs:
            sums = torch.stack(
                [self._since_log.correct.float(),
                 torch.tensor(float(self._since_log.total), device=self.args.device)]
            )  # fmt: skip
            correct, total = self._over_ranks(sums).tolist()
            logs["token_acc"] = correct / total
            if self._parts.augments:
                dropped = sum(n for key, n in self.changes.items() if key.startswith("dropped"))
                count = torch.tensor(dropped, device=self.args.device)
                logs["objects_dropped"] = float(self._over_ranks(count))
            self._since_log = _Counts(torch.zeros((), device=self.args.device))
        if "train_loss" in logs:
            # Trainer's own mean is that of the steps since the resume.
            logs.pop("train_loss")
            logs["train_mean_loss"] = self._total_loss_scalar / max(self.state.global_step, 1)
        super().log({key.removeprefix("train_"): value for key, value in logs.items()}, start_time)

    # Checkpoints

    @property
    def _folder(self) -> Path:
        assert self.args.output_dir is not None
        return Path(self.args.output_dir)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step, best = self.state.global_step, self.state.best_global_step
        with self._saving.checkpoint(step, self, writes=self.args.should_save) as folder:
            super()._save_checkpoint(model, trial)
            if not self.args.save_only_model:
                progress.write_sums(folder, self.args.process_index, self._sums())
                if self.args.should_save:
                    progress.write_facts(folder, self._facts())
            self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self._saving.rotate(best)

    def _facts(self) -> progress.RunFacts:
        plan = self._plan
        assert isinstance(self.model, nn.Module)
        return progress.RunFacts(
            records=self._parts.train.digest,
            num_records=plan.num_records,
            batch_size=plan.batch_size,
            batches_per_step=plan.batches_per_step,
            seed=plan.seed,
            drop_last=plan.drop_last,
            learning={row.part: row.trainable for row in parts_table(self.model)},
            world_size=self.args.world_size,
        )

    def _sums(self) -> progress.Sums:
        return progress.Sums(
            loss=self._tr_loss.item(),
            logged_step=self._globalstep_last_logged,
            run_loss=self._total_loss_scalar,
            correct=int(self._since_log.correct),
            answer_tokens=self._since_log.total,
            changes=dict(self.changes),
        )

    def _restore_sums(self) -> None:
        """Go on adding up where the checkpoint was written, between two lines of the log too."""
        folder = self._resumed_from
        sums = None if folder is None else progress.read_sums(folder, self.args.process_index)
        if sums is None:
            return
        self._tr_loss.fill_(sums.loss)
        self._globalstep_last_logged = sums.logged_step
        self._total_loss_scalar = sums.run_loss
        correct = torch.tensor(sums.correct, device=self.args.device)
        self._since_log = _Counts(correct, sums.answer_tokens)
        self.changes = Counter(sums.changes)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        require_prepared(self.accelerator.unwrap_model(self.model))
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            self._parts.stamp(self._folder if output_dir is None else Path(output_dir))


def _num_counted(batch: dict[str, Any]) -> int:
    return num_answer_tokens(batch) if batch["counts"] else 0
