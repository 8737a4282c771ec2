"""What each course of the learning rate takes in `training.lr_scheduler_kwargs`.

The names and keywords are those of transformers' schedules; a test holds the two together. Rates
are of the run's `learning_rate`: another part's floor is lower or higher in proportion.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sightwright.config.section import Fault
from sightwright.config.suggestions import did_you_mean

KEY = "lr_scheduler_kwargs"

_FLOOR = ("min_lr", "min_lr_rate")
_PLATEAU = (
    "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps",
)  # fmt: skip

SCHEDULES: dict[str, tuple[str, ...]] = {
    "linear": (),
    "cosine": ("num_cycles",),
    "cosine_with_restarts": ("num_cycles",),
    "polynomial": ("lr_end", "power"),
    "constant": (),
    "constant_with_warmup": (),
    "inverse_sqrt": ("timescale",),
    "reduce_lr_on_plateau": _PLATEAU,
    "cosine_with_min_lr": ("num_cycles", *_FLOOR),
    "cosine_warmup_with_min_lr": ("num_cycles", *_FLOOR, "warmup_lr_rate"),
    "warmup_stable_decay": (
        "num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio",
        "num_cycles",
    ),
    "greedy": (
        *_PLATEAU, "warmup", "max_lr", "verbose", "smooth", "window_size", "reset_start",
    ),
}  # fmt: skip
"""Course → its keywords."""

WITHOUT_WARMUP = ("constant", "reduce_lr_on_plateau", "greedy")
"""They begin at the peak: transformers gives them no warmup."""

AFTER_EVALUATIONS = ("reduce_lr_on_plateau", "greedy")
"""They step once an evaluation, on its metric."""

_WITH_FLOOR = ("cosine_with_min_lr", "cosine_warmup_with_min_lr")
_SHAPES = ("linear", "cosine", "1-sqrt")
_WORDS: dict[str, tuple[str, ...]] = {
    "mode": ("min", "max"),
    "threshold_mode": ("rel", "abs"),
    "warmup_type": _SHAPES,
    "decay_type": _SHAPES,
}
_FLAGS = ("verbose", "smooth")
_SHARES = ("min_lr_rate", "min_lr_ratio", "warmup_lr_rate")
_WHOLE = (
    "num_decay_steps", "num_stable_steps", "patience", "cooldown", "warmup", "window_size",
    "reset_start", "timescale",
)  # fmt: skip


def schedule_kwargs(value: Mapping[str, Any] | str | None) -> dict[str, Any] | None:
    """The mapping, also where it is written as JSON text; None for what is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
        if not isinstance(value, dict):
            return None
    return dict(value or {})


def schedule_faults(
    name: str, value: Mapping[str, Any] | str | None, learning_rate: float
) -> Iterator[Fault]:
    """What transformers' schedule of this name would not take."""
    kwargs = schedule_kwargs(value)
    if kwargs is None:
        yield Fault(KEY, f"is neither a mapping nor JSON: {value!r}", "as {min_lr: 1.0e-6}")
        return
    known = SCHEDULES[name]
    for key in kwargs:
        if key not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            yield Fault(KEY, f"{name} does not take {key!r}", did_you_mean(key, known) or takes)
    yield from _value_faults({key: kwargs[key] for key in kwargs if key in known})
    yield from _rule_faults(name, kwargs, learning_rate)


def _value_faults(kwargs: Mapping[str, Any]) -> Iterator[Fault]:
    for key, value in kwargs.items():
        if key in _WORDS:
            if value not in _WORDS[key]:
                yield Fault(KEY, f"{key}: {value!r} is not known", f"{' or '.join(_WORDS[key])}")
        elif key in _FLAGS:
            if type(value) is not bool:
                yield Fault(KEY, f"{key}: {value!r} is no flag", "true or false")
        elif key in _WHOLE:
            if type(value) is not int or value < 0:
                yield Fault(KEY, f"{key}: {value!r} is no number of steps", "a whole number")
        elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            yield Fault(KEY, f"{key}: {value!r} is no number of at least 0", "as 1.0e-6")
        elif key in _SHARES and value > 1:
            yield Fault(KEY, f"{key}: {value!r} is no share of learning_rate", "0 to 1, as 0.01")


def _rule_faults(name: str, kwargs: Mapping[str, Any], learning_rate: float) -> Iterator[Fault]:
    if name in _WITH_FLOOR:
        yield from _floor_faults(name, kwargs, learning_rate)
    if name == "warmup_stable_decay" and "num_decay_steps" not in kwargs:
        yield Fault(KEY, f"{name} needs num_decay_steps", "steps of the last stretch, as 100")
    end = kwargs.get("lr_end", 1e-7)
    if name == "polynomial" and isinstance(end, int | float) and end >= learning_rate:
        text = f"lr_end {end} is not below learning_rate {learning_rate}"
        yield Fault(KEY, text, "lower lr_end")
    factor = kwargs.get("factor", 0.1)
    if name in AFTER_EVALUATIONS and isinstance(factor, int | float) and not 0 < factor < 1:
        yield Fault(KEY, f"factor {factor} is not between 0 and 1", "as 0.5")


def _floor_faults(name: str, kwargs: Mapping[str, Any], learning_rate: float) -> Iterator[Fault]:
    given = [key for key in _FLOOR if kwargs.get(key) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "neither"
        hint = "min_lr is a rate, min_lr_rate a share of learning_rate: keep one"
        yield Fault(KEY, f"{name} needs one of min_lr and min_lr_rate; found {found}", hint)
    elif given == ["min_lr"] and learning_rate == 0:
        yield Fault(KEY, "min_lr has no meaning while learning_rate is 0", "min_lr_rate: 0")
