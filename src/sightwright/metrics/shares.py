"""How many of how many: a rate that says what it is a rate of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """`count` of `of`; a sum of scores in 0..1 may stand for the count."""

    count: float
    of: int

    @property
    def value(self) -> float | None:
        """0 to 1; None of nothing."""
        return self.count / self.of if self.of else None

    def __str__(self) -> str:
        if self.value is None:
            return "– (of 0)"
        return f"{self.value:.1%} ({self.count:g} of {self.of})"
