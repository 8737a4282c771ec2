"""Decides what learns: freezes parts, puts LoRA adapters in, takes up an earlier run's weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from sightwright import extras
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.checkpoints import refuse_torn
from sightwright.model.load import load_model, torch_dtype
from sightwright.model.parts import (
    PARTS,
    Part,
    adaptable_modules,
    is_frozen,
    linear_targets,
    nearest,
    part_of,
    saved_modules,
)

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedModel

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_PREPARED = "sightwright_prepared"
# Starts that leave the base weights as they are; the others (PiSSA, OLoRA, …) rewrite them.
_HARMLESS_STARTS: tuple[bool | str, ...] = (True, False, "gaussian", "orthogonal")


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


@dataclass(frozen=True)
class _Plan:
    """What PEFT is told: full module names."""

    targets: list[str]
    saved: list[str]


def prepare_model(
    model: PreTrainedModel, tuner: Tuner, *, resume_from: str | Path | None = None
) -> PreTrainedModel | PeftModel:
    """Make exactly what `tuner` says learn, and mark the model as prepared.

    Args:
        model: as `load_model` gives it; changed in place.
        resume_from: a checkpoint to take weights from (an adapter, or a whole model), by default
            `tuner.resume_from_checkpoint`. Adapters found there go on learning, parts that it
            does not have start fresh; optimiser and step count do not come along.

    Raises:
        ModelError: a pattern that matches nothing, a checkpoint that does not fit, or a train_type
            that this version cannot run.
    """
    resume = _checkpoint(resume_from or tuner.resume_from_checkpoint, tuner)
    if tuner.train_type not in ("lora", "qlora", "full"):
        raise ModelError(
            f"tuner.train_type {tuner.train_type!r} cannot be run by this version",
            remedy="lora, qlora or full",
        )
    _check_quantized(model, tuner)
    if resume is not None and not _is_adapter(resume):
        _take_weights(model, resume)
    if tuner.train_type == "full":
        prepared: PreTrainedModel | PeftModel = model
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not is_frozen(part_of(name), tuner))
    else:
        prepared = _add_lora(model, tuner, resume if resume and _is_adapter(resume) else None)
    if not any(parameter.requires_grad for parameter in prepared.parameters()):
        raise ModelError("nothing would learn: every parameter is frozen", where="tuner")
    setattr(prepared, _PREPARED, True)
    return prepared


def load_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Put a saved adapter on its base model, to be used and not trained.

    Raises:
        ModelError: no adapter there, or one for another model.
    """
    from peft import PeftModel, get_peft_model_state_dict

    if not _is_adapter(folder):
        what = f"no {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS} here" if folder.is_dir() else "no folder"
        raise ModelError(what, where=f"adapters {str(folder)!r}")
    refuse_torn(folder)
    try:
        with _quiet_peft():
            loaded = PeftModel.from_pretrained(model, str(folder))
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"the adapter does not fit this model: {error}", where=str(folder)
        ) from error
    # PEFT only warns of tensors that it could not place.
    placed = get_peft_model_state_dict(loaded, save_embedding_layers=False)
    given = _adapter_weights(folder)
    if strays := sorted(
        set(placed) - set(given) | {k for k in set(given) - set(placed) if _is_lora(k)}
    ):
        raise ModelError(
            f"tensors of the adapter and places in the model differ: {', '.join(strays[:5])}",
            where=str(folder),
        )
    loaded.eval()
    return loaded


def is_prepared(model: nn.Module) -> bool:
    """Whether `prepare_model` made this model; only such a one may be trained and saved."""
    return bool(getattr(model, _PREPARED, False))


def parts_table(model: nn.Module) -> list[PartRow]:
    """One row for each part that the model has, in the order of `PARTS`."""
    parameters, trainable = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)
    learning: dict[Part, set[str]] = {part: set() for part in PARTS}
    for name, parameter in _counted(model):
        part = part_of(name)
        parameters[part] += _size(parameter)
        if parameter.requires_grad:
            trainable[part] += _size(parameter)
            learning[part].add(_module_of(name))
    return [
        PartRow(part, parameters[part], trainable[part], len(learning[part]))
        for part in PARTS
        if parameters[part]
    ]


def _counted(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters, without the originals that PEFT keeps beside what modules_to_save trains."""
    for name, parameter in model.named_parameters():
        if ".original_module." not in name:
            yield name, parameter


def _size(parameter: nn.Parameter) -> int:
    # bitsandbytes packs two 4-bit weights into a byte, and knows the shape they had.
    state = getattr(parameter, "quant_state", None)
    return int(state.shape.numel()) if state is not None else parameter.numel()


def _module_of(name: str) -> str:
    """`….q_proj.lora_A.default.weight` and `….q_proj.base_layer.weight` are both of `….q_proj`."""
    for inside in (".lora_", ".base_layer.", ".modules_to_save."):
        name = name.split(inside)[0]
    return name.removesuffix(".weight").removesuffix(".bias")


def _checkpoint(resume_from: str | Path | None, tuner: Tuner) -> Path | None:
    if resume_from is None:
        return None
    folder = Path(resume_from)
    has_model = any(folder.glob("model*.safetensors"))
    if not (has_model or _is_adapter(folder)):
        what = "neither an adapter nor model weights" if folder.is_dir() else "no such folder"
        raise ModelError(what, where=f"resume_from_checkpoint {str(folder)!r}")
    refuse_torn(folder)
    if _is_adapter(folder) and tuner.train_type == "full":
        raise ModelError(
            "this checkpoint holds an adapter, and train_type is full",
            where=f"resume_from_checkpoint {str(folder)!r}",
            remedy="merge it (sightwright merge) and give the merged folder as model.model",
        )
    return folder


def _is_adapter(folder: Path) -> bool:
    return (folder / ADAPTER_CONFIG).is_file() and (folder / ADAPTER_WEIGHTS).is_file()


def _check_quantized(model: nn.Module, tuner: Tuner) -> None:
    quantized = getattr(model, "quantization_method", None) is not None
    if tuner.train_type == "qlora" and not quantized:
        extras.require("bitsandbytes", "quant")
        raise ModelError(
            "train_type is qlora, but the base model is not quantised",
            remedy="set quantization.quant_bits: 4 (it needs a GPU)",
        )
    if tuner.train_type == "full" and quantized:
        raise ModelError("quantised weights cannot learn in full", remedy="train_type: qlora")


def _take_weights(model: PreTrainedModel, folder: Path) -> None:
    # Through from_pretrained, because files on disk may spell tensors otherwise (MoE experts).
    other = load_model(folder, device="cpu")
    try:
        model.load_state_dict(other.state_dict())
    except RuntimeError as error:
        raise ModelError(f"the weights do not fit: {error}", where=str(folder)) from None


def _add_lora(model: PreTrainedModel, tuner: Tuner, resume: Path | None) -> PeftModel:
    from peft import get_peft_model

    weights = _adapter_weights(resume) if resume else {}
    plan = _plan(model, tuner, resume, weights)
    config = _lora_config(model, tuner, plan)
    if resume is not None:
        _check_same_adapter(config, resume)
    with _quiet_peft():
        wrapped = cast("PeftModel", get_peft_model(model, config))
    for name, parameter in wrapped.named_parameters():
        if _is_base(name) and is_frozen(part_of(name), tuner):
            parameter.requires_grad_(False)
    if tuner.lora_dtype is not None:
        _cast_adapter(wrapped, cast("torch.dtype", torch_dtype(tuner.lora_dtype)))
    if weights:
        _load_adapter(wrapped, weights, cast("Path", resume))
    return wrapped


@contextmanager
def _quiet_peft() -> Iterator[None]:
    """Without a warning of transformers 5.23 that is meant for peft 0.21 (November 2026)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        yield


def _is_lora(name: str) -> bool:
    return ".lora_" in name


def _is_base(name: str) -> bool:
    return not _is_lora(name) and ".modules_to_save." not in name


def _plan(
    model: PreTrainedModel, tuner: Tuner, resume: Path | None, weights: dict[str, torch.Tensor]
) -> _Plan:
    """The modules of the YAML, and those that the checkpoint has an adapter for."""
    saved = saved_modules(model, tuner)
    if resume is None:
        return _Plan(linear_targets(model, tuner), saved)
    there = tuple(_adapter_config(resume).modules_to_save or ())
    found = saved_modules(model, tuner.model_copy(update={"modules_to_save": there}))
    saved = list(dict.fromkeys(saved + found))
    names = [key.split(".lora_")[0].removeprefix(_PREFIX) for key in weights if _is_lora(key)]
    if tuner.target_parameters:
        # Adapters of parameters sit on modules (MoE experts) that are no targets themselves.
        adaptable = adaptable_modules(model)
        names = [name for name in names if name in adaptable]
    _check_known(model, names, resume)
    fresh = linear_targets(model, tuner.model_copy(update={"modules_to_save": tuple(saved)}))
    return _Plan(list(dict.fromkeys(fresh + names)), saved)


def _check_known(model: nn.Module, names: Sequence[str], folder: Path) -> None:
    known = {name for name, _ in model.named_modules()}
    if unknown := [name for name in names if name not in known]:
        raise ModelError(
            f"an adapter for modules that this model does not have: {', '.join(unknown[:5])}",
            where=str(folder),
            remedy="resume from a checkpoint of the same base model",
        )


def _lora_config(model: nn.Module, tuner: Tuner, plan: _Plan) -> LoraConfig:
    from peft import LoraConfig
    from peft.utils.constants import DUMMY_TARGET_MODULES

    settings: dict[str, Any] = {"target_modules": plan.targets or DUMMY_TARGET_MODULES}
    if tuner.target_parameters:
        settings = {"target_modules": plan.targets or None}
        settings["target_parameters"] = _checked_parameters(model, tuner)
    return LoraConfig(
        r=tuner.lora_rank,
        # PEFT only divides by r, so a fraction is fine; its type hint says otherwise.
        lora_alpha=cast("int", _whole(tuner.lora_alpha)),
        lora_dropout=tuner.lora_dropout,
        bias=tuner.lora_bias,
        use_rslora=tuner.use_rslora,
        use_dora=tuner.use_dora,
        init_lora_weights=cast("Any", tuner.init_weights),
        modules_to_save=plan.saved or None,
        task_type="CAUSAL_LM",
        **settings,
    )


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _checked_parameters(model: nn.Module, tuner: Tuner) -> list[str]:
    names = [name for name, _ in model.named_parameters()]
    for wanted in tuner.target_parameters:
        if not any(name == wanted or name.endswith(f".{wanted}") for name in names):
            near = nearest(wanted, names)
            raise ModelError(
                "matches no parameter of this model",
                where=f"tuner.target_parameters {wanted!r}",
                remedy=f"nearest: {', '.join(near)}" if near else None,
            )
    return list(tuner.target_parameters)


def _cast_adapter(model: nn.Module, dtype: torch.dtype) -> None:
    for name, parameter in model.named_parameters():
        if _is_lora(name):
            parameter.data = parameter.data.to(dtype)


def _adapter_config(folder: Path) -> LoraConfig:
    from peft import LoraConfig, PeftConfig

    config = PeftConfig.from_pretrained(str(folder))
    if not isinstance(config, LoraConfig):
        raise ModelError(f"adapter of type {config.peft_type}, not LORA", where=str(folder))
    return config


def _adapter_weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / ADAPTER_WEIGHTS)
    except SafetensorError as error:
        raise ModelError(f"broken: {error}", where=str(folder / ADAPTER_WEIGHTS)) from None


def _check_same_adapter(config: LoraConfig, folder: Path) -> None:
    """The same numbers mean another update under another rank, alpha or kind."""
    found = _adapter_config(folder)
    keys = ("r", "lora_alpha", "use_rslora", "use_dora")
    differing = [
        f"{key} {getattr(found, key)} there, {getattr(config, key)} here"
        for key in keys
        if getattr(found, key) != getattr(config, key)
    ]
    starts = (found.init_lora_weights, config.init_lora_weights)
    if any(start not in _HARMLESS_STARTS for start in starts):
        differing.append(
            "init_weights rewrote the base weights, so the adapter does not stand alone"
        )
    if differing:
        raise ModelError(
            f"the adapter does not fit this tuner: {'; '.join(differing)}", where=str(folder),
            remedy="use the checkpoint's settings, or merge it first",
        )  # fmt: skip


def _load_adapter(model: PeftModel, weights: dict[str, torch.Tensor], folder: Path) -> None:
    from peft import set_peft_model_state_dict

    try:
        result = set_peft_model_state_dict(model, weights)
    except RuntimeError as error:
        raise ModelError(f"the adapter does not fit: {error}", where=str(folder)) from None
    if result.unexpected_keys:
        raise ModelError(
            f"tensors that fit nowhere: {', '.join(result.unexpected_keys[:5])}", where=str(folder)
        )
