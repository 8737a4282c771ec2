"""`template`: how a conversation and its images become tokens."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, PositiveInt

from sightwright.config.section import Fault, Section

PIXELS_PER_TOKEN = 32 * 32
"""One image token of Qwen3-VL: patches of 16 pixels, merged two by two."""


class Template(Section):
    template: Literal["qwen3_vl"] = Field(
        default="qwen3_vl", description="the model's own chat template"
    )
    max_length: PositiveInt | None = Field(
        default=None, description="a record that reaches it raises; global_max_length sets it"
    )
    truncation_strategy: Literal["raise", "left", "right", "delete"] = Field(
        default="raise", description="what becomes of an over-long record"
    )
    max_pixels: PositiveInt | None = Field(
        default=None, description="pixel budget of an image, from ingest to service"
    )
    min_pixels: PositiveInt | None = Field(
        default=None, description="smaller images are enlarged to this many pixels"
    )
    system: str | None = Field(
        default=None, description="system turn, or a .txt file that holds it"
    )
    supervise: Literal["last", "all_turns"] = Field(
        default="last", description="which assistant turns are learnt"
    )

    def faults(self) -> Iterator[Fault]:
        low, high = self.min_pixels, self.max_pixels
        if low is not None and high is not None and low > high:
            yield Fault("min_pixels", f"{low} is above max_pixels {high}", "lower it")
        if high is not None and high < PIXELS_PER_TOKEN:
            yield Fault(
                "max_pixels",
                f"{high} is below one image token ({PIXELS_PER_TOKEN} pixels)",
                "2097152 is an A4 page at about 150 dpi",
            )
