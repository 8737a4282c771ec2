"""`custom.augmentation`: training images and their geometry, changed together.

`{enabled: true, ops: [{name: hflip, params: {prob: 0.3}}, {name: pad_to_multiple}]}`
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from sightwright.config.section import FAULTS, AsTuple, Fault, Section
from sightwright.config.sections.augmentation_ops import Step
from sightwright.config.sections.augmentation_params import Pair, Probability
from sightwright.config.suggestions import did_you_mean

AugmentationName = Literal[
    "hflip",
    "vflip",
    "rotate",
    "scale",
    "perspective",
    "color_jitter",
    "gamma",
    "hsv",
    "clahe",
    "auto_contrast",
    "equalize",
    "solarize",
    "posterize",
    "sharpness",
    "resize_by_scale",
    "random_crop",
    "roi_crop",
    "small_object_zoom_paste",
    "expand_to_fit_affine",
    "pad_to_multiple",
    "scan_skew",
    "scan_blur",
    "scan_jpeg",
    "scan_noise",
    "scan_shadow",
    "scan_stamp",
]

MIRRORS = ("hflip", "vflip")
"""They turn text into its mirror image."""

CHANGES_OBJECTS = ("random_crop", "roi_crop", "small_object_zoom_paste")
"""They drop objects, or add some: a text about all of them is wrong afterwards."""

SETS_SIZE = ("expand_to_fit_affine", "pad_to_multiple")
"""They bring the image to the size that the model takes, so nothing may change it afterwards."""

MOVES_PIXELS = (
    *MIRRORS, "rotate", "scale", "perspective", "scan_skew", "resize_by_scale", *CHANGES_OBJECTS,
)  # fmt: skip

_REFUSED = {
    "albumentations_color": (
        "cannot be honoured: albumentations is no longer maintained, and not used here",
        "write color_jitter, gamma, hsv, sharpness and posterize in its place",
    ),
}

Value = float | Pair
Values = Mapping[str, Value]


def _refuse_known(value: object) -> object:
    """Stop at an operation that we know and do not have, before it is called unknown."""
    given = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    name = given.get("name")
    if isinstance(name, str) and name in _REFUSED:
        fault = Fault("name", f"{name} {_REFUSED[name][0]}", _REFUSED[name][1])
        raise PydanticCustomError(FAULTS, "{summary}", {"summary": fault.text, FAULTS: [fault]})
    return cast("object", value)


AugmentationStep = Annotated[
    Annotated[Step, Field(discriminator="name")], BeforeValidator(_refuse_known)
]
"""One operation: its name, and the settings that this name takes."""


class CurriculumPhase(Section):
    """Strengths at this point of the run; they run straight from those of the phase before."""

    until_percent: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="end of the phase in per cent; 1 and below is a share",
    )
    until_step: int | None = Field(default=None, ge=1, description="end of the phase in steps")
    bypass_prob: Probability | None = Field(
        default=None, description="share of samples left as they are"
    )
    ops: dict[AugmentationName, dict[str, Value]] = Field(
        default_factory=dict[AugmentationName, dict[str, Value]],
        description="operation → settings at the end of the phase, numbers and ranges alone",
    )

    @property
    def share(self) -> float | None:
        """Its end as a share of the run; None where it is given in steps."""
        percent = self.until_percent
        return None if percent is None else percent if percent <= 1 else percent / 100

    def faults(self) -> Iterator[Fault]:
        if (self.until_percent is None) == (self.until_step is None):
            yield Fault(
                "until_percent",
                "a phase needs exactly one end",
                "give one of until_percent and until_step",
            )


class Curriculum(Section):
    phases: Annotated[tuple[CurriculumPhase, ...], AsTuple] = Field(
        default=(), description="phases in order"
    )

    def faults(self) -> Iterator[Fault]:
        percents = [phase.until_percent for phase in self.phases if phase.until_percent]
        steps = [phase.until_step for phase in self.phases if phase.until_step]
        if percents and steps:
            hint = "write every end in per cent, or every end in steps"
            yield Fault("phases", "until_percent and until_step cannot be mixed", hint)
        shares = [percent if percent > 1 else 100 * percent for percent in percents]
        for ends in (shares, steps):
            if any(second <= first for first, second in pairwise(ends)):
                text = f"each must end after the one before, found {ends}"
                yield Fault("phases", text, "write the phases in the order of the run")


class Augmentation(Section):
    enabled: bool = Field(default=False, description="change training images and geometry together")
    bypass_prob: Probability = Field(default=0.0, description="share of samples left as they are")
    ops: Annotated[tuple[AugmentationStep, ...], AsTuple] = Field(
        default=(), description="operations in order; the one that sets the size comes last"
    )
    curriculum: Curriculum | None = Field(
        default=None, description="strengths that grow over the run"
    )

    def faults(self) -> Iterator[Fault]:
        if self.enabled and not self.ops:
            hint = "name one, as {name: hflip}; or enabled: false"
            yield Fault("ops", "augmentation is enabled without an operation", hint)
        names = [step.name for step in self.ops]
        setters = [name for name in names if name in SETS_SIZE]
        if setters:
            after = [name for name in names[names.index(setters[0]) :] if name in MOVES_PIXELS]
            if after:
                text = f"{', '.join(after)} after {setters[0]} undoes the size that it sets"
                yield Fault("ops", text, f"write {setters[0]} after every operation on geometry")
        if self.curriculum is not None:
            yield from curriculum_faults(self.curriculum, self.ops, "curriculum")

    def named(self, names: Iterable[str]) -> tuple[str, ...]:
        """Which of `names` are among the operations, each once."""
        return tuple(dict.fromkeys(step.name for step in self.ops if step.name in names))


# Strengths of a curriculum


def curriculum_faults(curriculum: Curriculum, ops: Sequence[Step], key: str) -> Iterator[Fault]:
    """What a curriculum asks of operations that are not there, or that do not take it.

    Args:
        ops: what it is to strengthen; none where only the curriculum stands in the file.
        key: of the curriculum, as the section that asks knows it.
    """
    reached: dict[str, dict[str, Value]] = {}
    for number, phase in enumerate(curriculum.phases):
        for name, values in phase.ops.items():
            place = f"{key}.phases.{number}.ops.{name}"
            steps = [step for step in ops if step.name == name]
            if ops and not steps:
                names = ", ".join(dict.fromkeys(step.name for step in ops))
                yield Fault(place, "is none of the operations", f"operations: {names}")
                continue
            if any(step.params != steps[0].params for step in steps):
                text = "stands among the operations more than once, in other strengths"
                yield Fault(place, text, "a curriculum leads them all alike: give each the same")
                continue
            step = steps[0] if steps else default_step(name)
            reached[name] = reached.get(name, {}) | values
            yield from _value_faults(step, values, reached[name], place)


def default_step(name: AugmentationName) -> Step:
    """An operation with its defaults."""
    return _STEPS.validate_python({"name": name})


_STEPS: TypeAdapter[Step] = TypeAdapter(Annotated[Step, Field(discriminator="name")])


def _value_faults(
    step: Step, values: Values, reached: dict[str, Value], place: str
) -> Iterator[Fault]:
    for key in values:
        if key not in type(step.params).model_fields:
            hint = did_you_mean(key, type(step.params).model_fields)
            yield Fault(f"{place}.{key}", "unknown key", hint)
        elif not _grows(getattr(step.params, key), values[key]):
            text = "a curriculum moves numbers and ranges, each in its own shape"
            default = getattr(step.params, key)
            yield Fault(f"{place}.{key}", text, f"the operation has {_written(default)}")
        else:
            continue
        reached.pop(key)
    try:
        with_values(step, reached)
    except ValidationError as error:
        text = "; ".join(finding["msg"] for finding in error.errors())
        yield Fault(place, f"reaches settings it cannot take: {text}", "as under ops")


def _grows(present: object, value: Value) -> bool:
    """Whether a setting can be led to `value`: a number to a number, a range to a range."""
    if isinstance(value, tuple):
        return isinstance(present, tuple) and len(cast("tuple[object, ...]", present)) == 2
    return isinstance(present, int | float) and not isinstance(present, bool)


def _written(value: object) -> str:
    return str(list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value)


def with_values(step: Step, values: Values) -> Step:
    """The operation with other strengths; whole numbers are rounded, ties to even.

    Raises:
        ValidationError: a value that the operation does not take.
    """
    if not values:
        return step
    present = step.params.model_dump()
    changed = {key: _like(present[key], value) for key, value in values.items()}
    return _STEPS.validate_python({"name": step.name, "params": {**present, **changed}})


def _like(present: Any, value: Value) -> Value:
    if isinstance(value, tuple):
        low, high = (_like(one, other) for one, other in zip(present, value, strict=True))
        return cast("Pair", (low, high))
    return round(value) if isinstance(present, int) else value


assert set(get_args(AugmentationName)) == {
    get_args(model.model_fields["name"].annotation)[0] for model in get_args(Step)
}
