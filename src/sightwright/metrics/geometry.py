"""Scoring of answered objects: is each there, of its kind and in its place, and rightly described.

An answered object is right *in place* when it is paired with an object of the label of the same
kind (a box for a polygon is none) that it is alike to by at least a threshold; `matching` says how
alike, and pairs them one to one. Over many images all pairs are summed before anything is divided.

    place            pairs of a kind alike by 0.5, by 0.75, or by each of 0.50, 0.55, … 0.95
    place and class  the same, and both name the same class
    regions          the same as place, whatever the kind: a box may stand for a polygon

Class and attributes are judged on the pairs at 0.5 alone: what was not found cannot be misnamed.
An object that could not be read is answered and wrong. Pure: no model, no files.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from sightwright.geometry import KINDS, Kind
from sightwright.inspection_records import DenseObject
from sightwright.metrics.descriptions import Description, read_description
from sightwright.metrics.fields import Counts
from sightwright.metrics.matching import (
    THRESHOLDS,
    default_tolerance,
    hits,
    match,
    same_kind,
    similarities,
)

_NO_HITS = (0,) * len(THRESHOLDS)


@dataclass(frozen=True, slots=True)
class Found:
    """How many objects were wanted, answered, and right at each of `THRESHOLDS`."""

    gold: int = 0
    answered: int = 0
    hits: tuple[int, ...] = _NO_HITS

    def __add__(self, other: "Found") -> "Found":
        hits = tuple(map(add, self.hits, other.hits))
        return Found(self.gold + other.gold, self.answered + other.answered, hits)

    def at(self, threshold: float) -> Counts:
        """Right, invented and missed objects at one of `THRESHOLDS`."""
        hits = self.hits[THRESHOLDS.index(threshold)]
        return Counts(hits, self.answered - hits, self.gold - hits)

    @property
    def f1_50(self) -> float:
        return self.at(0.5).f1

    @property
    def f1_75(self) -> float:
        return self.at(0.75).f1

    @property
    def f1_mean(self) -> float:
        """The mean of the F1 at 0.50, 0.55, … 0.95."""
        return sum(self.at(threshold).f1 for threshold in THRESHOLDS) / len(THRESHOLDS)


@dataclass(frozen=True, slots=True)
class Pair:
    """An object of the label and the answered one that was taken for it, at 0.5 and by kind.

    Attributes:
        gold, answer: their numbers, from 0.
        similarity: 0.5 to 1.
        label_right: both name the same class.
        attributes_right, attributes: of the keys that either side has, those of equal values, and
            all.
    """

    gold: int
    answer: int
    similarity: float
    label_right: bool
    attributes_right: int
    attributes: int


@dataclass(frozen=True)
class ObjectsMark:
    """How the answer for one image scored.

    Attributes:
        place, named: right in place; right in place and class. By kind; `unread` are answered
            objects of no known kind.
        regions: right in place, whatever the kind.
        classes: class → objects right in place and class, invented and missed, at 0.5.
        pairs: at 0.5.
        faults: why answered objects, or the whole answer, could not be read → how many.
        notes: what is odd about the answer and costs nothing → how often.
        readable: the answer was whole, and JSON of objects.
        header_right: None where no header is asked.
        cut: the output limit ended it; it counts as empty.
    """

    place: dict[Kind, Found]
    named: dict[Kind, Found]
    unread: Found
    regions: Found
    classes: dict[str, Counts]
    pairs: tuple[Pair, ...]
    faults: dict[str, int]
    notes: dict[str, int]
    readable: bool
    header_right: bool | None
    cut: bool

    @property
    def all_place(self) -> Found:
        """Right in place, over all kinds."""
        return reduce(add, self.place.values(), self.unread)

    @property
    def all_named(self) -> Found:
        """Right in place and class, over all kinds."""
        return reduce(add, self.named.values(), self.unread)

    @property
    def exact(self) -> bool:
        """Nothing is missed, invented or misdescribed, at 0.5."""
        found = self.all_named.at(0.5)
        described = all(pair.attributes_right == pair.attributes for pair in self.pairs)
        return self.readable and not (found.fp or found.fn) and described


@dataclass(frozen=True)
class Unread:
    """The rest of an answer: what could not be read as objects, and what was noted of it.

    Attributes:
        kinds: of the objects that could not be read; None where it shows no kind.
        faults, notes, readable, header_right: as in `ObjectsMark`.
    """

    kinds: tuple[Kind | None, ...] = ()
    faults: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: Mapping[str, int] = field(default_factory=dict[str, int])
    readable: bool = True
    header_right: bool | None = None


def mark_objects(
    gold: Sequence[DenseObject],
    answer: Sequence[DenseObject],
    *,
    width: int,
    height: int,
    unread: Unread | None = None,
    cut: bool = False,
    tolerance_px: float | None = None,
) -> ObjectsMark:
    """Mark the objects answered for one image; all places in pixels.

    Args:
        width, height: of the image.
        unread: what else the answer held.
        cut: the output limit ended the answer: it counts as empty.
        tolerance_px: how far lines may run apart; by default 8 px where the longer side is 1024.
    """
    answer, unread = _counted(answer, unread or Unread(), cut)
    tolerance_px = default_tolerance(width, height) if tolerance_px is None else tolerance_px
    ours, theirs = ([read_description(each.desc) for each in side] for side in (gold, answer))
    gold_shapes, answer_shapes = ([each.geometry for each in side] for side in (gold, answer))
    alike = similarities(gold_shapes, answer_shapes, tolerance_px)
    favour = _favour(gold, answer, ours, theirs)
    by_kind = np.where(same_kind(gold_shapes, answer_shapes), alike, 0.0)
    by_class = np.where(favour > 0, by_kind, 0.0)
    pairs = match(by_kind, THRESHOLDS[0], favour)
    named_pairs = match(by_class, THRESHOLDS[0], favour)
    kinds: list[Kind] = [shape.kind for shape in gold_shapes]
    sizes = _sizes(kinds, [*(shape.kind for shape in answer_shapes), *unread.kinds])
    return ObjectsMark(
        place=_found(sizes, kinds, by_kind),
        named=_found(sizes, kinds, by_class),
        unread=Found(answered=unread.kinds.count(None)),
        regions=Found(len(gold), len(answer) + len(unread.kinds), hits(alike)),
        classes=_classes(ours, theirs, named_pairs),
        pairs=tuple(_pair(i, j, float(by_kind[i, j]), ours[i], theirs[j]) for i, j in pairs),
        faults=dict(unread.faults),
        notes=dict(unread.notes),
        readable=unread.readable and not cut,
        header_right=unread.header_right,
        cut=cut,
    )


def _counted(
    answer: Sequence[DenseObject], unread: Unread, cut: bool
) -> tuple[Sequence[DenseObject], Unread]:
    """What of an answer counts: nothing, where it was cut or cannot be read."""
    if not cut and unread.readable:
        return answer, unread
    faults = Counter({} if cut else unread.faults)
    return (), Unread((), faults, {}, False, unread.header_right)


def _favour(
    gold: Sequence[DenseObject],
    answer: Sequence[DenseObject],
    ours: Sequence[Description],
    theirs: Sequence[Description],
) -> NDArray[np.float64]:
    """[gold, answer]: 1 for the same description, a half for the same class, else 0."""
    labels = [np.array([d.label for d in side], dtype=object) for side in (ours, theirs)]
    texts = [np.array([each.desc for each in side], dtype=object) for side in (gold, answer)]
    same_label, same_text = (side[0][:, None] == side[1][None, :] for side in (labels, texts))
    return 0.5 * same_label.astype(np.float64) + 0.5 * (same_label & same_text)


def _sizes(gold: Sequence[Kind], answer: Sequence[Kind | None]) -> dict[Kind, tuple[int, int]]:
    return {kind: (gold.count(kind), answer.count(kind)) for kind in KINDS}


def _found(
    sizes: Mapping[Kind, tuple[int, int]], kinds: Sequence[Kind], alike: NDArray[np.float64]
) -> dict[Kind, Found]:
    rows = {kind: [i for i, each in enumerate(kinds) if each == kind] for kind in KINDS}
    return {kind: Found(*sizes[kind], hits(alike[rows[kind]])) for kind in KINDS}


def _classes(
    ours: Sequence[Description], theirs: Sequence[Description], pairs: Sequence[tuple[int, int]]
) -> dict[str, Counts]:
    wanted, answered = (Counter(each.label for each in side) for side in (ours, theirs))
    right = Counter(ours[i].label for i, _ in pairs)
    return {
        label: Counts(right[label], answered[label] - right[label], wanted[label] - right[label])
        for label in sorted(wanted | answered)
    }


def _pair(i: int, j: int, similarity: float, ours: Description, theirs: Description) -> Pair:
    keys = ours.attributes.keys() | theirs.attributes.keys()
    right = sum(ours.attributes.get(key) == theirs.attributes.get(key) for key in keys)
    return Pair(i, j, similarity, ours.label == theirs.label, right, len(keys))
