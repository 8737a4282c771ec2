"""Is this run about to train what it says? A table before step 1, the gradients after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightwright.data.dataset import Lengths
from sightwright.errors import ModelError
from sightwright.model.adapters import PartRow, parts_table
from sightwright.model.parts import part_of

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Check:
    """One line of the table; `passed` is None for what is told and not judged."""

    name: str
    finding: str
    passed: bool | None = None


@dataclass(frozen=True)
class RunFacts:
    """What the table is made from."""

    base_model: str
    train_type: str
    modules_to_save: Sequence[str]
    max_length: int
    lengths: Lengths
    notes: Sequence[str]


def checks(facts: RunFacts, model: nn.Module) -> list[Check]:
    """What the training documents say to look at before a run."""
    lengths = facts.lengths
    num_records, num_images = len(lengths.total), sum(lengths.num_images)
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
        _adapter(facts, parts_table(model)),
        *(Check("note", note) for note in facts.notes),
    ]


def _vision_tokens(lengths: Lengths) -> Check:
    without = sum(count == 0 for count in lengths.num_images)
    text = f"{fmean(lengths.image):,.0f} a record on average"
    if without:
        text += f"; {without:,} records have no image"
    return Check("vision tokens", text, None if without else True)


def _over_length(lengths: Lengths) -> Check:
    return Check("over-long records", f"{len(lengths.dropped):,}", not lengths.dropped)


def _adapter(facts: RunFacts, rows: Sequence[PartRow]) -> Check:
    learning = [f"{row.part} ({row.modules} modules)" for row in rows if row.trainable]
    text = f"{facts.train_type} on {', '.join(learning) or 'nothing'}"
    if facts.modules_to_save:
        text += f"; in full: {', '.join(facts.modules_to_save)}"
    return Check("what learns", text, bool(learning))


def health_table(found: Sequence[Check], rows: Sequence[PartRow]) -> RenderableType:
    """Both tables, for the console."""
    from rich.console import Group
    from rich.table import Table

    health = Table(title="before step 1", title_justify="left", show_header=False)
    marks = {True: "[green]ok[/]", False: "[red]look[/]", None: ""}
    for check in found:
        health.add_row(check.name, check.finding, marks[check.passed])
    parts = Table("part", "parameters", "trainable", "share", title="parts", title_justify="left")
    for row in rows:
        share = row.trainable / row.parameters if row.parameters else 0.0
        parts.add_row(row.part, f"{row.parameters:,}", f"{row.trainable:,}", f"{share:.2%}")
    return Group(health, parts)


class GradientCheck(TrainerCallback):
    """After the first backward: every trainable part has a gradient, no frozen one has.

    Looks once, before the optimiser's first step, so a run that learns nothing costs one step. A
    resumed run has been looked at.
    """

    def __init__(self) -> None:
        self._done = False

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **_: Any,
    ) -> None:
        if not self._done and model is not None and state.global_step == 0:
            self._done = True
            check_gradients(model)


def check_gradients(model: nn.Module) -> None:
    """Raise unless gradients are exactly where they should be.

    Raises:
        ModelError: a part that should learn has no gradient, or a frozen parameter has one.
    """
    learning: dict[str, bool] = {}
    leaked: list[str] = []
    for name, parameter in model.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.any())
        if parameter.requires_grad:
            part = part_of(name)
            learning[part] = learning.get(part, False) or moved
        elif parameter.grad is not None:
            leaked.append(name)
    if leaked:
        raise ModelError(f"frozen parameters have a gradient: {', '.join(leaked[:5])}")
    if idle := [part for part, moved in learning.items() if not moved]:
        raise ModelError(
            f"no gradient reaches {', '.join(idle)} in step 1, though it should learn",
            remedy='vision parts learn from images alone: write them as {"type": "image", '
            '"image": path}, or freeze the part',
        )
