"""How a run lies on its processes: whole on each (DDP), or in shards (FSDP2, DeepSpeed's ZeRO).

The run's YAML says so (`deepspeed`, `training.fsdp`), or the file that `accelerate launch` was
started with, which it passes on in the environment.
"""

from __future__ import annotations

import json
import os
import socket
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sightwright import extras
from sightwright.config.schema import Config
from sightwright.errors import ConfigError

Kind = Literal["whole", "deepspeed", "fsdp"]


@dataclass(frozen=True)
class Sharding:
    """
    Attributes:
        kind: who shards; a checkpoint's optimiser state is written and read by the same.
        stage: ZeRO's; 0 for the others.
    """

    kind: Kind
    stage: int = 0

    @property
    def shards_weights(self) -> bool:
        """Whether a process holds only a part of each weight between two uses of it."""
        return self.kind == "fsdp" or self.stage == 3


WHOLE = Sharding("whole")


def sharding_of(config: Config, environment: Mapping[str, str] = os.environ) -> Sharding:
    """What this run does.

    Raises:
        MissingExtraError: it asks for DeepSpeed, which is not installed.
        ConfigError: quantised weights in shards.
    """
    found = _sharding_of(config, environment)
    if found.shards_weights and config.quantizes_base:
        raise ConfigError(
            "quantised weights are not put in shards by this version",
            where="quantization.quant_bits",
            remedy="configs/accelerate/ddp.yaml or zero2.yaml; or train_type: lora",
        )
    return found


def _sharding_of(config: Config, environment: Mapping[str, str]) -> Sharding:
    stage = None if config.deepspeed is None else config.deepspeed.stage
    if stage is None and _is_on(environment.get("ACCELERATE_USE_DEEPSPEED")):
        stage = _launched_stage(environment)
    if stage is not None:
        extras.require("deepspeed", "deepspeed")
        return Sharding("deepspeed", stage)
    if config.training.fsdp or _is_on(environment.get("ACCELERATE_USE_FSDP")):
        return Sharding("fsdp")
    return WHOLE


def fsdp_arguments(words: str, config: dict[str, Any] | str | None) -> dict[str, Any]:
    """`training.fsdp` and `training.fsdp_config` as transformers takes them from 5.20 on.

    Args:
        words: as `full_shard auto_wrap`.

    Raises:
        ConfigError: a word that FSDP2 has no use for.
    """
    meanings: dict[str, dict[str, Any]] = {
        "full_shard": {"reshard_after_forward": True},
        "shard_grad_op": {"reshard_after_forward": False},
        "offload": {"cpu_offload": True},
        "auto_wrap": {},
    }
    if unknown := [word for word in words.split() if word not in meanings]:
        raise ConfigError(
            f"{unknown[0]!r} is none of {', '.join(meanings)}", where="training.fsdp",
            remedy="fsdp: full_shard auto_wrap",
        )  # fmt: skip
    if isinstance(config, str):
        return {"fsdp": True, "fsdp_config": config}
    said: dict[str, Any] = {"version": 2}
    for word in words.split():
        said |= meanings[word]
    return {"fsdp": True, "fsdp_config": {**said, **(config or {})}}


def make_ready_for_deepspeed(has_gpu: bool) -> None:
    """What DeepSpeed needs of this process before it is started."""
    import deepspeed.ops

    if "RANK" not in os.environ:
        _be_a_group_of_one()
    if not has_gpu:
        # Compiled for minutes, to let CPUs exchange a little faster than by gloo.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    # Said by DeepSpeed 0.19 under torch 2.13 at every exchange (November 2026).
    text = ".*deprecated. Please use `torch.distributed"
    warnings.filterwarnings("ignore", text, FutureWarning)


def _be_a_group_of_one() -> None:
    """Without a launcher this process is told that it is the only one: DeepSpeed asks."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def _launched_stage(environment: Mapping[str, str]) -> int:
    file = environment.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none")
    if file != "none":
        zero = json.loads(Path(file).read_text(encoding="utf-8")).get("zero_optimization", {})
        return int(zero.get("stage", 0))
    return int(environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2"))


def _is_on(flag: str | None) -> bool:
    return flag is not None and flag.lower() in ("1", "true", "yes", "on")
