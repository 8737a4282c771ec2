"""When the steps of a transformers Trainer end: for a peer's environment as for ours."""

import time
from typing import Any

from transformers import TrainerCallback


class Clock(TrainerCallback):
    """
    Attributes:
        ends: of each step, in seconds of `time.perf_counter`.
    """

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())
