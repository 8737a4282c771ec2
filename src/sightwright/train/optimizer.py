"""Learning rates by part of the model (`optimizer: multimodal`), and of LoRA's B (LoRA+).

    rates = Rates(llm=2e-4, vit=1e-4, aligner=6e-4)
    split_by_rate(optimizer, model, rates)     # decay and no decay stay apart

Every optimiser of transformers works: it is made with transformers' two groups, weights with decay
and biases and norms without, which are then split. Embeddings and lm_head go with the LLM.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from torch import nn

from sightwright.config.schema import Config
from sightwright.model.parts import part_of

if TYPE_CHECKING:
    import torch
    from rich.table import Table

RatedPart = Literal["llm", "vit", "aligner"]
RATED_PARTS: tuple[RatedPart, ...] = get_args(RatedPart)

_LORA_B = re.compile(r"\.lora_(embedding_)?B\.")


@dataclass(frozen=True)
class Rates:
    """Peak learning rates.

    Attributes:
        b_over_a: of LoRA's B over that of A, in every part (`tuner.lorap_lr_ratio`).
        by_part: whether the parts' rates are told apart in the log.
    """

    llm: float
    vit: float
    aligner: float
    b_over_a: float = 1.0
    by_part: bool = True

    @classmethod
    def of(cls, config: Config) -> Rates:
        """A part without a rate of its own has `learning_rate`, as in ms-swift."""
        training, ratio = config.training, config.tuner.lorap_lr_ratio or 1.0
        llm, vit, aligner = training.learning_rate, training.vit_lr, training.aligner_lr
        return cls(
            llm=llm,
            vit=llm if vit is None else vit,
            aligner=llm if aligner is None else aligner,
            b_over_a=ratio,
            by_part=training.has_rates_by_part,
        )

    @property
    def differ(self) -> bool:
        """Whether groups of their own are needed."""
        return self.by_part or self.b_over_a != 1


@dataclass(frozen=True, order=True)
class Group:
    """Parameters that learn alike, but for decay; the LLM's first, whose rate is the run's."""

    order: int
    is_b: bool

    @property
    def part(self) -> RatedPart:
        return RATED_PARTS[self.order]

    def rate(self, rates: Rates) -> float:
        rate: float = getattr(rates, self.part)
        return rate * rates.b_over_a if self.is_b else rate


def group_of(name: str, rates: Rates) -> Group:
    """The group of a parameter.

    >>> group_of("model.visual.merger.linear_fc1.weight", Rates(1e-4, 1e-5, 1e-3)).part
    'aligner'
    """
    part = part_of(name)
    rated: RatedPart = part if part in ("vit", "aligner") else "llm"
    is_b = rates.b_over_a != 1 and _LORA_B.search(name) is not None
    return Group(RATED_PARTS.index(rated), is_b)


def split_by_rate(optimizer: torch.optim.Optimizer, model: nn.Module, rates: Rates) -> list[Group]:
    """Split the groups of a new optimiser by part; returns what each is then of."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    split: list[tuple[Group, dict[str, Any]]] = []
    for group in optimizer.param_groups:
        members: dict[Group, list[nn.Parameter]] = {}
        for parameter in group["params"]:
            members.setdefault(group_of(names[id(parameter)], rates), []).append(parameter)
        for of, parameters in members.items():
            split.append((of, {**group, "params": parameters, "lr": of.rate(rates)}))
    split.sort(key=lambda each: each[0])
    optimizer.param_groups.clear()
    for _, group in split:
        optimizer.add_param_group(group)
    return [of for of, _ in split]


def logged_rates(groups: Iterable[Group], current: Iterable[float]) -> dict[str, float]:
    """`vit_lr` and `aligner_lr` of those parts that learn; the rate of the first group is logged as
    `learning_rate` anyway."""
    found: dict[str, float] = {}
    for group, rate in zip(groups, current, strict=True):
        if group.part != "llm" and not group.is_b:
            found.setdefault(f"{group.part}_lr", rate)
    return found


@dataclass(frozen=True)
class GroupRow:
    """A line of the table that is shown before a run."""

    part: str
    rate: float
    weight_decay: float
    tensors: int
    parameters: int


def group_rows(model: nn.Module, rates: Rates, weight_decay: float) -> list[GroupRow]:
    """What the optimiser will hold."""
    found: dict[tuple[Group, bool], list[int]] = {}
    decaying = _decaying(model)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (group_of(name, rates), name not in decaying)
            found.setdefault(key, []).append(parameter.numel())
    return [
        GroupRow(
            part=f"{of.part}, LoRA B (× {rates.b_over_a:g})" if of.is_b else of.part,
            rate=of.rate(rates),
            weight_decay=0.0 if stays else weight_decay,
            tensors=len(sizes),
            parameters=sum(sizes),
        )
        for (of, stays), sizes in sorted(found.items())
    ]


def _decaying(model: nn.Module) -> set[str]:
    from transformers import Trainer

    # It reads nothing of a trainer.
    return set(Trainer.get_decay_parameter_names(cast("Trainer", None), model))


def rates_table(rows: Iterable[GroupRow]) -> Table:
    """For the console."""
    from rich.table import Table

    table = Table(
        "part", "learning rate", "weight decay", "tensors", "parameters",
        title="optimiser", title_justify="left",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row.part, f"{row.rate:g}", f"{row.weight_decay:g}",
            f"{row.tensors:,}", f"{row.parameters:,}",
        )  # fmt: skip
    return table
