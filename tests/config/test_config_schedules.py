"""Every schedule of transformers, with the keywords that it takes: each is built and steps."""

import inspect
from typing import Any

import pytest

from sightwright.config.load import load_text
from sightwright.config.problems import ConfigProblemsError
from sightwright.config.schedules import (
    AFTER_EVALUATIONS,
    SCHEDULES,
    WITHOUT_WARMUP,
    schedule_faults,
    schedule_kwargs,
)

torch = pytest.importorskip("torch")
optimization = pytest.importorskip("transformers.optimization")

BASE, STEPS, WARMUP = 1e-3, 20, 4
# A value for every keyword that a schedule may be given.
KWARGS: dict[str, dict[str, Any]] = {
    "linear": {},
    "cosine": {"num_cycles": 0.5},
    "cosine_with_restarts": {"num_cycles": 2},
    "polynomial": {"lr_end": 1e-5, "power": 2.0},
    "constant": {},
    "constant_with_warmup": {},
    "inverse_sqrt": {"timescale": 100},
    "reduce_lr_on_plateau": {
        "mode": "min", "factor": 0.5, "patience": 0, "threshold": 0.0, "threshold_mode": "abs",
        "cooldown": 0, "min_lr": 1e-5, "eps": 0.0,
    },
    "cosine_with_min_lr": {"num_cycles": 0.5, "min_lr": 1e-5},
    "cosine_warmup_with_min_lr": {"num_cycles": 0.5, "min_lr": 1e-5, "warmup_lr_rate": 0.1},
    "warmup_stable_decay": {
        "num_decay_steps": 4, "num_stable_steps": 12, "warmup_type": "linear",
        "decay_type": "1-sqrt", "min_lr_ratio": 0.1, "num_cycles": 0.5,
    },
    "greedy": {
        "mode": "min", "factor": 0.5, "patience": 0, "threshold": 0.0, "threshold_mode": "abs",
        "cooldown": 0, "min_lr": 1e-5, "eps": 0.0, "warmup": 0, "max_lr": 1e-2, "verbose": False,
        "smooth": True, "window_size": 3, "reset_start": 9,
    },
}  # fmt: skip
NOT_OURS = {"optimizer", "last_epoch", "num_warmup_steps", "num_training_steps", "self", "kwargs"}
INSTALLED = [kind.value for kind in optimization.TYPE_TO_SCHEDULER_FUNCTION]


def built(name: str, kwargs: dict[str, Any], *rates: float) -> tuple[Any, Any]:
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups, lr=BASE)
    schedule = optimization.get_scheduler(name, optimizer, WARMUP, STEPS, kwargs)
    return optimizer, schedule


def rates_of(name: str, kwargs: dict[str, Any], *rates: float) -> list[list[float]]:
    """The rates of every step of a run, group by group."""
    optimizer, schedule = built(name, kwargs, *(rates or (BASE,)))
    found: list[list[float]] = []
    for _ in range(STEPS):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step(*((1.0,) if name in AFTER_EVALUATIONS else ()))
    return found


def keywords(name: str) -> set[str]:
    made = optimization.TYPE_TO_SCHEDULER_FUNCTION[optimization.SchedulerType(name)]
    made = {
        "reduce_lr_on_plateau": torch.optim.lr_scheduler.ReduceLROnPlateau,
        "greedy": getattr(optimization, "GreedyLR", None),
    }.get(name, made)
    return set(inspect.signature(made).parameters) - NOT_OURS


@pytest.mark.parametrize("name", INSTALLED)
def test_the_table_names_the_keywords_of_the_installed_schedules(name: str) -> None:
    assert set(SCHEDULES[name]) == keywords(name)


@pytest.mark.filterwarnings("ignore:Both num_training_steps and num_stable_steps")
@pytest.mark.parametrize("name", INSTALLED)
def test_each_is_accepted_builds_and_steps(name: str) -> None:
    kwargs = KWARGS[name]
    assert set(kwargs) | {"min_lr_rate"} >= set(SCHEDULES[name])
    assert list(schedule_faults(name, kwargs, BASE)) == []
    rates = [rate for (rate,) in rates_of(name, kwargs)]
    # greedy doubles while the metric gets better.
    assert all(0 <= rate <= (2 if name == "greedy" else 1) * BASE * (1 + 1e-9) for rate in rates)
    if name not in WITHOUT_WARMUP:
        assert rates[0] < BASE
        assert max(rates) == pytest.approx(BASE)


@pytest.mark.parametrize("floor", [{"min_lr": 1e-5}, {"min_lr_rate": 0.01}])
def test_the_floor_of_the_documents_schedule(floor: dict[str, float]) -> None:  # test vector T21
    rates = rates_of("cosine_warmup_with_min_lr", floor, BASE, 5e-4, 6e-3)
    assert rates[WARMUP - 1] == pytest.approx([BASE, 5e-4, 6e-3])
    # Floors are in proportion: a hundredth of each, as 1e-5 is of the default group's.
    assert rates[-1] == pytest.approx([1e-5, 5e-6, 6e-5])
    assert [rate for rate, _, _ in rates[:WARMUP]] == pytest.approx(
        [BASE * step / WARMUP for step in (1, 2, 3, 4)]
    )
    halfway = WARMUP + (STEPS - WARMUP) // 2 - 1
    assert rates[halfway][0] == pytest.approx((BASE + 1e-5) / 2)


@pytest.mark.parametrize(
    ("name", "kwargs", "words"),
    [
        ("linear", {"min_lr": 1e-6}, "linear does not take 'min_lr'"),
        ("cosine_warmup_with_min_lr", {"min_rl": 1e-6}, "did you mean min_lr?"),
        ("cosine_with_min_lr", {}, "needs one of min_lr and min_lr_rate; found neither"),
        ("cosine_with_min_lr", {"min_lr": 0.0, "min_lr_rate": 0.1}, "min_lr and min_lr_rate"),
        ("cosine_with_min_lr", {"min_lr": "1e-6"}, "'1e-6' is no number"),
        ("cosine_with_min_lr", {"min_lr_rate": 1.5}, "is no share of learning_rate"),
        ("cosine", {"num_cycles": -1}, "is no number of at least 0"),
        ("warmup_stable_decay", {}, "needs num_decay_steps"),
        ("warmup_stable_decay", {"num_decay_steps": 2.5}, "is no number of steps"),
        ("warmup_stable_decay", {"num_decay_steps": 2, "decay_type": "cos"}, "linear or cosine"),
        ("polynomial", {"lr_end": 1e-3}, "lr_end 0.001 is not below"),
        ("greedy", {"smooth": 1}, "is no flag"),
        ("reduce_lr_on_plateau", {"factor": 1.0}, "is not between 0 and 1"),
    ],
)
def test_what_a_schedule_would_not_take_is_told(
    name: str, kwargs: dict[str, Any], words: str
) -> None:
    told = [f"{fault.text} ({fault.hint})" for fault in schedule_faults(name, kwargs, BASE)]
    assert any(words in text for text in told), told


def test_the_mapping_may_be_json_text() -> None:
    text = (
        "training: {lr_scheduler_type: cosine_with_min_lr, "
        "lr_scheduler_kwargs: '{\"min_lr\": 1e-6}'}"
    )
    assert load_text(text).config.training.min_lr == 1e-6
    assert schedule_kwargs("[1]") is None
    with pytest.raises(ConfigProblemsError, match="neither a mapping nor JSON"):
        load_text("training: {lr_scheduler_kwargs: 'min_lr=1'}")


def test_a_rate_of_zero_has_no_floor() -> None:
    (fault,) = schedule_faults("cosine_with_min_lr", {"min_lr": 0.0}, 0.0)
    assert "learning_rate is 0" in fault.text
