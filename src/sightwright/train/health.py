"""Is this run about to train what it says? A table before step 1, the gradients after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.utils.hooks import RemovableHandle
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightwright.config.sections.tuner import Tuner
from sightwright.config.shipping import shipping
from sightwright.data.dataset import Lengths
from sightwright.errors import ModelError
from sightwright.model.parts import Part, is_adapter_tensor, part_of
from sightwright.model.parts_table import PartRow, adapted_parts, parts_in_full, parts_table
from sightwright.model.shards import whole_size
from sightwright.model.tied_head import untying_note

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Check:
    """One line of the table; `passed` is None for what is told and not judged."""

    name: str
    finding: str
    passed: bool | None = None


@dataclass(frozen=True)
class HealthFacts:
    """What the table is made from.

    Attributes:
        keeps_fp32: the optimiser updates fp32 copies of 16-bit weights, as DeepSpeed's does.
    """

    base_model: str
    tuner: Tuner
    max_length: int
    lengths: Lengths
    notes: Sequence[str]
    keeps_fp32: bool = False


def checks(facts: HealthFacts, model: nn.Module) -> list[Check]:
    """What the training documents say to look at before a run."""
    lengths = facts.lengths
    num_records, num_images = len(lengths.total), sum(lengths.num_images)
    tuner = _with_what_was_found(facts.tuner, model)
    return [
        Check("base model", facts.base_model, True),
        Check("records", f"{num_records:,}, {fmean(lengths.total):,.0f} tokens each on average"),
        _vision_tokens(lengths),
        Check("placeholders = images", f"{num_images:,} images, all records checked", True),
        Check(
            "longest record",
            f"{max(lengths.total):,} tokens, under the limit of {facts.max_length:,}",
            True,
        ),
        _over_length(lengths),
        Check("answer tokens", f"{fmean(lengths.supervised):,.0f} a record carry the loss", True),
        _adapter(tuner, parts_table(model)),
        _serving(tuner, model),
        *(Check("note", note) for note in (*facts.notes, *_of_the_weights(facts, model))),
    ]


def _with_what_was_found(tuner: Tuner, model: nn.Module) -> Tuner:
    """An earlier run's checkpoint may bring modules that learn in full, which no YAML names."""
    saved = tuner.modules_to_save or tuple(parts_in_full(model))
    return tuner.model_copy(update={"modules_to_save": saved})


def _of_the_weights(facts: HealthFacts, model: nn.Module) -> list[str]:
    notes = (untying_note(model), None if facts.keeps_fp32 else rounding_note(model))
    return [note for note in notes if note is not None]


def rounding_note(model: nn.Module) -> str | None:
    """What is lost where 16-bit weights are updated as they are; None where none are."""
    learning = [
        weight
        for name, weight in model.named_parameters()
        if weight.requires_grad
        and not is_adapter_tensor(name)
        and weight.dtype in (torch.bfloat16, torch.float16)
    ]
    if not learning:
        return None
    parts = round(2 / torch.finfo(learning[0].dtype).eps)
    return (
        f"{sum(map(whole_size, learning)):,} numbers learn as they are, in 16 bits: an update "
        f"below 1/{parts} of a number is rounded away; model.torch_dtype: float32 beside "
        "training.bf16: true keeps it"
    )


def _vision_tokens(lengths: Lengths) -> Check:
    without = sum(count == 0 for count in lengths.num_images)
    text = f"{fmean(lengths.image):,.0f} a record on average"
    if without:
        text += f"; {without:,} records have no image"
    return Check("vision tokens", text, None if without else True)


def _over_length(lengths: Lengths) -> Check:
    return Check("over-long records", f"{len(lengths.dropped):,}", not lengths.dropped)


def _adapter(tuner: Tuner, rows: Sequence[PartRow]) -> Check:
    learning = [f"{row.part} ({row.modules} modules)" for row in rows if row.trainable]
    text = f"{tuner.train_type} on {', '.join(learning) or 'nothing'}"
    if tuner.modules_to_save:
        text += f"; in full: {', '.join(tuner.modules_to_save)}"
    return Check("what learns", text, bool(learning))


def _serving(tuner: Tuner, model: nn.Module) -> Check:
    return Check("serving", str(shipping(tuner, adapted_parts(model))))


def health_table(found: Sequence[Check], rows: Sequence[PartRow]) -> RenderableType:
    """Both tables, for the console."""
    from rich.console import Group
    from rich.table import Table

    parts = Table("part", "parameters", "trainable", "share", title="parts", title_justify="left")
    for row in rows:
        share = row.trainable / row.parameters if row.parameters else 0.0
        parts.add_row(row.part, f"{row.parameters:,}", f"{row.trainable:,}", f"{share:.2%}")
    return Group(checks_table("before step 1", found), parts)


def checks_table(title: str, found: Sequence[Check]) -> RenderableType:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False)
    marks = {True: "[green]ok[/]", False: "[red]look[/]", None: ""}
    for check in found:
        table.add_row(check.name, check.finding, marks[check.passed])
    return table


class GradientCheck(TrainerCallback):
    """After the first backward: every trainable part has a gradient, no frozen one has.

    Looks once, before the optimiser's first step, so a run that learns nothing costs one step. A
    resumed run has been looked at.

    Args:
        on_the_way: look at each gradient as it comes: DeepSpeed takes its step inside the backward,
            and leaves none.
    """

    def __init__(self, on_the_way: bool = False) -> None:
        self._done = False
        self._on_the_way = on_the_way
        self._moved: dict[Part, bool] = {}
        self._watches: list[RemovableHandle] = []

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **_: Any,
    ) -> None:
        if not self._on_the_way or model is None or state.global_step:
            return
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                part = part_of(name)
                self._moved[part] = False
                self._watches.append(parameter.register_hook(partial(self._look, part)))

    def _look(self, part: Part, gradient: Tensor) -> None:
        self._moved[part] = self._moved[part] or bool(gradient.any())

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **_: Any,
    ) -> None:
        if self._done or model is None or state.global_step:
            return
        self._done = True
        for watch in self._watches:
            watch.remove()
        moved = self._moved if self._on_the_way else moved_parts(model)
        # Each process sees its own shard, or its own batches.
        everywhere: list[dict[Part, bool]] = gather_object([moved])
        refuse_idle({part: any(each[part] for each in everywhere) for part in moved})


def moved_parts(model: nn.Module) -> dict[Part, bool]:
    """For each part that should learn, whether a gradient has reached it in this process.

    Raises:
        ModelError: a frozen parameter has one.
    """
    learning: dict[Part, bool] = {}
    leaked: list[str] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = part_of(name)
            learning[part] = learning.get(part, False) or _has_moved(parameter)
        elif parameter.grad is not None:
            leaked.append(name)
    if leaked:
        raise ModelError(f"frozen parameters have a gradient: {', '.join(leaked[:5])}")
    return learning


def _has_moved(parameter: nn.Parameter) -> bool:
    gradient = parameter.grad
    if isinstance(gradient, DTensor):
        gradient = gradient.to_local()
    return gradient is not None and bool(gradient.any())


def refuse_idle(moved: Mapping[Part, bool]) -> None:
    """
    Raises:
        ModelError: a part that should learn has no gradient.
    """
    if idle := [part for part, has_moved in moved.items() if not has_moved]:
        raise ModelError(
            f"no gradient reaches {', '.join(idle)} in step 1, though it should learn",
            remedy='vision parts learn from images alone: write them as {"type": "image", '
            '"image": path}, or freeze the part',
        )
