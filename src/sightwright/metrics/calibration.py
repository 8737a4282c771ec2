"""Confidences made true: of the values that are called 90 % sure, 90 % are to be right.

A hold-out gives *cases*: a value that a model wrote, how sure it was, whether it is right. Isotonic
regression finds the rising step function of confidence that fits them best; it is stored as knots
and applied by interpolation. Whatever is said of the result is measured by cross-fitting: each case
is judged by a function fitted on other documents, because the values of a document fail together.

Sources: B. Zadrozny, C. Elkan, "Transforming classifier scores into accurate multiclass probability
estimates" (2002); Y. Geifman, R. El-Yaniv, "Selective classification for deep neural networks"
(2017); E. Korn, B. Graubard, "Confidence intervals for proportions with small expected number of
positive counts estimated from survey data" (1998).
"""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rights = Sequence[bool] | NDArray[np.bool_]
Knots = tuple[tuple[float, float], ...]
"""Points (confidence as told, share that is right), rising in both; straight lines between."""

NUM_BINS = 15
NUM_FOLDS = 5
LEVEL = 0.95
"""Of the one-sided bound on the risk."""
_COVERAGES = (1, 0.99, 0.98, 0.97, 0.95, 0.92, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Thresholds are tried near these."""
_MIN_FIELD_CASES = 200
_MIN_FIELD_WRONG = 20


@dataclass(frozen=True)
class Case:
    """One value that a model wrote.

    Attributes:
        document: id of its document.
        field: the schema's path: `lines[].price`.
        confidence: 0..1, as the model told it.
    """

    document: str
    field: str
    confidence: float
    is_right: bool


@dataclass(frozen=True)
class Calibrator:
    """From a confidence as told to the share of such values that is right.

    Attributes:
        pooled: knots for every field that has none of its own.
        per_field: knots of the fields that had cases enough.
    """

    pooled: Knots
    per_field: Mapping[str, Knots] = field(default_factory=dict[str, Knots])

    def apply(self, name: str, confidences: Floats | Sequence[float]) -> Floats:
        """The calibrated confidences of values of the field `name`."""
        return apply_knots(self.per_field.get(name, self.pooled), confidences)


@dataclass(frozen=True)
class Bin:
    """Cases of neighbouring confidence.

    Attributes:
        confidence: their mean.
        right: the share that is right, and [low, high] of it: 95 %, Clopper–Pearson.
    """

    count: int
    confidence: float
    right: float
    low: float
    high: float


@dataclass(frozen=True)
class RiskCurve:
    """What is wrong among the surest values, for every share of them that is kept.

    Attributes:
        coverage: share of the cases kept, rising to 1; one point for each distinct confidence.
        risk: share of those kept that is wrong.
        area: under the curve, mean over all numbers of cases kept; cases of equal confidence are
            taken in random order.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float


@dataclass(frozen=True)
class Threshold:
    """A confidence below which a value is to be looked at.

    Attributes:
        value: values at or above it are accepted.
        coverage: share of the cases that it accepts.
        risk: share of the accepted that is wrong, and its upper bound.
    """

    value: float
    coverage: float
    risk: float
    risk_bound: float


def fit_knots(confidences: Floats | Sequence[float], right: Rights) -> Knots:
    """Isotonic regression of `right` on `confidences`, as the fewest knots that draw it.

    Raises:
        ValueError: no cases.
    """
    # Here, because scipy takes longer to import than most of what needs this module.
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

    if not len(confidences):
        raise ValueError("no cases to fit")
    # Cases of equal confidence are one point: their order must not matter.
    told, index, counts = np.unique(
        np.asarray(confidences, dtype=np.float64), return_inverse=True, return_counts=True
    )
    shares = np.bincount(index, weights=np.asarray(right, dtype=np.float64)) / counts
    found: Any = cast("Any", optimize).isotonic_regression(shares, weights=counts)
    level: Floats = found.x
    is_edge = np.ones(len(level), dtype=bool)
    is_edge[1:-1] = (level[1:-1] != level[:-2]) | (level[1:-1] != level[2:])
    return tuple(zip(told[is_edge].tolist(), level[is_edge].tolist(), strict=True))


def apply_knots(knots: Knots, confidences: Floats | Sequence[float]) -> Floats:
    """Calibrated confidences: straight lines between the knots, flat beyond the last."""
    told, level = [x for x, _ in knots], [y for _, y in knots]
    return np.interp(np.asarray(confidences, dtype=np.float64), told, level)


def fit(cases: Sequence[Case]) -> Calibrator:
    """Knots for all cases together, and for each field with at least 200 cases and 20 wrong."""
    per_field = {
        name: fit_knots(_told(group), _right(group))
        for name, group in by_field(cases).items()
        if len(group) >= _MIN_FIELD_CASES and np.sum(~_right(group)) >= _MIN_FIELD_WRONG
    }
    return Calibrator(fit_knots(_told(cases), _right(cases)), per_field)


def calibrated(calibrator: Calibrator, cases: Sequence[Case]) -> Floats:
    """The calibrated confidence of each case, in order."""
    scores = np.empty(len(cases))
    for name, indices in _indices(cases, lambda case: case.field).items():
        scores[indices] = calibrator.apply(name, [cases[i].confidence for i in indices])
    return scores


def cross_fitted(cases: Sequence[Case], num_folds: int = NUM_FOLDS) -> Floats:
    """The calibrated confidence of each case by a calibrator that saw no case of its document.

    Raises:
        ValueError: fewer than two documents.
    """
    fold_of = _folds({case.document for case in cases}, num_folds)
    scores = np.empty(len(cases))
    for indices in _indices(cases, lambda case: fold_of[case.document]).values():
        held_out = set(indices)
        others = [case for index, case in enumerate(cases) if index not in held_out]
        scores[indices] = calibrated(fit(others), [cases[index] for index in indices])
    return scores


def _folds(documents: Iterable[str], num_folds: int) -> dict[str, int]:
    """Documents dealt out evenly, the same on every machine and in every order of the cases."""
    shuffled = sorted(documents, key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(shuffled) < 2:
        raise ValueError("cross-fitting needs two documents at least")
    return {name: number % num_folds for number, name in enumerate(shuffled)}


def reliability(
    confidences: Floats | Sequence[float], right: Rights, num_bins: int = NUM_BINS
) -> list[Bin]:
    """Bins of equal mass, from unsure to sure; cases of equal confidence stay together."""
    told, truth = _sorted(confidences, right)
    # A border moves up to the end of its group of equals; borders that meet are one.
    nominal = np.arange(1, num_bins) * len(told) // num_bins
    borders = np.unique(np.searchsorted(told, told[nominal[nominal > 0] - 1], side="right"))
    parts = zip(np.split(told, borders), np.split(truth, borders), strict=True)
    return [_bin(part, hits) for part, hits in parts if len(part)]


def _bin(told: Floats, truth: Floats) -> Bin:
    count, wrong = len(told), int(np.sum(1 - truth))
    return Bin(
        count=count,
        confidence=float(told.mean()),
        right=float(truth.mean()),
        low=1 - upper_bound(wrong, count, 0.975),
        high=upper_bound(count - wrong, count, 0.975),
    )


def calibration_error(
    confidences: Floats | Sequence[float], right: Rights, num_bins: int = NUM_BINS
) -> float:
    """ECE: mean distance between confidence and share right, over bins of equal mass (15)."""
    bins = reliability(confidences, right, num_bins)
    total = sum(part.count for part in bins)
    return sum(part.count * abs(part.right - part.confidence) for part in bins) / total


def brier(confidences: Floats | Sequence[float], right: Rights) -> float:
    """Mean square of the distance between confidence and truth (0 or 1)."""
    told, truth = _sorted(confidences, right)
    return float(np.mean((told - truth) ** 2))


def risk_coverage(confidences: Floats | Sequence[float], right: Rights) -> RiskCurve:
    """The risk of keeping the surest values, for every share of them."""
    told, truth = _sorted(confidences, right)
    told, wrong = told[::-1], 1 - truth[::-1]
    ends = np.append(np.flatnonzero(np.diff(told)) + 1, len(told))
    kept = np.arange(1, len(told) + 1)
    # Between the ends of two groups of equals the wrong ones come evenly: any order is as likely.
    total_wrong = np.interp(kept, np.append(0, ends), np.append(0.0, np.cumsum(wrong)[ends - 1]))
    risk = total_wrong / kept
    return RiskCurve(
        tuple((ends / len(told)).tolist()), tuple(risk[ends - 1].tolist()), float(risk.mean())
    )


def upper_bound(wrong: float, count: float, level: float = LEVEL) -> float:
    """One-sided Clopper–Pearson: a rate that would give so few wrong with probability 1 - level."""
    from scipy import special  # pyright: ignore[reportMissingTypeStubs]

    if wrong >= count:
        return 1.0
    return float(cast("Any", special).betaincinv(wrong + 1, count - wrong, level))


def correlation(cases: Sequence[Case]) -> float:
    """How much the values of one document are right or wrong together: 0 not at all, 1 wholly.

    From the design effect (L. Kish, "Survey Sampling", 1965): the variance of the share wrong with
    documents as clusters, over that of as many independent cases.
    """
    wrong, counts = _per_document(cases, np.ones(len(cases), dtype=bool))
    total, num_documents = counts.sum(), len(counts)
    rate = wrong.sum() / total
    size = _mean_size(counts)
    if num_documents < 2 or rate in (0, 1) or size <= 1:
        return 0.0
    spread = np.sum((wrong - rate * counts) ** 2) * num_documents / (num_documents - 1) / total**2
    effect = float(spread / (rate * (1 - rate) / total))
    return min(1.0, max(0.0, (effect - 1) / (size - 1)))


def _per_document(cases: Sequence[Case], is_kept: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Wrong cases and cases of each document, among those kept."""
    _, of = np.unique([case.document for case in cases], return_inverse=True)
    wrong = (is_kept & ~_right(cases)).astype(np.float64)
    sums = np.bincount(of, wrong), np.bincount(of, is_kept.astype(np.float64))
    return cast("tuple[Floats, Floats]", sums)


def _mean_size(counts: Floats) -> float:
    """Cases in the document of a case drawn by chance."""
    return float(np.sum(counts**2) / np.sum(counts))


def choose_threshold(
    cases: Sequence[Case],
    scores: Floats,
    honest_scores: Floats,
    target_risk: float,
    level: float = LEVEL,
) -> Threshold | None:
    """The threshold of largest coverage whose risk is bounded by `target_risk`; None if none is.

    Candidates lie between neighbouring levels of `scores`, near 16 coverages. The risk of each is
    counted with `honest_scores`, so never by a function that saw the document, and bounded by
    Clopper–Pearson at `level`, shared out among the candidates (Bonferroni), as if there were only
    as many cases as the documents' correlation leaves (Korn and Graubard): the promise holds
    although the best was chosen, and although the values of a document fail together.

    Args:
        scores: of each case by the calibrator that will be used (`calibrated`).
        honest_scores: of each case by others (`cross_fitted`).
    """
    candidates = _candidates(scores)
    share = 1 - (1 - level) / len(candidates)
    together = correlation(cases)
    for value in candidates:
        wrong, counts = _per_document(cases, honest_scores >= value)
        kept, num_wrong = int(counts.sum()), int(wrong.sum())
        if not kept:
            continue
        effect = 1 + (_mean_size(counts) - 1) * together
        bound = upper_bound(num_wrong / effect, kept / effect, share)
        if bound <= target_risk:
            return Threshold(value, kept / len(cases), num_wrong / kept, bound)
    return None


def _candidates(scores: Floats) -> list[float]:
    """Thresholds from the one that keeps all cases upwards, none of them on a level of `scores`.

    On a level, half of the honest scores would fall on the other side of it by chance.
    """
    levels, counts = np.unique(scores, return_counts=True)
    between = np.append(0.0, (levels[1:] + levels[:-1]) / 2)
    coverage = 1 - np.append(0, np.cumsum(counts)[:-1]) / counts.sum()
    nearest = {int(np.argmin(np.abs(coverage - wanted))) for wanted in _COVERAGES}
    return [float(between[index]) for index in sorted(nearest)]


def by_field(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """The cases of each field, in order of appearance."""
    groups = _indices(cases, lambda case: case.field)
    return {name: [cases[index] for index in indices] for name, indices in groups.items()}


def _indices(cases: Sequence[Case], key: Callable[[Case], Hashable]) -> dict[Any, list[int]]:
    groups: dict[Any, list[int]] = {}
    for index, case in enumerate(cases):
        groups.setdefault(key(case), []).append(index)
    return groups


def _told(cases: Sequence[Case]) -> Floats:
    return np.array([case.confidence for case in cases])


def _right(cases: Sequence[Case]) -> NDArray[np.bool_]:
    return np.array([case.is_right for case in cases], dtype=bool)


def _sorted(confidences: Floats | Sequence[float], right: Rights) -> tuple[Floats, Floats]:
    """Both from unsure to sure; `right` as 0 and 1."""
    told = np.asarray(confidences, dtype=np.float64)
    order = np.argsort(told, kind="stable")
    return told[order], np.asarray(right, dtype=np.float64)[order]
