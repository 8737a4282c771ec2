"""transformers' Trainer where several processes share a model: what DDP, FSDP2 and ZeRO ask of it.

A step has several micro-batches, and Trainer believes it has one: when gradients are exchanged, and
when DeepSpeed takes its step, is said here. So is what it would wait for a device for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import (
    DistributedType,
    FullyShardedDataParallelPlugin,
    broadcast,
    parse_flag_from_env,
)
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import Trainer

from sightwright.errors import ConfigError
from sightwright.model.tied_head import give_the_head_its_own
from sightwright.train.progress import WHOLE_STATE


class GroupTrainer(Trainer):
    """See the module.

    Attributes:
        batches_per_rank: micro-batches of a step on each process, at most.
    """

    batches_per_rank: int = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_fsdp_enabled:
            # FSDP2 shards the head and the embedding each by itself, and refuses a shared tensor.
            give_the_head_its_own(cast("nn.Module", self.model))

    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        if _asks_for_fsdp(self.args) and not self.is_fsdp_enabled:
            _shard_on_cpu(self.args)
            self.is_fsdp_enabled = True
        state: Any = self.accelerator.state
        if self.is_fsdp_enabled and state.fsdp_plugin.fsdp_version != 2:
            raise ConfigError("FSDP 1 is not run", remedy="fsdp_version: 2")
        if self.is_deepspeed_enabled:
            self._tell_deepspeed()

    def _tell_deepspeed(self) -> None:
        """How many backward passes lead to a step, which our Trainer takes for one."""
        state: Any = self.accelerator.state
        config = state.deepspeed_plugin.deepspeed_config
        config["gradient_accumulation_steps"] = self.batches_per_rank
        of_a_step = self.batches_per_rank * self.args.world_size
        size = config.setdefault("train_micro_batch_size_per_gpu", self.args.train_batch_size)
        config["train_batch_size"] = size * of_a_step
        self.accelerator.gradient_accumulation_steps = self.batches_per_rank

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        if self.is_deepspeed_enabled and self.optimizer is not None:
            # Schedules read the rate there that the groups' own are measured against.
            sharded: Any = getattr(self.optimizer, "optimizer", self.optimizer)
            if not hasattr(sharded, "defaults"):
                sharded.defaults = sharded.optimizer.defaults
        return super().create_scheduler(num_training_steps, optimizer)

    @property
    def zero_stage(self) -> int:
        """0 also where DeepSpeed does not run."""
        plugin = self.accelerator.state.deepspeed_plugin if self.is_deepspeed_enabled else None
        return 0 if plugin is None else int(plugin.zero_stage)

    @property
    def state_kind(self) -> str:
        """Who writes the optimiser's state into a checkpoint, and reads it: `whole`, `FSDP`,
        `ZeRO-2`."""
        if self.is_deepspeed_enabled:
            return f"ZeRO-{self.zero_stage}"
        return "FSDP" if self.is_fsdp_enabled else WHOLE_STATE

    @contextmanager
    def exchanging(self, model: nn.Module, *, is_last: bool) -> Iterator[None]:
        """Around the forward and backward of a micro-batch.

        Copies of a whole model exchange their gradients once a step. Where gradients are sharded
        they are exchanged in each, because a process has no room for all of them.
        """
        self.accelerator.gradient_state._set_sync_gradients(is_last)
        whole = not (self.is_fsdp_enabled or self.is_deepspeed_enabled)
        if whole and not is_last:
            with self.accelerator.no_sync(model):
                yield
        else:
            yield

    def _prepare_input(self, data: Any) -> Any:
        # Behind what the device has to do: Trainer would wait for each of a batch's tensors.
        own = data.to(self.args.device, non_blocking=True) if isinstance(data, Tensor) else data
        return super()._prepare_input(own)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write an adapter, or a whole model, however it lies on the processes."""
        if self.is_fsdp_enabled:
            self._save(output_dir, state_dict=self._gathered())
        elif self.is_deepspeed_enabled and self.zero_stage < 3:
            # Every process has all weights.
            self._save(output_dir)
        else:
            super().save_model(output_dir, _internal_call)

    def _gathered(self) -> dict[str, Tensor]:
        """The weights to be written, whole, on the process that writes; nothing on the others."""
        model = self.model
        assert isinstance(model, nn.Module)
        # The parameters themselves, so that tied ones are seen to be one.
        state: dict[str, Tensor] = model.state_dict(keep_vars=True)
        if hasattr(model, "peft_config"):
            # Of a model with an adapter the base is not written, and need not travel.
            everything = model.named_parameters(remove_duplicate=False)
            frozen = {name for name, each in everything if not each.requires_grad}
            state = {name: value for name, value in state.items() if name not in frozen}
        gathered: dict[int, Tensor] = {}
        for value in state.values():
            whole = value.full_tensor() if isinstance(value, DTensor) else value
            if self.args.should_save:
                gathered[id(value)] = whole.detach().cpu()
        return {name: gathered[id(value)] for name, value in state.items() if id(value) in gathered}


def of_the_first(values: Tensor) -> Tensor:
    """Those of the first process, in all of them."""
    return cast("Tensor", broadcast(values, from_process=0))


def _asks_for_fsdp(args: Any) -> bool:
    return args.world_size > 1 and bool(args.fsdp or parse_flag_from_env("ACCELERATE_USE_FSDP"))


def _shard_on_cpu(args: Any) -> None:
    """accelerate turns to FSDP on accelerators alone, and would run DDP here without a word."""
    plugin = FullyShardedDataParallelPlugin(**(args.fsdp_plugin_args or {}))
    for state in (AcceleratorState._shared_state, PartialState._shared_state):
        state["distributed_type"] = DistributedType.FSDP
    AcceleratorState._shared_state["fsdp_plugin"] = plugin
