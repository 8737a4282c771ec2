"""DeepSpeed settings by name: how much of a model's training each process keeps to itself.

zero0  nothing is sharded: plain data parallelism
zero1  the optimiser's state
zero2  and the gradients
zero3  and the weights, which are gathered layer by layer while they are needed: slower

`_offload` keeps what is sharded in the host's memory. Every `auto` is filled in from the run's own
settings (transformers' DeepSpeed integration), so that nothing is said twice.
"""

from typing import Any

AUTO = "auto"

FROM_THE_RUN = {
    "train_batch_size": "training.effective_batch_size",
    "train_micro_batch_size_per_gpu": "training.per_device_train_batch_size",
    "gradient_accumulation_steps": "training.effective_batch_size",
    "gradient_clipping": "training.max_grad_norm",
}
"""DeepSpeed's key → where this YAML says it."""

_STAGES: dict[str, tuple[int, bool]] = {
    "zero0": (0, False),
    "zero1": (1, False),
    "zero2": (2, False),
    "zero3": (3, False),
    "zero1_offload": (1, True),
    "zero2_offload": (2, True),
    "zero3_offload": (3, True),
}
PRESETS = tuple(_STAGES)


def settings(config: str | dict[str, Any]) -> dict[str, Any]:
    """A whole DeepSpeed configuration: a preset's, or `config` with what it leaves to the run."""
    common: dict[str, Any] = {
        **dict.fromkeys(FROM_THE_RUN, AUTO),
        "bf16": {"enabled": AUTO},
        "fp16": {"enabled": AUTO},
    }
    own = {"zero_optimization": _zero(*_STAGES[config])} if isinstance(config, str) else config
    return {**common, **own}


def stage_of(config: str | dict[str, Any]) -> int:
    """0 to 3."""
    return int(settings(config).get("zero_optimization", {}).get("stage", 0))


def _zero(stage: int, offloads: bool) -> dict[str, Any]:
    host = {"device": "cpu", "pin_memory": True}
    found: dict[str, Any] = {"stage": stage}
    if stage >= 2:
        found |= {"overlap_comm": True, "contiguous_gradients": True, "reduce_bucket_size": AUTO}
    if stage == 3:
        found |= {
            "stage3_prefetch_bucket_size": AUTO,
            "stage3_param_persistence_threshold": AUTO,
            # A checkpoint is a model that loads anywhere, not a shard.
            "stage3_gather_16bit_weights_on_model_save": True,
        }
    if offloads:
        found["offload_optimizer"] = host
        if stage == 3:
            found["offload_param"] = host
    return found
