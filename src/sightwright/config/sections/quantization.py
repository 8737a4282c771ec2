"""`quantization`: the base model's weights in fewer bits while adapters learn (QLoRA)."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from sightwright.config.section import Fault, Section


class Quantization(Section):
    quant_bits: Literal[4, 8] | None = Field(
        default=None,
        description="bits a weight of the base under a LoRA: 4 is what train_type: qlora means; "
        "with train_type: lora it says the same",
    )
    quant_method: Literal["bnb", "awq", "gptq", "fp8", "hqq", "eetq"] | None = Field(
        default=None, description="how; bnb (bitsandbytes) quantises while loading"
    )
    bnb_4bit_compute_dtype: Literal["bfloat16", "float16", "float32"] | None = Field(
        default=None, description="format of the arithmetic; model.torch_dtype when absent"
    )
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = Field(default="nf4", description="4-bit code")
    bnb_4bit_use_double_quant: bool = Field(default=True, description="quantise the scales as well")
    bnb_4bit_quant_storage: Literal["uint8", "bfloat16", "float16", "float32"] | None = Field(
        default=None, description="storage format; FSDP needs that of the other weights"
    )

    def faults(self) -> Iterator[Fault]:
        if self.quant_bits == 8 and self.quant_method not in (None, "bnb"):
            text = f"8 bits are read with bnb alone, not {self.quant_method}"
            yield Fault("quant_bits", text, "quant_method: bnb, or quant_bits: 4")
        if self.quant_bits is None and self.quant_method == "bnb":
            text = "bnb quantises, and quant_bits is not given"
            yield Fault("quant_method", text, "quant_bits: 4")
