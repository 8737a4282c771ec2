"""Whether a size reached what the step is meant to reach on a GPU."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu.ways import OURS

LEAST_RATIO, LEAST_MFU = 1.5, 0.45


@dataclass(frozen=True)
class Verdict:
    """Of the medians over the rounds.

    Attributes:
        best_peer: the fastest that ran; None where none did.
        ratio: its seconds a step over ours.
    """

    mfu: float
    best_peer: str | None
    ratio: float | None

    def text(self) -> str:
        mfu = f"MFU {100 * self.mfu:.1f} % ({_met(self.mfu, LEAST_MFU)}: 45 %)"
        if self.ratio is None:
            return f"no peer ran; {mfu}"
        kept = _met(self.ratio, LEAST_RATIO)
        return f"{self.ratio:.2f} times the best peer, {self.best_peer} ({kept}: 1.5); {mfu}"


def _met(found: float, least: float) -> str:
    return "target met" if found >= least else "target missed"


def judge(rows: Sequence[dict[str, Any]]) -> Verdict:
    """
    Args:
        rows: of one size, a way and a round each; `OURS` among them.
    """
    seconds = medians(rows, "seconds")
    mfu, own = medians(rows, "mfu")[OURS], seconds.pop(OURS)
    if not seconds:
        return Verdict(mfu, None, None)
    best = min(seconds, key=lambda name: seconds[name])
    return Verdict(mfu, best, seconds[best] / own)


def medians(rows: Sequence[dict[str, Any]], figure: str) -> dict[str, float]:
    """Of each way."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row["way"], []).append(row[figure])
    return {way: statistics.median(each) for way, each in found.items()}
