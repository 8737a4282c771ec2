"""An earlier run's weights, from which a new one starts: stage 1 into stage 2.

Adapters found in the checkpoint go on learning, parts that it does not have start fresh; optimiser
and step count do not come along.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.adapter_kinds import Targets, differences, parameters_of
from sightwright.model.checkpoints import best_of_run, refuse_torn
from sightwright.model.load import load_model
from sightwright.model.parts import adaptable_modules, linear_targets, saved_modules
from sightwright.model.saved_adapter import SavedAdapter, is_adapter

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from transformers import PreTrainedModel


def checkpoint_folder(resume_from: str | Path | None, tuner: Tuner) -> Path | None:
    """The folder to start from, looked at from outside; of a finished run its best checkpoint.

    Raises:
        ModelError: nothing there to take up, or an adapter where whole weights shall learn.
    """
    if resume_from is None:
        return None
    folder = best_of_run(Path(resume_from))
    where = f"resume_from_checkpoint {str(folder)!r}"
    has_model = any(folder.glob("model*.safetensors"))
    if not (has_model or is_adapter(folder)):
        what = "neither an adapter nor model weights" if folder.is_dir() else "no such folder"
        raise ModelError(what, where=where)
    refuse_torn(folder)
    if is_adapter(folder) and tuner.train_type == "full":
        raise ModelError(
            "this checkpoint holds an adapter, and train_type is full",
            where=where,
            remedy="merge it (sightwright merge) and give the merged folder as model.model",
        )
    return folder


def take_weights(model: PreTrainedModel, folder: Path) -> None:
    """Lay a whole checkpoint over the base model.

    Raises:
        ModelError: of another model.
    """
    # Through from_pretrained, because files on disk may spell tensors otherwise (MoE experts).
    other = load_model(folder, device="cpu")
    try:
        model.load_state_dict(other.state_dict())
    except RuntimeError as error:
        raise ModelError(f"the weights do not fit: {error}", where=str(folder)) from None


def targets_of_both(model: nn.Module, tuner: Tuner, found: SavedAdapter) -> Targets:
    """What the YAML names, and what the checkpoint has an adapter for.

    Raises:
        ModelError: as `linear_targets`; or modules that this model does not have, or that would
            get both an adapter and a copy.
    """
    there = tuner.model_copy(update={"modules_to_save": found.saved_modules})
    saved = list(dict.fromkeys(saved_modules(model, tuner) + saved_modules(model, there)))
    names = found.adapted_modules()
    _check_known(model, names, found.folder)
    _refuse_both(names, saved, found.folder)
    # Adapters of parameters sit on modules (MoE experts) that are no targets themselves.
    adaptable = adaptable_modules(model, tuner)
    fresh = linear_targets(model, tuner.model_copy(update={"modules_to_save": tuple(saved)}))
    adapted = dict.fromkeys(fresh + [name for name in names if name in adaptable])
    parameters = dict.fromkeys((*tuner.target_parameters, *parameters_of(found.config)))
    return Targets(list(adapted), saved, tuple(parameters))


def require_same_adapter(found: SavedAdapter, wanted: PeftConfig) -> None:
    """
    Raises:
        ModelError: the same numbers would mean another update under these settings.
    """
    if differing := differences(found.config, wanted):
        raise ModelError(
            f"the adapter does not fit this tuner: {'; '.join(differing)}",
            where=str(found.folder),
            remedy="use the checkpoint's settings, or merge it first",
        )


def take_adapter(model: PeftModel, found: SavedAdapter) -> None:
    """Lay the checkpoint's adapter over the fresh one.

    Raises:
        ModelError: tensors that do not fit.
    """
    from peft import set_peft_model_state_dict

    try:
        result = set_peft_model_state_dict(model, found.weights)
    except RuntimeError as error:
        raise ModelError(f"the adapter does not fit: {error}", where=str(found.folder)) from None
    if result.unexpected_keys:
        strays = ", ".join(result.unexpected_keys[:5])
        raise ModelError(f"tensors that fit nowhere: {strays}", where=str(found.folder))


def _check_known(model: nn.Module, names: Sequence[str], folder: Path) -> None:
    known = {name for name, _ in model.named_modules()}
    if unknown := [name for name in names if name not in known]:
        raise ModelError(
            f"an adapter for modules that this model does not have: {', '.join(unknown[:5])}",
            where=str(folder),
            remedy="resume from a checkpoint of the same base model",
        )


def _refuse_both(adapted: Sequence[str], saved: Sequence[str], folder: Path) -> None:
    inside = tuple(f"{name}." for name in saved)
    if both := [name for name in adapted if f"{name}.".startswith(inside)]:
        raise ModelError(
            f"an adapter on what modules_to_save shall train in full: {', '.join(both[:5])}",
            where=str(folder),
            remedy="merge it first (sightwright merge) and give the merged folder as model.model, "
            "or leave these out of modules_to_save",
        )
