"""`training`: transformers' TrainingArguments, ours beside them, and what cannot be honoured."""

from collections.abc import Iterator
from typing import Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from sightwright.config.schedules import (
    AFTER_EVALUATIONS,
    WITHOUT_WARMUP,
    schedule_faults,
    schedule_kwargs,
)
from sightwright.config.section import REFUSED, Fault, TextList
from sightwright.config.sections.task import TaskType
from sightwright.config.transformers_arguments import TransformersArguments

_OWN_LOSS = "the loss is our own sum over answer tokens, which would bypass it"
_OWN_MARKING = "evaluation answers the records and marks the answers, which would bypass it"
_WHOLE_GRAPH = "compiling the whole forward means a new compilation at every batch shape"

# They put the weights into groups of their own.
_OWN_GROUPS = ("galore", "apollo", "lomo", "adalomo")

# Key → (the one value that changes nothing, why no other is honoured).
_REFUSED: dict[str, tuple[object, str]] = {
    "use_liger_kernel": (False, "its kernels replace the forward that this trainer runs"),
    "liger_kernel_config": (None, "its kernels replace the forward that this trainer runs"),
    "label_smoothing_factor": (0.0, _OWN_LOSS),
    "neftune_noise_alpha": (
        None,
        "it scales noise by the length of a row, and a padding-free row holds several samples",
    ),
    "torch_compile": (False, _WHOLE_GRAPH),
    "torch_compile_backend": (None, _WHOLE_GRAPH),
    "torch_compile_mode": (None, _WHOLE_GRAPH),
    "use_cache": (False, "a training step has no use for a cache of keys and values"),
    "remove_unused_columns": (False, "it would drop the positions and patches of a batch"),
    "label_names": (None, _OWN_LOSS),
    "prediction_loss_only": (False, _OWN_MARKING + "; set eval.generate: false for the loss alone"),
    "include_for_metrics": ((), _OWN_MARKING),
    "batch_eval_metrics": (False, _OWN_MARKING),
    "eval_do_concat_batches": (True, _OWN_MARKING),
    "eval_accumulation_steps": (None, _OWN_MARKING),
    "auto_find_batch_size": (False, "the size of a step would change in the middle of a run"),
    "ignore_data_skip": (False, "a resumed run would read other records than the run it resumes"),
    "length_column_name": ("length", "lengths follow from the text and the image sizes"),
}


def refused_arguments() -> dict[str, tuple[object, str]]:
    """Key → the one value that is accepted, and why no other is honoured."""
    return dict(_REFUSED)


GENERATED_METRICS: dict[TaskType, tuple[str, ...]] = {
    "extract": ("field_f1", "document_exact", "json_valid", "anls", "loop_rate"),
    "dense": (
        "object_f1", "object_f1_75", "object_f1_mean", "class_accuracy", "attribute_accuracy",
        "count_error", "answer_valid", "bbox_f1", "poly_f1", "line_f1",
    ),
    "summary": ("fact_f1", "summary_exact", "answer_valid"),
    "verdict": ("verdict_accuracy", "false_pass_rate", "false_fail_rate"),
    "chat": (),
}  # fmt: skip
"""Task → the metrics that exist only when evaluation answers the records; the first picks the best
checkpoint where the YAML names none."""


class Training(TransformersArguments):
    # Bounds and defaults of our own over transformers' fields.
    output_dir: str | None = Field(default="output", description="folder of the runs")
    run_name: str | None = Field(default=None, description="folder of this run inside output_dir")
    per_device_train_batch_size: PositiveInt = Field(
        default=1, description="samples of a micro-batch"
    )
    per_device_eval_batch_size: PositiveInt = Field(
        default=1, description="samples of an eval batch"
    )
    num_train_epochs: PositiveFloat = Field(default=1.0, description="passes over the records")
    learning_rate: NonNegativeFloat = Field(
        default=1e-4, description="peak learning rate; 1e-4 suits LoRA, 5e-5 full training"
    )
    weight_decay: NonNegativeFloat = Field(default=0.0, description="weight decay of AdamW")
    warmup_steps: NonNegativeFloat = Field(
        default=0.0, description="steps of the warmup; below 1, their share of the run"
    )
    max_grad_norm: NonNegativeFloat = Field(default=1.0, description="gradients are clipped to it")
    logging_steps: PositiveFloat = Field(default=10, description="steps between lines of the log")
    logging_first_step: bool = Field(default=True, description="log the first step too")
    logging_nan_inf_filter: bool = Field(
        default=False, description="hide a loss that is no number; off, so that it is seen"
    )
    save_steps: PositiveFloat = Field(default=500, description="steps between checkpoints")
    eval_steps: PositiveFloat | None = Field(default=None, description="steps between evaluations")
    report_to: str | TextList | None = Field(
        default=("tensorboard",),
        description="sinks beside logging.jsonl: tensorboard, mlflow, wandb",
    )
    bf16: Literal["auto"] | bool = Field(
        default=False,
        description="bfloat16 arithmetic; auto: where the device has it, else float16",
    )
    remove_unused_columns: bool = Field(default=False, description="must stay false")

    # Ours.
    optimizer: Literal["multimodal"] | None = Field(
        default=None,
        description="multimodal: learning rates of their own for vision and aligner; vit_lr or "
        "aligner_lr says it by itself",
    )
    vit_lr: NonNegativeFloat | None = Field(
        default=None, description="learning rate of the vision encoder; learning_rate when absent"
    )
    aligner_lr: NonNegativeFloat | None = Field(
        default=None, description="learning rate of the mergers; learning_rate when absent"
    )
    gradient_accumulation_steps: PositiveInt = Field(
        default=1, description="micro-batches of a step; effective_batch_size sets it"
    )
    effective_batch_size: PositiveInt | None = Field(
        default=None, description="samples of a step, over all devices"
    )
    save_delay_steps: NonNegativeInt | None = Field(
        default=None, description="no checkpoint before this step"
    )
    save_delay_epochs: NonNegativeFloat | None = Field(
        default=None, description="no checkpoint before this epoch"
    )
    save_last_epoch: bool = Field(
        default=True, description="a checkpoint at the end, kept by rotation"
    )
    logging_dir: str | None = Field(
        default=None, description="TensorBoard's folder; inside the run's when absent"
    )
    add_version: bool = Field(
        default=False,
        description="a numbered folder in the run's for every start of it: v0, v1, …",
    )

    @field_validator(*_REFUSED)
    @classmethod
    def _honoured(cls, value: object, info: ValidationInfo) -> object:
        neutral, reason = _REFUSED[str(info.field_name)]
        if value != neutral:
            raise PydanticCustomError(REFUSED, "cannot be honoured: {reason}", {"reason": reason})
        return value

    def faults(self) -> Iterator[Fault]:
        yield from self._step_faults()
        yield from self._best_faults()
        yield from self._schedule_faults()
        if self.has_rates_by_part and self.has_own_groups:
            text = f"{self.optim} groups the weights itself, and not by part"
            yield Fault("optim", text, "optim: adamw_torch; or no optimizer, vit_lr, aligner_lr")
        if self.bf16 is True and self.fp16:
            yield Fault("fp16", "bf16 and fp16 cannot both be true", "bf16: auto takes either")

    def _step_faults(self) -> Iterator[Fault]:
        for key in ("logging_steps", "eval_steps", "save_steps", "warmup_steps"):
            value: float | None = getattr(self, key)
            if value is not None and value > 1 and value != int(value):
                text = f"{value} is neither a whole number of steps nor a share below 1"
                yield Fault(key, text, f"write {int(value)}")
        if self.save_delay_steps and self.save_delay_epochs:
            text = "cannot go with save_delay_steps"
            yield Fault("save_delay_epochs", text, "keep one of them")

    def _best_faults(self) -> Iterator[Fault]:
        if self.save_strategy == "best" and self.eval_strategy == "no":
            hint = "eval_strategy: steps or epoch"
            yield Fault("save_strategy", "best needs evaluations, eval_strategy is no", hint)
        if not self.load_best_model_at_end or self.save_strategy == "best":
            return
        if self.eval_strategy != self.save_strategy:
            text = (
                f"needs checkpoints at the evaluations: eval_strategy is {self.eval_strategy}, "
                f"save_strategy is {self.save_strategy}"
            )
            yield Fault("load_best_model_at_end", text, "make them equal, or save_strategy: best")
        elif self.eval_strategy == "steps" and not self._saves_at_evaluations():
            text = f"save_steps {self.save_steps} is no multiple of eval_steps {self._eval_every()}"
            yield Fault("load_best_model_at_end", text, "save at every evaluation, or every second")

    def _eval_every(self) -> float:
        # transformers evaluates at every log line when eval_steps is not given.
        return self.eval_steps if self.eval_steps is not None else self.logging_steps

    def _saves_at_evaluations(self) -> bool:
        ratio = self.save_steps / self._eval_every()
        return ratio >= 1 and abs(ratio - round(ratio)) < 1e-6

    def _schedule_faults(self) -> Iterator[Fault]:
        floor = self.min_lr
        if floor is not None and floor > self.learning_rate:
            text = f"min_lr {floor} is above learning_rate {self.learning_rate}"
            yield Fault("lr_scheduler_kwargs", text, "lower min_lr")
        name = self.lr_scheduler_type
        yield from schedule_faults(name, self.lr_scheduler_kwargs, self.learning_rate)
        if name in AFTER_EVALUATIONS and self.eval_strategy == "no":
            text = f"{name} steps after evaluations, eval_strategy is no"
            yield Fault("lr_scheduler_type", text, "eval_strategy: steps or epoch")
        if name in WITHOUT_WARMUP and self.warmup_steps:
            text = f"lr_scheduler_type: {name} has no warmup"
            yield Fault("warmup_steps", text, "constant_with_warmup has one; or warmup_steps: 0")

    @property
    def has_rates_by_part(self) -> bool:
        """A rate of a part says `optimizer: multimodal` by itself, as in ms-swift."""
        return (self.optimizer, self.vit_lr, self.aligner_lr) != (None, None, None)

    @property
    def has_own_groups(self) -> bool:
        """Whether the optimiser groups the weights, so that no other grouping can be honoured."""
        return self.optim.startswith(_OWN_GROUPS)

    @property
    def min_lr(self) -> float | None:
        """The floor of the schedule, when one is given as a number."""
        value = (schedule_kwargs(self.lr_scheduler_kwargs) or {}).get("min_lr")
        return float(value) if isinstance(value, int | float) else None

    @property
    def best_metric(self) -> str | None:
        """`metric_for_best_model` without the eval_ or eval/ before it."""
        name = self.metric_for_best_model
        return None if name is None else name.removeprefix("eval_").removeprefix("eval/")
