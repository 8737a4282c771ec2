"""An adapter as it lies in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from sightwright.errors import ModelError
from sightwright.model.checkpoints import ADAPTER_CONFIG, ADAPTER_WEIGHTS, refuse_torn
from sightwright.model.parts import is_adapter_tensor, without_adapter

if TYPE_CHECKING:
    from peft import PeftConfig

_PREFIX = "base_model.model."


@dataclass(frozen=True)
class SavedAdapter:
    """Settings and tensors of an adapter.

    Attributes:
        weights: by the names in the file; all in memory.
    """

    folder: Path
    config: PeftConfig
    weights: dict[str, Tensor]

    @classmethod
    def read(cls, folder: Path) -> SavedAdapter:
        """
        Raises:
            ModelError: no adapter there, one that was not written to its end, or a broken one.
        """
        from peft import PeftConfig
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if not is_adapter(folder):
            known = folder.is_dir()
            what = f"no {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS} here" if known else "no folder"
            raise ModelError(what, where=f"adapters {str(folder)!r}")
        refuse_torn(folder)
        try:
            weights = load_file(folder / ADAPTER_WEIGHTS)
        except SafetensorError as error:
            raise ModelError(f"broken: {error}", where=str(folder / ADAPTER_WEIGHTS)) from None
        return cls(folder, PeftConfig.from_pretrained(str(folder)), weights)

    @property
    def saved_modules(self) -> tuple[str, ...]:
        """What its run had in `modules_to_save`."""
        return tuple(getattr(self.config, "modules_to_save", None) or ())

    def adapted_modules(self) -> list[str]:
        """Full names, in the base model, of the modules that it adapts."""
        inside = (key for key in self.weights if key.startswith(_PREFIX))
        names = (without_adapter(key) for key in inside if is_adapter_tensor(key))
        return list(dict.fromkeys(name.removeprefix(_PREFIX) for name in names))

    def strays(self, placed: Iterable[str]) -> list[str]:
        """The adapter's own tensors without a place in the model, and places without a tensor.

        Args:
            placed: names of the tensors that the model would write.
        """
        places = set(placed)
        homeless = {key for key in set(self.weights) - places if is_adapter_tensor(key)}
        return sorted(places - set(self.weights) | homeless)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, settings and tensors."""
    return (folder / ADAPTER_CONFIG).is_file() and (folder / ADAPTER_WEIGHTS).is_file()
