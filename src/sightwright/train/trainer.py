"""transformers' Trainer with the loss, the batches and the checkpoints of this project.

The loss of a step is the sum of the cross-entropy over its answer tokens, divided by their number:
over all its micro-batches and ranks. Stock transformers averages Qwen3-VL's micro-batches instead,
so that a token in a short answer would count more than one in a long answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from sightwright.data.collate import Collator, model_inputs, num_answer_tokens
from sightwright.data.dataset import Sample
from sightwright.data.pixels import to_pixel_values
from sightwright.errors import ModelError, SightwrightError
from sightwright.model.adapters import is_prepared
from sightwright.model.attention import attends_by_document
from sightwright.train.checkpoints import mark_complete, unmark
from sightwright.train.losses import AnswerLoss, answer_loss
from sightwright.vision import VisionSpec

MarkAnswers = Callable[[nn.Module], dict[str, float]]
"""Answers held-out records with the model as it stands; returns metrics without a prefix."""

_NUM_PLACES_NAMED = 8


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
        stamp: writes what a checkpoint says of itself into its folder.
    """

    spec: VisionSpec
    collator: Collator
    train: Dataset[Sample]
    held_out: Dataset[Sample] | None = None
    mark_answers: MarkAnswers | None = None
    stamp: Callable[[Path], None] = lambda folder: None


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
        _require_prepared(model)
        if args.n_gpu > 1:
            raise SightwrightError(
                f"{args.n_gpu} GPUs are visible to one process",
                remedy=f"torchrun --nproc_per_node {args.n_gpu} -m src.sft …, or "
                "CUDA_VISIBLE_DEVICES=0 for one of them",
            )
        super().__init__(
            model=model,
            args=args,
            data_collator=parts.collator,
            train_dataset=parts.train,
            eval_dataset=parts.held_out,
            callbacks=callbacks,
        )
        self.model_accepts_loss_kwargs = True
        self.remove_callback(PrinterCallback)
        self._parts = parts
        self._since_log = _Counts(torch.zeros((), device=args.device))
        self._micro_batches: list[tuple[Tensor, list[str]]] = []

    # Loss

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Tensor]:
        """The micro-batches of one step, and the answer tokens in all of them on all ranks."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        count = torch.tensor(sum(map(num_answer_tokens, batches)), device=device)
        return batches, self._over_ranks(count)

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
        self._since_log.correct += loss.num_correct
        self._since_log.total += num_answer_tokens(inputs)
        # Gradients are averaged over ranks, where a sum is meant.
        return loss.total * (self.accelerator.num_processes / num_items_in_batch)

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        self._micro_batches.append((loss, inputs["places"]))
        if self.accelerator.sync_gradients:
            self._refuse_non_finite()
        return loss

    def _answer_loss(self, model: nn.Module, batch: dict[str, Any]) -> AnswerLoss:
        inputs = model_inputs(batch)
        if not attends_by_document(self.accelerator.unwrap_model(model)):
            inputs.pop("document_lengths", None)
        if "patches" in batch:
            inputs["pixel_values"] = to_pixel_values(batch["patches"], self._parts.spec)
        logits = model(**inputs).logits
        return answer_loss(logits[batch["answer_rows"], batch["answer_slots"]], batch["answer_ids"])

    def _refuse_non_finite(self) -> None:
        """Stop before the weights are touched by a loss that is no number, naming the records."""
        losses, places = zip(*self._micro_batches, strict=True)
        self._micro_batches = []
        finite = torch.isfinite(torch.stack(losses)).tolist()
        if all(finite):
            return
        named = [place for ok, batch in zip(finite, places, strict=True) if not ok
                 for place in batch]  # fmt: skip
        more = len(named) - _NUM_PLACES_NAMED
        tail = f" and {more} more" if more > 0 else ""
        raise SightwrightError(
            f"the loss is not a number at step {self.state.global_step + 1}, in a batch of "
            f"{'; '.join(named[:_NUM_PLACES_NAMED])}{tail}",
            remedy="lower training.learning_rate, and look at these records",
        )

    def _over_ranks(self, values: Tensor) -> Tensor:
        """The sum of each value over all processes."""
        return cast("Tensor", self.accelerator.reduce(values, "sum"))

    # Batches

    def get_train_dataloader(self) -> DataLoader[Any]:
        sampler = RandomSampler(_sized(self.train_dataset), generator=self._generator(0))
        return self._loader(self._train_batch_size, sampler, self.args.dataloader_drop_last)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        sampler = SequentialSampler(_sized(self.eval_dataset))
        return self._loader(self.args.eval_batch_size, sampler, drop_last=False)

    def _loader(self, batch_size: int, sampler: Sampler[int], drop_last: bool) -> DataLoader[Any]:
        args = self.args
        loader = DataLoader(
            sampler.data_source,  # type: ignore[attr-defined]
            batch_size=batch_size,
            sampler=sampler,
            collate_fn=self.data_collator,
            num_workers=args.dataloader_num_workers,
            # Nothing to pin for where there is no GPU; torch warns of it.
            pin_memory=args.dataloader_pin_memory and torch.cuda.is_available(),
            prefetch_factor=args.dataloader_prefetch_factor,
            persistent_workers=args.dataloader_persistent_workers,
            multiprocessing_context=args.dataloader_multiprocessing_context,
            in_order=args.dataloader_in_order,
            drop_last=drop_last,
            # Workers are seeded from here: from the global generator, every loader would change
            # the dropout that comes after it.
            generator=self._generator(1),
        )
        return self.accelerator.prepare(loader)

    def _generator(self, stream: int) -> torch.Generator:
        seed = self.args.data_seed if self.args.data_seed is not None else self.args.seed
        return torch.Generator().manual_seed(seed + stream)

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
        metrics = self._held_out_loss(model)
        if self._parts.mark_answers is not None:
            metrics |= self._parts.mark_answers(self.accelerator.unwrap_model(model))
        model.train(was_training)
        named = {f"{metric_key_prefix}_{key}": value for key, value in metrics.items()}
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
        if "loss" in logs and self._since_log.total:
            sums = torch.stack(
                [self._since_log.correct.float(),
                 torch.tensor(float(self._since_log.total), device=self.args.device)]
            )  # fmt: skip
            correct, total = self._over_ranks(sums).tolist()
            logs["token_acc"] = correct / total
            self._since_log = _Counts(torch.zeros((), device=self.args.device))
        if "train_loss" in logs:
            logs["train_mean_loss"] = logs.pop("train_loss")
        super().log({key.removeprefix("train_"): value for key, value in logs.items()}, start_time)

    # Checkpoints

    @property
    def _folder(self) -> Path:
        assert self.args.output_dir is not None
        return Path(self.args.output_dir)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        folder = self._folder / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            unmark(folder)
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            mark_complete(folder, self.state.global_step)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        _require_prepared(self.accelerator.unwrap_model(self.model))
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            self._parts.stamp(self._folder if output_dir is None else Path(output_dir))


def _require_prepared(model: nn.Module) -> None:
    if not is_prepared(model):
        raise ModelError(
            "this model did not go through prepare_model: the whole model would be saved in "
            "place of an adapter",
            remedy="call sightwright.model.adapters.prepare_model before making the trainer",
        )


def _sized(dataset: Any) -> Any:
    assert dataset is not None, "no records were given"
    return dataset
