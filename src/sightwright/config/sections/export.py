"""`export`: how merged weights are written."""

from typing import Literal

from pydantic import Field, NonNegativeFloat

from sightwright.config.section import Section


class Export(Section):
    torch_dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="number format of the merged weights; auto is that of the base"
    )
    max_shard_size: str = Field(
        default="5GB", pattern=r"^\d+(\.\d+)?(KB|MB|GB)$", description="largest weight file"
    )
    parity_records: int = Field(
        default=8,
        ge=0,
        description="held-out records on which adapter and merged model are compared",
    )
    parity_tolerance: NonNegativeFloat = Field(
        default=1e-3, description="largest accepted difference of logits in float32"
    )
