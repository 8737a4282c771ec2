"""How far a score may be off because the documents are a sample: percentile bootstrap.

Whole documents are drawn again with replacement, never single fields: the fields of a document
fail together, and an interval over fields would be too narrow.
Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Numbers held at a time while drawing: 32 MB of them.
_NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a score over resamples: percentiles 2.5 and 97.5, linear between ranks."""

    low: float
    high: float

    @classmethod
    def of(cls, values_S: NDArray[np.float64]) -> "Interval":
        low, high = np.percentile(values_S, [2.5, 97.5]).tolist()
        return cls(low, high)


def resampled_sums(values_DK: NDArray[np.float64], samples: int, seed: int) -> NDArray[np.float64]:
    """Sums over the documents of each resample.

    Args:
        values_DK: K numbers of each of D documents.
        samples: S, how many times D documents are drawn with replacement.

    Returns:
        [S, K]
    """
    num_documents = len(values_DK)
    rng = np.random.default_rng(seed)
    at_once = max(1, _NUMBERS_AT_ONCE // num_documents)
    parts = [
        _times_drawn(rng, min(at_once, samples - done), num_documents) @ values_DK
        for done in range(0, samples, at_once)
    ]
    return np.concatenate(parts)


def _times_drawn(rng: np.random.Generator, samples: int, num_documents: int) -> NDArray[np.float64]:
    """[samples, documents]: how often each document is in each resample."""
    drawn = rng.integers(0, num_documents, (samples, num_documents))
    places = drawn + num_documents * np.arange(samples)[:, None]
    times = np.bincount(places.ravel(), minlength=samples * num_documents)
    return times.reshape(samples, num_documents).astype(np.float64)


def intervals(
    values_DK: NDArray[np.float64],
    scores: Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]],
    *,
    samples: int,
    seed: int,
) -> dict[str, Interval]:
    """An interval for each score that `scores` computes from sums [S, K] over documents."""
    sums_SK = resampled_sums(values_DK, samples, seed)
    return {name: Interval.of(values_S) for name, values_S in scores(sums_SK).items()}
