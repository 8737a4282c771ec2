"""The YAML's `tuner` as the configuration of PEFT's own classes, one for each kind of adapter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from sightwright.config.sections.tuner import REWRITES_BASE, Tuner
from sightwright.errors import ModelError
from sightwright.model.parts import nearest

if TYPE_CHECKING:
    from peft import PeftConfig

# Settings under which the same tensors mean the same update.
_MUST_AGREE = {
    "LORA": ("r", "lora_alpha", "use_rslora", "use_dora"),
    "ADALORA": ("init_r", "lora_alpha"),
    "BOFT": ("boft_block_size", "boft_block_num"),
    "FOURIERFT": ("n_frequency", "scaling", "random_loc_seed"),
    "VERA": ("r", "projection_prng_key"),
}
# They compute something over all their modules together, and fail where there is none.
_NEED_TARGETS = ("adalora", "vera")


@dataclass(frozen=True)
class Targets:
    """What PEFT is told.

    Attributes:
        adapted: full names of the modules that get an adapter.
        saved: full names of those that learn whole.
        parameters: endings of the names of parameters that get one (a MoE's experts).
    """

    adapted: list[str]
    saved: list[str]
    parameters: tuple[str, ...] = ()


def peft_config(model: nn.Module, tuner: Tuner, targets: Targets) -> PeftConfig:
    """PEFT's configuration of this adapter.

    AdaLoRA's `total_step` is a stand-in: the trainer knows the length of the run.

    Raises:
        ModelError: a parameter that the model does not have, or a kind that cannot do without an
            adapted module.
    """
    from peft.utils.constants import DUMMY_TARGET_MODULES

    if tuner.train_type in _NEED_TARGETS and not targets.adapted:
        raise ModelError(
            f"{tuner.train_type} has no module to adapt",
            where="tuner.target_regex",
            remedy="train_type: lora, where modules_to_save alone shall learn",
        )
    shared: dict[str, Any] = {
        "target_modules": targets.adapted or DUMMY_TARGET_MODULES,
        "modules_to_save": targets.saved or None,
        "task_type": "CAUSAL_LM",
    }
    match tuner.train_type:
        case "lora" | "qlora":
            return _lora(model, tuner, targets, shared)
        case "adalora":
            return _adalora(tuner, shared)
        case "boft":
            return _boft(tuner, shared)
        case "fourierft":
            return _fourierft(tuner, shared)
        case "vera":
            return _vera(tuner, shared)
        case "full":
            raise AssertionError("weights that learn by themselves have no adapter")


def _lora(model: nn.Module, tuner: Tuner, targets: Targets, shared: dict[str, Any]) -> PeftConfig:
    from peft import LoraConfig

    if targets.parameters:
        _check_parameters(model, targets.parameters)
        shared |= {"target_modules": targets.adapted or None}
        shared |= {"target_parameters": list(targets.parameters)}
    return LoraConfig(
        r=tuner.lora_rank,
        lora_alpha=_whole(tuner.lora_alpha),
        lora_dropout=tuner.lora_dropout,
        bias=tuner.lora_bias,
        use_rslora=tuner.use_rslora,
        use_dora=tuner.use_dora,
        init_lora_weights=cast("Any", tuner.init_weights),
        **shared,
    )


def _adalora(tuner: Tuner, shared: dict[str, Any]) -> PeftConfig:
    from peft import AdaLoraConfig

    return AdaLoraConfig(
        init_r=tuner.adalora_init_r,
        target_r=tuner.adalora_target_r,
        tinit=tuner.adalora_tinit,
        tfinal=tuner.adalora_tfinal,
        deltaT=tuner.adalora_deltaT,
        beta1=tuner.adalora_beta1,
        beta2=tuner.adalora_beta2,
        orth_reg_weight=tuner.adalora_orth_reg_weight,
        total_step=tuner.adalora_tinit + tuner.adalora_tfinal + 1,
        lora_alpha=_whole(tuner.lora_alpha),
        lora_dropout=tuner.lora_dropout,
        bias=tuner.lora_bias,
        init_lora_weights=cast("Any", tuner.init_weights),
        **shared,
    )


def _boft(tuner: Tuner, shared: dict[str, Any]) -> PeftConfig:
    from peft import BOFTConfig

    return BOFTConfig(
        boft_block_size=tuner.boft_block_size,
        boft_block_num=tuner.boft_block_num,
        boft_n_butterfly_factor=tuner.boft_n_butterfly_factor,
        boft_dropout=tuner.boft_dropout,
        bias=_bias(tuner, "boft_only"),
        init_weights=bool(tuner.init_weights),
        **shared,
    )


def _fourierft(tuner: Tuner, shared: dict[str, Any]) -> PeftConfig:
    from peft import FourierFTConfig

    return FourierFTConfig(
        n_frequency=tuner.fourier_n_frequency,
        scaling=tuner.fourier_scaling,
        bias=_bias(tuner, "fourier_only"),
        # To PEFT True is a spectrum of zeros: the base model unchanged.
        init_weights=bool(tuner.init_weights),
        **shared,
    )


def _vera(tuner: Tuner, shared: dict[str, Any]) -> PeftConfig:
    from peft import VeraConfig

    return VeraConfig(
        r=tuner.vera_rank,
        projection_prng_key=tuner.vera_projection_prng_key,
        vera_dropout=tuner.vera_dropout,
        d_initial=tuner.vera_d_initial,
        bias=_bias(tuner, "vera_only"),
        init_weights=bool(tuner.init_weights),
        **shared,
    )


def _bias(tuner: Tuner, own: str) -> str:
    return own if tuner.lora_bias == "lora_only" else tuner.lora_bias


def _whole(number: float) -> int:
    # PEFT only divides by r, so a fraction is fine; its type hint says otherwise.
    return int(number) if number == int(number) else cast("int", number)


def _check_parameters(model: nn.Module, parameters: Sequence[str]) -> None:
    names = [name for name, _ in model.named_parameters()]
    for wanted in parameters:
        if not any(name == wanted or name.endswith(f".{wanted}") for name in names):
            near = nearest(wanted, names)
            raise ModelError(
                "matches no parameter of this model",
                where=f"tuner.target_parameters {wanted!r}",
                remedy=f"nearest: {', '.join(near)}" if near else None,
            )


def differences(found: PeftConfig, wanted: PeftConfig) -> Sequence[str]:
    """Why the tensors of one adapter cannot be taken for those of another; empty where they can."""
    if found.peft_type != wanted.peft_type:
        return [f"{_kind(found)} there, {_kind(wanted)} here"]
    reasons = [
        f"{key} {getattr(found, key)} there, {getattr(wanted, key)} here"
        for key in _MUST_AGREE[_kind(wanted)]
        if getattr(found, key) != getattr(wanted, key)
    ]
    # Adapters of several parameters of one module are named by their order.
    there, here = (frozenset(parameters_of(config)) for config in (found, wanted))
    if there and there != here:
        reasons.append(f"target_parameters {sorted(there)} there, {sorted(here)} here")
    if any(getattr(config, "init_lora_weights", None) in _REWRITING for config in (found, wanted)):
        reasons.append("init_weights rewrote the base weights, so the adapter does not stand alone")
    if getattr(found, "rank_pattern", None) and _kind(found) == "ADALORA":
        reasons.append("its ranks are cut already")
    return reasons


def parameters_of(config: PeftConfig) -> tuple[str, ...]:
    """Endings of the names of parameters that an adapter is of."""
    return tuple(getattr(config, "target_parameters", None) or ())


_REWRITING = (*REWRITES_BASE, "corda", "loftq", "lora_ga")


def _kind(config: PeftConfig) -> str:
    return str(getattr(config.peft_type, "value", config.peft_type))


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Without warnings of PEFT that tell nothing: one of transformers 5.23, meant for peft 0.21
    (November 2026); that BOFT's CUDA extension, which one factor does not need, is missing; and its
    advice on tied heads, which `tied_head` and a merge follow."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        warnings.filterwarnings("ignore", "Failed to load the CUDA extension", UserWarning)
        warnings.filterwarnings("ignore", "Setting boft_n_butterfly_factor to 1", UserWarning)
        warnings.filterwarnings("ignore", "The following rank_pattern keys", RuntimeWarning)
        warnings.filterwarnings("ignore", ".*tie_word_embeddings", UserWarning)
        yield
