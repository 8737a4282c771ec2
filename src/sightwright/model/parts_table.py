"""How much of each part there is, and how much of it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from sightwright.model.parts import PARTS, Part, is_adapter_tensor, part_of, without_adapter
from sightwright.model.shards import whole_size


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
        parameters[part] += whole_size(parameter)
        if parameter.requires_grad:
            trainable[part] += whole_size(parameter)
            learning[part].add(without_adapter(name))
    return [
        PartRow(part, parameters[part], trainable[part], len(learning[part]))
        for part in PARTS
        if parameters[part]
    ]


def adapted_parts(model: nn.Module) -> list[Part]:
    """The parts with an adapter somewhere, in the order of `PARTS`."""
    return _parts_with(is_adapter_tensor, model)


def parts_in_full(model: nn.Module) -> list[Part]:
    """The parts in which `modules_to_save` trains a copy, in the order of `PARTS`."""
    return _parts_with(lambda name: ".modules_to_save." in name, model)


def _parts_with(is_meant: Callable[[str], bool], model: nn.Module) -> list[Part]:
    found = {part_of(name) for name, _ in model.named_parameters() if is_meant(name)}
    return [part for part in PARTS if part in found]


def _counted(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters, without the originals that PEFT keeps beside what modules_to_save trains;
    one that stands in two places under the first, but for such an original."""
    counted: set[int] = set()
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if ".original_module." not in name and id(parameter) not in counted:
            counted.add(id(parameter))
            yield name, parameter
