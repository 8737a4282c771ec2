"""`model`: which weights, in which number format, with which attention."""

from typing import Any, Literal

from pydantic import Field, PositiveInt

from sightwright.config.section import Section

TINY = "tiny"
"""`model.model: tiny` is the packaged model that learns on a CPU."""


def misnamed(model: str | None) -> str | None:
    """What is meant by 32B-A3B, a name that the user documents have and no release has."""
    if model is None or "32b-a3b" not in model.lower():
        return None
    return (
        "no release of Qwen3-VL is called 32B-A3B; did you mean Qwen/Qwen3-VL-30B-A3B-Instruct "
        "(mixture of experts) or Qwen/Qwen3-VL-32B-Instruct (dense)?"
    )


class Model(Section):
    model: str | None = Field(
        default=None, description="folder or hub id of the base model; `tiny` is the packaged one"
    )
    model_type: Literal["qwen3_vl", "qwen3_vl_moe", "qwen3_moe_vl"] | None = Field(
        default=None, description="taken for ms-swift's sake: the model's config.json decides"
    )
    model_revision: str | None = Field(default=None, description="hub branch, tag or commit")
    torch_dtype: Literal["bfloat16", "float16", "float32", "auto"] = Field(
        default="auto", description="number format of the weights; auto is that of the checkpoint"
    )
    attn_impl: Literal["flash_attention_2", "flash_attn", "sdpa", "eager"] = Field(
        default="sdpa",
        description="attention kernels; flash_attention_2 runs an exact equivalent where the "
        "flash-attn package is missing, and says so",
    )
    compile_layers: bool = Field(
        default=False,
        description="compile each layer on its own (torch.compile): a minute at the start, then "
        "faster steps on a GPU, whatever the lengths",
    )
    max_model_len: PositiveInt | None = Field(
        default=None, description="longest sequence in tokens; global_max_length sets it"
    )
    device_map: str | dict[str, Any] | None = Field(
        default=None, description="placement of the layers as accelerate takes it"
    )
