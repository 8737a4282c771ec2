"""Strengths along a run, by hand."""

from typing import Any

import pytest

from sightwright.config.sections.augmentation import Augmentation
from sightwright.data.augment.curriculum import Progress, Schedule, strengthened
from sightwright.data.augment.pipeline import Pipeline


def settings(phases: list[dict[str, Any]], bypass_prob: float = 0.12) -> Augmentation:
    ops = [
        {"name": "rotate", "params": {"max_deg": 14, "prob": 0.24}},
        {"name": "gamma", "params": {"gamma": [0.9, 1.1]}},
        {"name": "posterize", "params": {"bits": 8}},
        {"name": "clahe"},
    ]
    curriculum = {"phases": phases}
    return Augmentation.model_validate(
        {"enabled": True, "bypass_prob": bypass_prob, "ops": ops, "curriculum": curriculum}
    )


# The flagship's: 5, 12, 20, ... per cent; the shares of samples left alone fall from 1 to 0.12.
ENDS = (5, 12, 20, 30, 40, 50, 65, 100)
BYPASS = (1.0, 0.60, 0.32, 0.28, 0.22, 0.19, 0.16, 0.12)
FLAGSHIP: list[dict[str, Any]] = [
    {"until_percent": end, "bypass_prob": bypass} for end, bypass in zip(ENDS, BYPASS, strict=True)
]


@pytest.mark.parametrize(
    ("share", "bypass"),
    [
        (0.0, 1.0),
        (0.05, 1.0),
        (0.085, 0.80),  # half way from 5 to 12 %
        (0.12, 0.60),
        (0.14, 0.53),  # a quarter of the way to 0.32
        (0.575, 0.175),
        (1.0, 0.12),
        (1.5, 0.12),
    ],
)
def test_the_share_left_alone_falls_in_straight_lines(share: float, bypass: float) -> None:
    pipeline = Pipeline.of(settings(FLAGSHIP))
    assert pipeline.strengths(Progress(share)).bypass_prob == pytest.approx(bypass)


def test_a_percent_of_one_and_below_is_a_share() -> None:
    phases = [{"until_percent": 0.5, "bypass_prob": 1.0}, {"until_percent": 1, "bypass_prob": 0.0}]
    schedule = Schedule.of(settings(phases))
    assert schedule is not None and schedule.ends == (0.5, 1.0)
    assert schedule.at(Progress(0.75)).bypass_prob == pytest.approx(0.5)


def test_numbers_and_ranges_grow_from_what_they_were() -> None:
    phases = [
        {"until_percent": 10, "ops": {"rotate": {"max_deg": 2, "prob": 0.0}}},
        {"until_percent": 50, "ops": {"rotate": {"max_deg": 10}, "gamma": {"gamma": [0.5, 1.5]}}},
        {"until_percent": 90, "ops": {"rotate": {"prob": 0.8}, "posterize": {"bits": 4}}},
    ]
    chosen = settings(phases)
    schedule = Schedule.of(chosen)
    assert schedule is not None

    def at(share: float) -> dict[str, Any]:
        steps = strengthened(chosen.ops, schedule.at(Progress(share)))
        return {step.name: step.params.model_dump() for step in steps}

    # The first phase holds from the start; gamma has its own range until a phase names it.
    assert at(0.0)["rotate"] == {"max_deg": 2, "prob": 0}
    assert at(0.0)["gamma"]["gamma"] == (0.9, 1.1)
    # Half way to the second: 2 to 10, and each end of the range.
    assert at(0.3)["rotate"] == pytest.approx({"max_deg": 6, "prob": 0})
    assert at(0.3)["gamma"]["gamma"] == pytest.approx((0.7, 1.3))
    # A quarter of the way to the third; bits are whole: 8 - 4 / 4 = 7. What it does not name stays.
    assert at(0.6)["rotate"] == pytest.approx({"max_deg": 10, "prob": 0.2})
    assert at(0.6)["posterize"]["bits"] == 7
    assert at(0.6)["gamma"]["gamma"] == pytest.approx((0.5, 1.5))
    assert at(0.95)["rotate"] == pytest.approx({"max_deg": 10, "prob": 0.8})
    assert schedule.at(Progress(0.3)).bypass_prob == 0.12


def test_phases_may_end_at_steps() -> None:
    phases = [
        {"until_step": 100, "bypass_prob": 1.0, "ops": {"clahe": {"tile_grid_size": [8, 8]}}},
        {"until_step": 300, "bypass_prob": 0.0, "ops": {"clahe": {"tile_grid_size": [2, 4]}}},
    ]
    chosen = settings(phases)
    schedule = Schedule.of(chosen)
    assert schedule is not None and schedule.in_steps
    assert schedule.at(Progress(0.9, step=99)).bypass_prob == 1
    halfway = schedule.at(Progress(0.0, step=200))
    assert halfway.bypass_prob == 0.5
    assert strengthened(chosen.ops, halfway)[3].params.model_dump()["tile_grid_size"] == (5, 6)


def test_without_phases_nothing_changes() -> None:
    assert Schedule.of(settings([])) is None
    assert Pipeline.of(settings([])).strengths(Progress(0.5)).bypass_prob == 0.12
