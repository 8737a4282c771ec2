"""How strong each operation is at a point of the run."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sightwright.config.sections.augmentation import (
    Augmentation,
    AugmentationName,
    Curriculum,
    CurriculumPhase,
    Value,
    with_values,
)
from sightwright.config.sections.augmentation_ops import Step


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the run stands when a sample is made.

    Attributes:
        share: of the run that is done, from 0 to 1.
        step: the optimiser step the sample is for, from 0.
    """

    share: float = 0.0
    step: int = 0


START = Progress()


@dataclass(frozen=True, slots=True)
class Strengths:
    """At one point of the run: the share of samples left alone, and settings by operation."""

    bypass_prob: float
    values: Mapping[AugmentationName, Mapping[str, Value]]


@dataclass(frozen=True)
class Schedule:
    """The strengths at the end of each phase, and the way between them.

    From the end of one phase to the end of the next every number goes straight from the one's to
    the other's; a setting that a phase does not name keeps the value it had, at first the
    operation's own. The first phase has none before it, so its strengths hold from the start; the
    last one's hold to the end.

    Attributes:
        ends: of the phases, as shares or as steps.
        in_steps: which of the two.
        reached: strengths at each end.
    """

    ends: tuple[float, ...]
    in_steps: bool
    reached: tuple[Strengths, ...]

    @classmethod
    def of(cls, settings: Augmentation) -> "Schedule | None":
        """None where the strengths are always the same."""
        curriculum = settings.curriculum
        if curriculum is None or not curriculum.phases:
            return None
        in_steps = curriculum.phases[0].until_step is not None
        ends = tuple(_end(phase) for phase in curriculum.phases)
        return cls(ends, in_steps, tuple(_reached(settings, curriculum)))

    def at(self, progress: Progress) -> Strengths:
        """Strengths at a point of the run."""
        here = float(progress.step) if self.in_steps else progress.share
        phase = bisect_left(self.ends, here)
        if phase == 0 or phase == len(self.ends):
            return self.reached[min(phase, len(self.ends) - 1)]
        start, end = self.ends[phase - 1], self.ends[phase]
        before, after = self.reached[phase - 1], self.reached[phase]
        way = (here - start) / (end - start)
        values: dict[AugmentationName, Mapping[str, Value]] = {}
        for name, to in after.values.items():
            own = before.values[name]
            values[name] = {key: _between(own[key], value, way) for key, value in to.items()}
        bypass = _number_between(before.bypass_prob, after.bypass_prob, way)
        return Strengths(bypass, values)


def strengthened(steps: Sequence[Step], strengths: Strengths) -> tuple[Step, ...]:
    """The operations with these settings."""
    return tuple(with_values(step, strengths.values.get(step.name, {})) for step in steps)


def _end(phase: CurriculumPhase) -> float:
    share = phase.share
    return share if share is not None else float(phase.until_step or 0)


def _reached(settings: Augmentation, curriculum: Curriculum) -> list[Strengths]:
    """Strengths at the end of each phase, each naming every setting that any phase names."""
    bypass = settings.bypass_prob
    values = _own_values(settings.ops, curriculum)
    found: list[Strengths] = []
    for phase in curriculum.phases:
        bypass = bypass if phase.bypass_prob is None else phase.bypass_prob
        values = dict(values)
        for name, changed in phase.ops.items():
            values[name] = values[name] | changed
        found.append(Strengths(bypass, values))
    return found


def _own_values(
    ops: Sequence[Step], curriculum: Curriculum
) -> dict[AugmentationName, dict[str, Value]]:
    named: dict[AugmentationName, dict[str, Value]] = {}
    for phase in curriculum.phases:
        for name, values in phase.ops.items():
            step = next(step for step in ops if step.name == name)
            named.setdefault(name, {}).update({key: getattr(step.params, key) for key in values})
    return named


def _between(before: Value, after: Value, way: float) -> Value:
    if isinstance(before, tuple) and isinstance(after, tuple):
        low, high = (_number_between(a, b, way) for a, b in zip(before, after, strict=True))
        return low, high
    assert not isinstance(before, tuple) and not isinstance(after, tuple)
    return _number_between(before, after, way)


def _number_between(before: float, after: float, way: float) -> float:
    return before + (after - before) * way
