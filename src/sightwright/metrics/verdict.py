"""Pass or fail of a group of photographs, marked: accuracy, and the two ways to be wrong.

An answer that gives no verdict counts against the model by the truth: a group that fails was then
not stopped (a false pass), one that passes was not let through (a false fail). So

    accuracy    right verdicts                                        of all groups
    false pass  failing groups that were passed or got no verdict     of the failing groups
    false fail  passing groups that were failed or got no verdict     of the passing groups

Pure: no task, no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightwright.metrics.bootstrap import Interval, intervals
from sightwright.metrics.shares import Share


@dataclass(frozen=True)
class VerdictMark:
    """How one answer scored.

    Attributes:
        gold: whether the group passes.
        answer: whether the answer passes it; None where it gives no verdict.
        cut: generation ended at the output limit, so there is no verdict.
        error: why there is none; "" where there is one.
    """

    gold: bool
    answer: bool | None
    cut: bool = False
    error: str = ""

    @property
    def exact(self) -> bool:
        """The verdict is right."""
        return self.answer is self.gold

    @property
    def false_pass(self) -> bool:
        """A failing group was not stopped."""
        return not self.gold and self.answer is not False

    @property
    def false_fail(self) -> bool:
        """A passing group was not let through."""
        return self.gold and self.answer is not True


@dataclass(frozen=True)
class VerdictScores:
    """Scores over groups. A share of none has no value.

    Attributes:
        accuracy: of all groups.
        false_pass: of the failing groups.
        false_fail: of the passing groups.
        invalid: of all groups, those whose answer gives no verdict; they are among the wrong.
        cut: how many answers hit the output limit.
        intervals: 95 % over resampled groups, of `accuracy`, `false_pass`, `false_fail`; a rate of
            no groups has none.
    """

    num_groups: int
    accuracy: Share
    false_pass: Share
    false_fail: Share
    invalid: Share
    cut: int
    intervals: dict[str, Interval]


def summarise(
    marks: Sequence[VerdictMark], *, bootstrap_samples: int = 1000, seed: int = 0
) -> VerdictScores:
    """Put the marks of many groups together.

    Args:
        bootstrap_samples: resamples of the groups for the intervals; 0 for none.
        seed: of the resampling.

    Raises:
        ValueError: no marks.
    """
    if not marks:
        raise ValueError("no verdicts were marked")
    num_passing = sum(mark.gold for mark in marks)
    return VerdictScores(
        num_groups=len(marks),
        accuracy=Share(sum(mark.exact for mark in marks), len(marks)),
        false_pass=Share(sum(mark.false_pass for mark in marks), len(marks) - num_passing),
        false_fail=Share(sum(mark.false_fail for mark in marks), num_passing),
        invalid=Share(sum(mark.answer is None for mark in marks), len(marks)),
        cut=sum(mark.cut for mark in marks),
        intervals=_intervals(marks, bootstrap_samples, seed) if bootstrap_samples else {},
    )


def _intervals(marks: Sequence[VerdictMark], samples: int, seed: int) -> dict[str, Interval]:
    rows = [[mark.exact, mark.gold, mark.false_pass, mark.false_fail] for mark in marks]
    values_D4 = np.array(rows, dtype=np.float64)

    def scores(sums_S4: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        right, passing, false_pass, false_fail = sums_S4.T
        found = {
            "accuracy": right / len(marks),
            # A resample without such a group says nothing about them.
            "false_pass": _ratio(false_pass, len(marks) - passing),
            "false_fail": _ratio(false_fail, passing),
        }
        return {name: values for name, values in found.items() if len(values)}

    return intervals(values_D4, scores, samples=samples, seed=seed)


def _ratio(counts_S: NDArray[np.float64], of_S: NDArray[np.float64]) -> NDArray[np.float64]:
    some = of_S > 0
    return counts_S[some] / of_S[some]
