"""`deepspeed`: ZeRO sharding, on only when `enabled` says so."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from sightwright.config.section import Fault, Section

PRESETS = (
    "zero0",
    "zero1",
    "zero2",
    "zero3",
    "zero2_offload",
    "zero3_offload",
)


class DeepSpeed(Section):
    enabled: bool = Field(description="whether DeepSpeed runs")
    config: str | dict[str, Any] | None = Field(
        default=None,
        description="zero0 to zero3, zero2_offload, zero3_offload, a .json file, or a mapping",
    )

    def faults(self) -> Iterator[Fault]:
        if self.config is None:
            if self.enabled:
                yield Fault("config", "is required when DeepSpeed is enabled", "config: zero2")
        elif isinstance(self.config, str) and not self._is_known(self.config):
            text = f"{self.config!r} is neither a .json file nor a known name"
            yield Fault("config", text, f"one of {', '.join(PRESETS)}")

    @staticmethod
    def _is_known(config: str) -> bool:
        return config in PRESETS or config.endswith(".json")
