"""The marks of many images put together: F1 by kind, accuracy on what was found, count error."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightwright.geometry import KINDS, Kind
from sightwright.metrics.bootstrap import Interval, intervals
from sightwright.metrics.fields import Counts, f1_of
from sightwright.metrics.geometry import Found, ObjectsMark
from sightwright.metrics.matching import THRESHOLDS

_AT_75 = THRESHOLDS.index(0.75)


@dataclass(frozen=True)
class ObjectScores:
    """Scores over images; every F1 is of all objects together.

    Attributes:
        place, named: by kind; the kinds that occur in a label or an answer.
        all_place, all_named, regions: over all kinds.
        classes: class → objects right in place and class at 0.5, by name.
        class_accuracy: of the pairs at 0.5, the share of the same class; None without pairs.
        attribute_accuracy: of the keys on either side of those pairs, the share of equal values;
            None where there are none.
        pairs, attributes: what the two are shares of.
        count_error: mean of |answered - wanted| an image.
        count_bias: mean of answered - wanted: above 0 where too much is seen.
        exact, readable: shares of the images.
        header_right: share of the answers that a header was asked of; None where none was.
        cut: how many answers hit the output limit.
        faults, notes: summed over the images.
        intervals: 95 % over resampled images, by the name of the score.
    """

    place: dict[Kind, Found]
    named: dict[Kind, Found]
    all_place: Found
    all_named: Found
    regions: Found
    classes: dict[str, Counts]
    class_accuracy: float | None
    attribute_accuracy: float | None
    pairs: int
    attributes: int
    count_error: float
    count_bias: float
    exact: float
    readable: float
    header_right: float | None
    cut: int
    faults: dict[str, int]
    notes: dict[str, int]
    num_images: int
    intervals: dict[str, Interval]


def summarise(
    marks: Sequence[ObjectsMark], *, bootstrap_samples: int = 1000, seed: int = 0
) -> ObjectScores:
    """Put the marks of many images together.

    Args:
        bootstrap_samples: resamples of the images for the intervals; 0 for none.
        seed: of the resampling; the same seed gives the same intervals.

    Raises:
        ValueError: no marks.
    """
    if not marks:
        raise ValueError("no images were marked")
    pairs = [pair for mark in marks for pair in mark.pairs]
    keys = sum(pair.attributes for pair in pairs)
    headers = [mark.header_right for mark in marks if mark.header_right is not None]
    over = [mark.all_place.answered - mark.all_place.gold for mark in marks]
    return ObjectScores(
        place=_occurring([mark.place for mark in marks]),
        named=_occurring([mark.named for mark in marks]),
        all_place=reduce(add, (mark.all_place for mark in marks)),
        all_named=reduce(add, (mark.all_named for mark in marks)),
        regions=reduce(add, (mark.regions for mark in marks)),
        classes=_all_classes(marks),
        class_accuracy=_share(sum(pair.label_right for pair in pairs), len(pairs)),
        attribute_accuracy=_share(sum(pair.attributes_right for pair in pairs), keys),
        pairs=len(pairs),
        attributes=keys,
        count_error=sum(map(abs, over)) / len(marks),
        count_bias=sum(over) / len(marks),
        exact=sum(mark.exact for mark in marks) / len(marks),
        readable=sum(mark.readable for mark in marks) / len(marks),
        header_right=_share(sum(headers), len(headers)),
        cut=sum(mark.cut for mark in marks),
        faults=_tallied([mark.faults for mark in marks]),
        notes=_tallied([mark.notes for mark in marks]),
        num_images=len(marks),
        intervals=_intervals(marks, bootstrap_samples, seed) if bootstrap_samples else {},
    )


def _occurring(found: Sequence[Mapping[Kind, Found]]) -> dict[Kind, Found]:
    sums: dict[Kind, Found] = {kind: reduce(add, (each[kind] for each in found)) for kind in KINDS}
    return {kind: total for kind, total in sums.items() if total.gold or total.answered}


def _all_classes(marks: Sequence[ObjectsMark]) -> dict[str, Counts]:
    sums: dict[str, Counts] = {}
    for mark in marks:
        for label, counts in mark.classes.items():
            sums[label] = sums.get(label, Counts()) + counts
    return dict(sorted(sums.items()))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _tallied(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total.most_common())


def _numbers_of(mark: ObjectsMark) -> list[int]:
    place, named, regions = mark.all_place, mark.all_named, mark.regions
    return [
        place.gold, place.answered, *place.hits, *named.hits, *regions.hits,
        len(mark.pairs), sum(pair.label_right for pair in mark.pairs),
        sum(pair.attributes for pair in mark.pairs),
        sum(pair.attributes_right for pair in mark.pairs),
        abs(place.answered - place.gold),
    ]  # fmt: skip


def _intervals(marks: Sequence[ObjectsMark], samples: int, seed: int) -> dict[str, Interval]:
    values_DK = np.array([_numbers_of(mark) for mark in marks], dtype=np.float64)
    found = intervals(values_DK, lambda sums: _scores(sums, len(marks)), samples=samples, seed=seed)
    # Where no image has a pair, there is no share of pairs to be unsure of.
    return {name: interval for name, interval in found.items() if not np.isnan(interval.low)}


def _scores(sums_SK: NDArray[np.float64], num_images: int) -> dict[str, NDArray[np.float64]]:
    """Each score of S sets of images, from the sums of their `_numbers_of`."""
    gold, answered = sums_SK[:, :1], sums_SK[:, 1:2]
    step = len(THRESHOLDS)
    scores: dict[str, NDArray[np.float64]] = {}
    for number, name in enumerate(("place", "named", "regions")):
        hits_ST = sums_SK[:, 2 + number * step : 2 + (number + 1) * step]
        f1_ST = f1_of(np.stack([hits_ST, answered - hits_ST, gold - hits_ST], axis=-1))
        scores |= {
            f"{name}_f1_50": f1_ST[:, 0],
            f"{name}_f1_75": f1_ST[:, _AT_75],
            f"{name}_f1_mean": f1_ST.mean(axis=1),
        }
    pairs, labels, keys, right, error = sums_SK[:, 2 + 3 * step :].T
    scores["class_accuracy"] = _shares(labels, pairs)
    scores["attribute_accuracy"] = _shares(right, keys)
    scores["count_error"] = error / num_images
    return scores


def _shares(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> NDArray[Any]:
    """Shares of the resamples that have one; NaN alone where none has."""
    some = wholes > 0
    return parts[some] / wholes[some] if some.any() else np.array([np.nan])
