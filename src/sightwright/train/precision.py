"""Which number format this machine trains in: bfloat16 where it is fast, and otherwise fp32, said
aloud and written down."""

from dataclasses import dataclass

from sightwright.config.schema import Config
from sightwright.config.training_arguments import HalfPrecision


@dataclass(frozen=True)
class Precision:
    """What runs, and why it differs from the YAML ("" when it does not).

    Attributes:
        weights: format of the base weights, by its name in the YAML.
        half: 16-bit arithmetic of the training step; None for fp32.
    """

    weights: str
    half: HalfPrecision | None
    reason: str = ""


def choose_precision(config: Config, device_half: HalfPrecision | None) -> Precision:
    """The formats of this run.

    Args:
        device_half: the best 16-bit format of the device, from `device_half_precision`.
    """
    training, weights = config.training, config.model.torch_dtype
    wanted: HalfPrecision | None = "bf16" if training.bf16 is True else None
    wanted = "fp16" if training.fp16 else wanted
    if training.bf16 == "auto":
        wanted = device_half
    half_weights = weights in ("bfloat16", "float16")
    if device_half is None and (wanted is not None or half_weights):
        asked = wanted or weights
        return Precision("float32", None, f"{asked} needs a GPU: training in float32 instead")
    if device_half == "fp16" and (wanted == "bf16" or weights == "bfloat16"):
        return Precision("float32", None, "this GPU has no bfloat16: training in float32 instead")
    return Precision(weights, wanted)


def device_half_precision() -> HalfPrecision | None:
    """bf16 or fp16 on a GPU; None on a CPU, where both are slower than fp32."""
    import torch

    if not torch.cuda.is_available():
        return None
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
