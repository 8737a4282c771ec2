"""`deepspeed`: ZeRO sharding, on only when `enabled` says so."""

from collections.abc import Iterator
from typing import Any, cast

from pydantic import Field

from sightwright.config.deepspeed_presets import AUTO, FROM_THE_RUN, PRESETS, settings, stage_of
from sightwright.config.section import Fault, Section
from sightwright.config.suggestions import did_you_mean

_OURS = {
    "optimizer": "training.optim and training.optimizer choose it",
    "scheduler": "training.lr_scheduler_type chooses it",
}


class DeepSpeed(Section):
    enabled: bool = Field(description="whether DeepSpeed runs")
    config: str | dict[str, Any] | None = Field(
        default=None,
        description="zero0 to zero3, zero1_offload to zero3_offload, a .json file, or a mapping",
    )

    @property
    def stage(self) -> int | None:
        """ZeRO's, 0 to 3; None where DeepSpeed does not run."""
        return stage_of(self.config) if self.enabled and self.config is not None else None

    def settings(self) -> dict[str, Any] | None:
        """What DeepSpeed is told; None where it does not run."""
        return settings(self.config) if self.enabled and self.config is not None else None

    def faults(self) -> Iterator[Fault]:
        if self.config is None:
            if self.enabled:
                yield Fault("config", "is required when DeepSpeed is enabled", "config: zero2")
        elif isinstance(self.config, str):
            if self.config not in PRESETS:
                text = f"{self.config!r} is neither a .json file nor a known name"
                yield Fault("config", text, did_you_mean(self.config, PRESETS))
        else:
            yield from _mapping_faults(self.config)


def _mapping_faults(config: dict[str, Any]) -> Iterator[Fault]:
    for key, place in _OURS.items():
        if key in config:
            yield Fault("config", f"has a section {key}", f"delete it: {place}")
    for key, place in FROM_THE_RUN.items():
        if config.get(key, AUTO) != AUTO:
            yield Fault("config", f"{key} is {config[key]!r}", f"auto: {place} says it")
    zero: Any = config.get("zero_optimization", {})
    if not isinstance(zero, dict) or cast("dict[str, Any]", zero).get("stage", 0) not in range(4):
        yield Fault("config", "zero_optimization.stage is none of 0, 1, 2, 3", "stage: 2")
