"""AdaLoRA beside the training loop: ranks are cut where they matter least, step by step.

Zhang et al., "Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning" (arXiv 2303.10512),
as PEFT computes it. Three things are done here that PEFT leaves to the loop or does otherwise:

- The penalty that keeps the factors orthogonal is PEFT's where the model returns a loss. Ours is a
  sum over tokens, so its gradient is added here, once a step, after clipping.
- A checkpoint keeps every factor at its full rank, with zeros where a rank was cut, so that a run
  can go on from it. PEFT would leave the cut ones out.
- The importance of each weight, gathered over the steps, is written into each checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightwright.config.schema import Config
from sightwright.errors import ConfigError, ModelError
from sightwright.train.sharding import Sharding

if TYPE_CHECKING:
    from peft import AdaLoraConfig
    from peft.tuners.adalora import AdaLoraModel, RankAllocator

FILE = "adalora_ranks.safetensors"
_MEANS = ("exp_avg_ipt", "exp_avg_unc")
_PATTERN = "rank_pattern"


def rank_callbacks(config: Config, sharding: Sharding, resume: Path | None) -> list[AdaLoraRanks]:
    """What an AdaLoRA run needs beside the others; nothing for other runs.

    Args:
        resume: the checkpoint that the run goes on from.

    Raises:
        ConfigError: the weights lie in shards.
    """
    if config.tuner.train_type != "adalora":
        return []
    if sharding.kind != "whole":
        raise ConfigError(
            f"AdaLoRA looks at whole weights and gradients, which {sharding.kind} shards",
            where="tuner.train_type",
            remedy="run it with torchrun alone (DDP), or train_type: lora",
        )
    return [AdaLoraRanks(resume, keeps_state=not config.training.save_only_model)]


class AdaLoraRanks(TrainerCallback):
    """Tells AdaLoRA of every step, from the first to the last of the run.

    Args:
        resume: the checkpoint that the run goes on from.
        keeps_state: whether `write` writes.
    """

    def __init__(self, resume: Path | None = None, *, keeps_state: bool = True) -> None:
        self._resume = resume
        self._keeps_state = keeps_state
        self._pattern: dict[str, list[bool]] | None = None
        self._ranks: RankAllocator | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **_: Any,
    ) -> None:
        tuner = _adalora(model)
        settings = _settings(tuner)
        require_room(settings, state.max_steps)
        tuner.rankallocator.set_total_step(state.max_steps)
        self._ranks = tuner.rankallocator
        if state.global_step:
            self._restore(tuner)

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **_: Any,
    ) -> None:
        tuner = _adalora(model)
        if weight := _settings(tuner).orth_reg_weight:
            (weight * orthogonality(tuner)).backward()

    def on_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **_: Any,
    ) -> None:
        tuner = _adalora(model)
        settings = _settings(tuner)
        # Left in the settings, the pattern would make PEFT write less than the run needs to go on.
        settings.rank_pattern = self._pattern
        tuner.update_and_allocate(state.global_step + 1)
        self._pattern, settings.rank_pattern = settings.rank_pattern, None

    def write(self, folder: Path) -> None:
        """Write into a checkpoint what the next step needs; nothing before the first."""
        if self._ranks is None or not self._keeps_state:
            return
        tensors = {
            f"{mean}/{name}": tensor.contiguous()
            for mean in _MEANS
            for name, tensor in getattr(self._ranks, mean).items()
        }
        for name, kept in (self._pattern or {}).items():
            tensors[f"{_PATTERN}/{name}"] = torch.tensor(kept)
        save_file(tensors, folder / FILE)

    def _restore(self, tuner: AdaLoraModel) -> None:
        path = None if self._resume is None else self._resume / FILE
        if path is None or not path.is_file():
            raise ModelError(
                f"this checkpoint has no {FILE}: how much each rank matters is not known",
                where=str(self._resume),
                remedy="go on from a checkpoint with it, or start anew from this one's weights: "
                "tuner.resume_from_checkpoint",
            )
        devices = {name: p.device for name, p in tuner.model.named_parameters()}
        pattern: dict[str, list[bool]] = {}
        with safe_open(path, framework="pt") as opened:
            for key in opened.keys():  # noqa: SIM118 - no mapping
                kind, name = key.split("/", 1)
                tensor: Tensor = opened.get_tensor(key)
                if kind == _PATTERN:
                    pattern[name] = tensor.tolist()
                    continue
                tensor = tensor.to(devices[name])
                getattr(tuner.rankallocator, kind)[name] = tensor
                tuner.rankallocator.ipt[name] = torch.zeros_like(tensor)
        self._pattern = pattern or None


def require_room(settings: AdaLoraConfig, num_steps: int) -> None:
    """
    Raises:
        ConfigError: a run so short that no step is left in which ranks could be cut.
    """
    last_cut = num_steps - settings.tfinal
    if last_cut <= max(settings.tinit, 1):
        raise ConfigError(
            f"a run of {num_steps} steps leaves AdaLoRA none to cut ranks in: adalora_tinit "
            f"{settings.tinit} at its start, adalora_tfinal {settings.tfinal} at its end",
            where="tuner.adalora_tfinal",
            remedy="lower both, or train longer",
        )


def orthogonality(model: nn.Module) -> Tensor:
    """How far AdaLoRA's factors are from orthogonal: the mean over all of them of ‖AAᵀ − I‖ and
    ‖BᵀB − I‖ (Frobenius), for A [rank, in] and B [out, rank]. A scalar with a gradient."""
    distances: list[Tensor] = []
    for name, factor in model.named_parameters():
        if ".lora_A." not in name and ".lora_B." not in name:
            continue
        gram = factor @ factor.T if ".lora_A." in name else factor.T @ factor
        one = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        distances.append(torch.linalg.norm(gram - one))
    return torch.stack(distances).mean()


def _adalora(model: nn.Module | None) -> AdaLoraModel:
    return cast("AdaLoraModel", getattr(model, "base_model", None))


def _settings(tuner: AdaLoraModel) -> AdaLoraConfig:
    (settings,) = tuner.peft_config.values()
    return cast("AdaLoraConfig", settings)
