"""What a run says of itself while it trains: evaluations, and the lines of the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor, nn

from sightwright.data.collate import model_inputs, num_answer_tokens
from sightwright.model.answer_head import AnswerOutput
from sightwright.train import out_of_memory
from sightwright.train.flops import Flops, peak_rate
from sightwright.train.flow import EvalSampler, randomness_kept
from sightwright.train.losses import LossCheck
from sightwright.train.optimizer import Group, logged_rates, split_by_rate
from sightwright.train.preconditions import require_best_metric
from sightwright.train.processes import GroupTrainer
from sightwright.train.sft_parts import SftParts
from sightwright.train.speed import Counts, Speed, speed_metrics
from sightwright.train.telemetry import AnswerSums, Table, answer_metrics, mean_loss


class ReportingTrainer(GroupTrainer):
    """See the module.

    Attributes:
        changes: what was done to the training records of this process, since the run began.
    """

    _parts: SftParts

    def measure(self, parts: SftParts, flops: Flops) -> None:
        """Begin to count; called when the trainer is made."""
        self._parts = parts
        self._flops = flops
        self._answers = AnswerSums(parts.collator.sources, self.args.device)
        self._losses = LossCheck(self.args.device, self._over_ranks)
        self._input_tokens = 0
        self.changes = Counter[str]()
        self._speed = Speed()
        weights = getattr(self.model, "dtype", torch.float32)
        half = self.args.bf16 or self.args.fp16 or weights in (torch.bfloat16, torch.float16)
        self._peak = peak_rate(self.args.device, half=half)
        self._doing = out_of_memory.Doing()
        self._groups: list[Group] = []
        self._rates: list[float] = []

    def count(self, loss: AnswerOutput, batch: Mapping[str, Any]) -> None:
        """Add a micro-batch that was learnt from."""
        self._answers.add(loss, batch)
        self.changes.update(batch["changes"])
        self._speed.count(sum(batch["lengths"]), num_answer_tokens(batch), self.operations(batch))

    def track_tokens(self, batches: Iterable[Mapping[str, Any]]) -> None:
        """Of `training.include_num_input_tokens_seen`; Trainer would wait for each micro-batch."""
        padded = self.args.include_num_input_tokens_seen == "all"
        for batch in batches:
            own = batch["input_ids"].numel() if padded else sum(batch["lengths"])
            self._input_tokens += own

    def settle(self) -> None:
        """Before anything is logged, judged or saved: wait for the last step, and add up what was
        seen until it.

        Raises:
            SightwrightError: its loss is no number.
        """
        self._losses.settle()
        if self.args.include_num_input_tokens_seen == "no":
            return
        seen = torch.full((), self._input_tokens, device=self.args.device)
        self.state.num_input_tokens_seen += int(self._over_ranks(seen).item())
        self._input_tokens = 0

    def operations(self, batch: Mapping[str, Any]) -> float:
        """Of the forward and backward of a micro-batch."""
        return self._flops.of_batch(batch["lengths"], batch["grids"], num_answer_tokens(batch))

    def _answer_loss(self, model: nn.Module, batch: dict[str, Any]) -> AnswerOutput:
        return model(**model_inputs(batch))

    def changes_of_all_ranks(self) -> dict[str, int]:
        """What was done to the training records, counted since the run began."""
        counted: list[Counter[str]] = gather_object([self.changes])
        return dict(sorted(sum(counted, Counter[str]()).items()))

    def _over_ranks(self, values: Tensor) -> Tensor:
        """The sum of each value over all processes, which meet on their devices."""
        return cast("Tensor", self.accelerator.reduce(values.to(self.args.device), "sum"))

    # Optimiser

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        is_new = self.optimizer is None
        optimizer = cast("torch.optim.Optimizer", super().create_optimizer(model))
        rates = self._parts.rates
        if is_new and rates is not None and rates.differ:
            learning = cast("nn.Module", self.model if model is None else model)
            self._groups = split_by_rate(optimizer, learning, rates)
        return optimizer

    def _get_learning_rate(self) -> float:
        """Asked between the optimiser's step and the schedule's, so that the rates of the other
        groups are of the same step."""
        optimizer = cast("torch.optim.Optimizer", self.optimizer)
        self._rates = [float(group["lr"]) for group in optimizer.param_groups]
        return super()._get_learning_rate()

    @torch.no_grad()
    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Token-mean loss and accuracy over the held-out records, and the marks of the answers."""
        self.settle()
        model = self.model
        assert isinstance(model, nn.Module)
        was_training = model.training
        model.eval()
        with randomness_kept(), self._speed.paused():
            metrics = self._held_out_loss(model)
            metrics |= self._marks(model)
        model.train(was_training)
        named = {f"{metric_key_prefix}_{key}": value for key, value in metrics.items()}
        require_best_metric(self.args, named)
        self.log(dict(named))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, named)
        return named

    def _held_out_loss(self, model: nn.Module) -> dict[str, float]:
        sums = AnswerSums(self._answers.sources, self.args.device)
        loader = self.get_eval_dataloader()
        num_own = cast("EvalSampler", loader.batch_sampler).num_own
        for number, batch in enumerate(loader):
            self._doing.now("in an evaluation", batch)
            on_device = self._prepare_inputs(batch)
            with self.compute_loss_context_manager():
                loss = self._answer_loss(model, on_device)
            if number < num_own:
                sums.add(loss, on_device)
        table: Table = self._over_ranks(sums.table).tolist()
        return {"loss": mean_loss(table), **answer_metrics(table, sums.sources)}

    def _marks(self, model: nn.Module) -> dict[str, float]:
        """Marks of the answers; those of the first process, so that all agree on the best."""
        if self._parts.mark_answers is None:
            return {}
        self._doing.now("while answering held-out records")
        # Compiled layers (model.compile_layers) are compiled for training steps.
        with torch.compiler.set_stance("force_eager"):
            whole = cast("nn.Module", self.accelerator.unwrap_model(model))
            found = [self._parts.mark_answers(whole)]
        return broadcast_object_list(found)[0]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add what was measured to a training line, and name the summary's keys without `train_`:
        the sinks put the namespace before every key, once."""
        self.settle()
        if "loss" in logs:
            logs |= self._since_last_line()
        if "train_loss" in logs:
            # Trainer's own mean is that of the steps since the resume.
            logs.pop("train_loss")
            logs["train_mean_loss"] = self._run_loss() / max(self.state.global_step, 1)
        line = {key.removeprefix("train_"): value for key, value in logs.items()}
        line["epoch"] = self.state.epoch or 0.0
        if self.args.include_num_input_tokens_seen != "no":
            line["num_input_tokens_seen"] = self.state.num_input_tokens_seen
        # Trainer's own `log` would add speeds under names that have a namespace already.
        self.state.log_history.append({**line, "step": self.state.global_step})
        self.control = self.callback_handler.on_log(self.args, self.state, self.control, line)

    def _run_loss(self) -> float:
        """The sum of the losses of all steps; Trainer adds those since the last line as this
        process has them alone."""
        own = self._tr_loss.item()
        of_all = self._over_ranks(self._tr_loss).item() / self.args.world_size
        return self._total_loss_scalar - own + of_all

    def _since_last_line(self) -> dict[str, float]:
        """What a training line says beside Trainer's loss, over all processes."""
        dropped = sum(n for key, n in self.changes.items() if key.startswith("dropped"))
        table = self._answers.table
        beside = table.new_tensor([*self._speed.counts(), dropped])
        sums = self._over_ranks(torch.cat([table.flatten(), beside]))
        *counts, all_dropped = sums[table.numel() :].tolist()
        rows: Table = sums[: table.numel()].view_as(table).tolist()
        found = answer_metrics(rows, self._answers.sources)
        if self._parts.augments:
            found["objects_dropped"] = all_dropped
        if self._parts.rates is not None and self._parts.rates.by_part:
            found |= logged_rates(self._groups, self._rates)
        seconds, num_processes = self._speed.seconds(), self.args.world_size
        found |= speed_metrics(Counts(*counts), seconds, num_processes, self._peak)
        found |= self._peak_memory()
        self._answers.clear()
        self._speed.start()
        return found

    def _peak_memory(self) -> dict[str, float]:
        """The most that a device held since the run began, in 10⁹ bytes."""
        if self.args.device.type != "cuda":
            return {}
        peak = torch.tensor(torch.cuda.max_memory_allocated() / 1e9, device=self.args.device)
        return {"peak_memory_gb": cast("Tensor", self.accelerator.gather(peak)).max().item()}
