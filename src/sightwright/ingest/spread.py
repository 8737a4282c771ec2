"""The spread of any amount of whole numbers, in little memory."""

import math
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Spread:
    """How often each number was seen: the quantiles of any amount of them in little memory."""

    counts: Counter[int] = field(default_factory=Counter[int])

    def add(self, number: int) -> None:
        self.counts[number] += 1

    def quantile(self, share: float) -> int:
        """The smallest number that at least `share` of all reach or stay under (nearest rank)."""
        rank = max(1, math.ceil(share * self.counts.total()))
        seen = 0
        for number in sorted(self.counts):
            seen += self.counts[number]
            if seen >= rank:
                return number
        raise ValueError("no numbers")

    def value(self) -> dict[str, int]:
        """For JSON; empty when nothing was seen."""
        if not self.counts:
            return {}
        return {
            "min": min(self.counts),
            "p50": self.quantile(0.5),
            "p95": self.quantile(0.95),
            "max": max(self.counts),
        }
