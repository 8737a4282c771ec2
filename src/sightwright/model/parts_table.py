"""How much of each part there is, and how much of it learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from sightwright.model.parts import PARTS, Part, is_adapter_tensor, part_of, without_adapter


@dataclass(frozen=True)
class PartRow:
    """What learns in one part.

    Attributes:
        parameters: numbers in it, adapters included.
        trainable: those that learn.
        modules: modules with an adapter or with weights that learn.
    """

    part: Part
    parameters: int
    trainable: int
    modules: int


def parts_table(model: nn.Module) -> list[PartRow]:
    """One row for each part that the model has, in the order of `PARTS`."""
    parameters, trainable = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)
    learning: dict[Part, set[str]] = {part: set() for part in PARTS}
    for name, parameter in _counted(model):
        part = part_of(name)
        parameters[part] += _size(parameter)
        if parameter.requires_grad:
            trainable[part] += _size(parameter)
            learning[part].add(without_adapter(name))
    return [
        PartRow(part, parameters[part], trainable[part], len(learning[part]))
        for part in PARTS
        if parameters[part]
    ]


def adapted_parts(model: nn.Module) -> list[Part]:
    """The parts with an adapter somewhere, in the order of `PARTS`."""
    names = (name for name, _ in model.named_parameters())
    found = {part_of(name) for name in names if is_adapter_tensor(name)}
    return [part for part in PARTS if part in found]


def _counted(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters, without the originals that PEFT keeps beside what modules_to_save trains."""
    for name, parameter in model.named_parameters():
        if ".original_module." not in name:
            yield name, parameter


def _size(parameter: nn.Parameter) -> int:
    # bitsandbytes packs two 4-bit weights into a byte, and knows the shape they had.
    state = getattr(parameter, "quant_state", None)
    if state is not None:
        return int(state.shape.numel())
    # ZeRO-3 leaves nothing in the place of a weight between two uses of it.
    return int(getattr(parameter, "ds_numel", parameter.numel()))
