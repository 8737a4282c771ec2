"""Is one model better than another on the same documents, or was it luck?

Both answered every document, so their scores share its difficulty; resampling or swapping whole
documents keeps each pair together, and what is left is the difference between the two.

    interval   the same documents are drawn again with replacement for both (paired bootstrap)
    p          if the two were alike, each document's two answers could as well be the other way
               round. Over all ways to swap them: the share in which the scores differ at least as
               much as they do (permutation test, two-sided)

Sources: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 15;
E. W. Noreen, "Computer-Intensive Methods for Testing Hypotheses" (1989), chapter 2.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from sightwright.metrics.bootstrap import Interval, intervals

# Sums [S, K] over documents → each score [S].
Scores = Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]]

# Up to so many documents that differ, all ways to swap them are gone through: 2^14.
_MAX_SWAPPED_EXACTLY = 14
_SWAPS_AT_ONCE = 1024
# Sums in another order differ in their last bits; equal differences must count as equal.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """One score of two models, A and B, on the same documents.

    Attributes:
        interval: 95 % of `b - a` over resampled documents.
        p: probability of a difference at least as large, were the two alike.
    """

    a: float
    b: float
    interval: Interval
    p: float

    @property
    def difference(self) -> float:
        return self.b - self.a


def differences(
    a_DK: NDArray[np.float64],
    b_DK: NDArray[np.float64],
    scores: Scores,
    *,
    samples: int = 10_000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Every score of B against the same of A.

    Args:
        a_DK, b_DK: K numbers of each of D documents, in the same order.
        scores: what follows from their sums over documents.
        samples: resamples for the intervals, and swaps for p where there are too many to try all.
    """
    of_a, of_b = scores(a_DK.sum(axis=0)[None]), scores(b_DK.sum(axis=0)[None])
    num_numbers = a_DK.shape[1]

    def gains(sums_SK: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return _gains(scores, sums_SK[:, :num_numbers], sums_SK[:, num_numbers:])

    spans = intervals(np.hstack([a_DK, b_DK]), gains, samples=samples, seed=seed)
    chances = swap_test(a_DK, b_DK, scores, samples=samples, seed=seed)
    return {
        name: Difference(float(of_a[name][0]), float(of_b[name][0]), spans[name], chances[name])
        for name in of_a
    }


def swap_test(
    a_DK: NDArray[np.float64],
    b_DK: NDArray[np.float64],
    scores: Scores,
    *,
    samples: int = 10_000,
    seed: int = 0,
) -> dict[str, float]:
    """The probability p of each score's difference; see the module.

    Exact where at most 14 documents differ; else from `samples` random ways to swap, of which the
    one seen counts as one more, so that p is never 0.
    """
    total_a, total_b = a_DK.sum(axis=0), b_DK.sum(axis=0)
    moved_CK = (b_DK - a_DK)[(a_DK != b_DK).any(axis=1)]
    seen = _gains(scores, total_a[None], total_b[None])
    is_exact = len(moved_CK) <= _MAX_SWAPPED_EXACTLY
    hits = dict.fromkeys(seen, 0 if is_exact else 1)
    num_ways = 0 if is_exact else 1
    for swapped_SC in _swaps(len(moved_CK), samples, seed):
        shifts_SK = swapped_SC @ moved_CK
        found = _gains(scores, total_a + shifts_SK, total_b - shifts_SK)
        num_ways += len(swapped_SC)
        for name, gains_S in found.items():
            hits[name] += int(np.sum(np.abs(gains_S) >= abs(seen[name][0]) - _ROUNDING))
    return {name: count / num_ways for name, count in hits.items()}


def sign_test(better: int, worse: int) -> float:
    """The probability of so uneven a split of the documents that changed, were both as likely."""
    changed = better + worse
    tail = sum(comb(changed, k) for k in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / 2**changed)


def _gains(
    scores: Scores, a_SK: NDArray[np.float64], b_SK: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    of_a, of_b = scores(a_SK), scores(b_SK)
    return {name: of_b[name] - of_a[name] for name in of_a}


def _swaps(num_changed: int, samples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Which of the changed documents are swapped, 0 or 1: [at most 1024, num_changed] at a time."""
    if num_changed <= _MAX_SWAPPED_EXACTLY:
        for first in range(0, 2**num_changed, _SWAPS_AT_ONCE):
            ways = np.arange(first, min(first + _SWAPS_AT_ONCE, 2**num_changed))
            yield (ways[:, None] >> np.arange(num_changed) & 1).astype(np.float64)
        return
    rng = np.random.default_rng(seed)
    for first in range(0, samples, _SWAPS_AT_ONCE):
        shape = (min(_SWAPS_AT_ONCE, samples - first), num_changed)
        yield rng.integers(0, 2, shape).astype(np.float64)
