"""What a pipeline did to one image and its objects: everything that was lost, added or left out."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Dropped:
    """An object that the result does not have.

    Attributes:
        index: in the record.
        op: what it was lost to; several gathered operations are joined by `+`.
    """

    index: int
    desc: str
    op: str
    reason: str


@dataclass(frozen=True, slots=True)
class Added:
    """A copy of the record's object `index`."""

    index: int
    desc: str
    op: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operation whose turn it was and that was not done."""

    op: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reshaped:
    """An object whose shape is not the mere image of the record's.

    Attributes:
        how: `cut` by the border, `widened` to a pixel, or replaced by its convex `hull` because
            whole pixels made it cross itself.
    """

    index: int
    desc: str
    how: str


@dataclass(frozen=True)
class Report:
    """Of one image.

    Attributes:
        bypassed: the whole pipeline was left out.
        applied: operations that were done, in order; the colour ones last.
        sources: of each object of the result, its index in the record.
        coverages: of each object of the result, the share of it that is still seen.
        partial: indices of objects whose description now says that they are cut off.
        width, height: of the result.
        padding_ratio: share of the result that is grey and not image.
    """

    bypassed: bool
    applied: tuple[str, ...]
    sources: tuple[int, ...]
    coverages: tuple[float, ...]
    dropped: tuple[Dropped, ...]
    added: tuple[Added, ...]
    skipped: tuple[Skipped, ...]
    reshaped: tuple[Reshaped, ...]
    partial: tuple[int, ...]
    width: int
    height: int
    padding_ratio: float

    def counts(self) -> Counter[str]:
        """For the sums of an epoch: `{"images": 1, "applied: rotate": 1, "dropped: rotate": 2}`."""
        found = Counter({"images": 1, "bypassed": int(self.bypassed)})
        found.update(f"applied: {name}" for name in self.applied)
        found.update(f"dropped: {each.op}" for each in self.dropped)
        found.update(f"added: {each.op}" for each in self.added)
        found.update(f"skipped: {each.op}: {each.reason}" for each in self.skipped)
        found.update(f"reshaped: {each.how}" for each in self.reshaped)
        found["described as cut off"] += len(self.partial)
        return +found


@dataclass
class Log:
    """What is written down while an image goes through."""

    applied: list[str] = field(default_factory=list[str])
    dropped: list[Dropped] = field(default_factory=list[Dropped])
    added: list[Added] = field(default_factory=list[Added])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    reshaped: list[Reshaped] = field(default_factory=list[Reshaped])
    partial: list[int] = field(default_factory=list[int])
