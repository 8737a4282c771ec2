"""`custom.augmentation`: the defaults of facts.md AU4, what is refused, what overrides what."""

from typing import Any, get_args

import pytest

from sightwright.config.describe import entries, explained, keys_below
from sightwright.config.load import load_text
from sightwright.config.problems import ConfigProblemsError
from sightwright.config.sections.augmentation import (
    CHANGES_OBJECTS,
    MIRRORS,
    MOVES_PIXELS,
    SETS_SIZE,
    Augmentation,
    AugmentationName,
    default_step,
    with_values,
)
from sightwright.config.sections.augmentation_ops import AffineStep, BarrierStep, Step
from sightwright.config.sections.custom import Custom
from sightwright.errors import ConfigError

DEFAULTS: dict[AugmentationName, dict[str, Any]] = {
    "hflip": {"prob": 0.5},
    "vflip": {"prob": 0.1},
    "rotate": {"max_deg": 10, "prob": 0.5},
    "scale": {"lo": 0.9, "hi": 1.1, "prob": 0.5},
    "color_jitter": {
        "brightness": (0.7, 1.3), "contrast": (0.7, 1.3), "saturation": (0.7, 1.3), "prob": 1,
    },
    "pad_to_multiple": {"multiple": 32},
    "expand_to_fit_affine": {"multiple": 32, "max_pixels": 921600},
    "resize_by_scale": {"lo": 0.8, "hi": 1.2, "scales": None, "align_multiple": 32, "prob": 1},
    "gamma": {"gamma": (0.7, 1.4), "prob": 0.5},
    "hsv": {"hue_deg": (-20, 20), "saturation": (0.7, 1.4), "value": (0.7, 1.4), "prob": 0.5},
    "clahe": {"clip_limit": 3, "tile_grid_size": (8, 8), "prob": 0.5},
    "auto_contrast": {"cutoff": 0, "prob": 0.5},
    "solarize": {"threshold": 128, "prob": 0.3},
    "posterize": {"bits": 4, "prob": 0.3},
    "sharpness": {"factor": (0.5, 1.8), "prob": 0.4},
    "random_crop": {
        "scale": (0.6, 1), "aspect": (0.8, 1.2), "min_coverage": 0.3, "completeness": 0.95,
        "min_objects": 4, "skip_if_line": True, "prob": 1,
    },
    "small_object_zoom_paste": {
        "prob": 0.2, "max_targets": 1, "attempts": 20, "scale": (1.4, 1.8), "max_size": 96,
        "max_line_length": 128, "context": 4, "overlap": 0.1, "line_buffer": 4,
        "overlap_mode": "aabb", "class_whitelist": (),
    },
}  # fmt: skip


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigProblemsError) as caught:
        load_text(text, "x.yaml")
    return [str(problem) for problem in caught.value.problems]


def ops(text: str) -> str:
    return f"custom: {{augmentation: {{enabled: true, ops: [{text}]}}}}"


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_the_documented_ones(name: AugmentationName) -> None:
    assert default_step(name).params.model_dump() == DEFAULTS[name]


def test_every_operation_has_a_name_and_a_place_among_the_kinds() -> None:
    names = {get_args(model.model_fields["name"].annotation)[0] for model in get_args(Step)}
    assert names == set(get_args(AugmentationName))
    assert {*MIRRORS, *CHANGES_OBJECTS, *SETS_SIZE, *MOVES_PIXELS} <= names
    moving = {
        get_args(model.model_fields["name"].annotation)[0]
        for model in (*get_args(AffineStep), *get_args(BarrierStep))
    }
    assert {*MOVES_PIXELS, *SETS_SIZE} == moving | {"small_object_zoom_paste"}


def test_a_list_becomes_the_tuple_of_its_operation() -> None:
    text = ops("{name: clahe, params: {tile_grid_size: [4, 6]}}, {name: gamma}")
    settings = load_text(text).config.custom.augmentation
    assert settings is not None
    assert settings.ops[0].params.model_dump()["tile_grid_size"] == (4, 6)
    assert settings.ops[1] == default_step("gamma")


def test_a_key_of_another_operation_is_not_suggested() -> None:
    (line,) = problems(ops("{name: hflip, params: {max_deg: 5}}"))
    assert line.endswith("ops[0].params.max_deg: unknown key (known here: prob)")
    (line,) = problems(ops("{name: rotate, params: {max_dg: 5}}"))
    assert line.endswith("unknown key (did you mean max_deg?)")


def test_what_we_do_not_have_is_refused_with_what_to_write() -> None:
    (line,) = problems(ops("{name: albumentations_color, params: {preset: strong}}"))
    assert "albumentations_color cannot be honoured" in line
    assert "write color_jitter, gamma, hsv, sharpness and posterize" in line


@pytest.mark.parametrize("name", list(MOVES_PIXELS))
@pytest.mark.parametrize("setter", SETS_SIZE)
def test_nothing_on_geometry_follows_what_sets_the_size(name: str, setter: str) -> None:
    (line,) = problems(ops(f"{{name: {setter}}}, {{name: {name}}}"))
    assert f"{name} after {setter} undoes the size" in line
    load_text(ops(f"{{name: {name}}}, {{name: {setter}}}"))


def test_colour_and_another_size_may_follow() -> None:
    load_text(ops("{name: expand_to_fit_affine}, {name: pad_to_multiple}, {name: gamma}"))


@pytest.mark.parametrize("name", [*MIRRORS, *CHANGES_OBJECTS])
def test_a_page_is_neither_mirrored_nor_cut(name: str) -> None:
    (line,) = problems(f"task: {{type: extract}}\n{ops(f'{{name: {name}}}')}")
    assert line.startswith(f"x.yaml:2: custom.augmentation.ops: {name} ")
    load_text(f"task: {{type: dense}}\n{ops(f'{{name: {name}}}')}")
    off = ops(f"{{name: {name}}}").replace("enabled: true", "enabled: false")
    load_text(f"task: {{type: extract}}\n{off}")


@pytest.mark.parametrize("name", CHANGES_OBJECTS)
def test_a_summary_keeps_its_objects_but_for_a_mixture(name: str) -> None:
    (line,) = problems(f"task: {{type: summary}}\n{ops(f'{{name: {name}}}')}")
    assert "drops or adds objects, and the summary tells of all" in line
    mixed = ops(f"{{name: {name}}}").replace("custom: {", "custom: {fusion_config: f.yaml, ")
    load_text(f"task: {{type: summary}}\n{mixed}")
    load_text(f"task: {{type: summary}}\n{ops('{name: rotate, params: {max_deg: 2}}')}")


@pytest.mark.parametrize("place", ["augmentation.curriculum", "augmentation_curriculum"])
def test_a_curriculum_is_held_to_the_operations(place: str) -> None:
    def text(phase: str) -> str:
        curriculum = f"{{phases: [{{until_percent: 50, ops: {phase}}}]}}"
        listed = "enabled: true, ops: [{name: rotate, params: {max_deg: 4}}, {name: scale}]"
        if place == "augmentation_curriculum":
            return f"custom: {{augmentation: {{{listed}}}, augmentation_curriculum: {curriculum}}}"
        return f"custom: {{augmentation: {{{listed}, curriculum: {curriculum}}}}}"

    key = f"x.yaml:1: custom.{place}.phases[0].ops"
    assert problems(text("{hflip: {prob: 0.1}}")) == [
        f"{key}.hflip: is none of the operations (operations: rotate, scale)"
    ]
    assert problems(text("{rotate: {deg: 3}}"))[0].startswith(f"{key}.rotate.deg: unknown key")
    assert problems(text("{rotate: {max_deg: [1, 2]}}")) == [
        f"{key}.rotate.max_deg: a curriculum moves numbers and ranges, each in its own shape "
        "(the operation has 4.0)"
    ]
    assert "must be a number or a list, found 'x'" in problems(text("{rotate: {max_deg: x}}"))[0]
    assert "reaches settings it cannot take" in problems(text("{scale: {lo: 1.5}}"))[0]
    load_text(text("{rotate: {max_deg: 8, prob: 1}, scale: {lo: 1.2, hi: 1.5}}"))
    twice = text("{scale: {hi: 1.3}}").replace("{name: scale}", "{name: scale}, {name: scale}")
    load_text(twice)
    (told,) = problems(twice.replace("{name: scale}", "{name: scale, params: {hi: 1.2}}", 1))
    assert told.startswith(f"{key}.scale: stands among the operations more than once")


def test_values_are_put_into_an_operation() -> None:
    step = with_values(default_step("posterize"), {"bits": 5.5, "prob": 0.25})
    assert step.params.model_dump() == {"bits": 6, "prob": 0.25}
    grid = with_values(default_step("clahe"), {"tile_grid_size": (2.4, 6.6)})
    assert grid.params.model_dump()["tile_grid_size"] == (2, 7)
    assert with_values(step, {}) is step


def test_the_section_overrides_the_augmentation() -> None:
    text = (
        "custom:\n  augmentation: {enabled: true, bypass_prob: 0.5, ops: [{name: hflip}],\n"
        "    curriculum: {phases: [{until_percent: 10}]}}\n"
    )
    plain = load_text(text).config.custom.effective_augmentation
    assert plain is not None and plain.curriculum is not None
    assert (plain.bypass_prob, plain.curriculum.phases[0].until_percent) == (0.5, 10)
    more = "  bypass_prob: 0.1\n  augmentation_curriculum: {phases: [{until_percent: 90}]}\n"
    over = load_text(text + more).config.custom.effective_augmentation
    assert over is not None and over.curriculum is not None
    assert (over.bypass_prob, over.curriculum.phases[0].until_percent) == (0.1, 90)
    zero = load_text(text + "  bypass_prob: 0\n").config.custom.effective_augmentation
    assert zero is not None and zero.bypass_prob == 0
    assert Custom().effective_augmentation is None
    assert Custom(augmentation=Augmentation()).effective_augmentation is None


def test_what_has_no_augmentation_to_act_on_is_told() -> None:
    for key, value in (
        ("bypass_prob", "0.1"),
        ("augmentation_curriculum", "{phases: [{until_percent: 90}]}"),
    ):
        (warning,) = load_text(f"custom: {{{key}: {value}}}", "x.yaml").warnings
        assert warning.startswith(f"x.yaml:1: custom.{key}: not read: ")


def test_print_cut_off_at_a_pages_edge_is_warned_of() -> None:
    text = f"task: {{type: extract}}\n{ops('{name: scan_skew}')}"
    (warning,) = load_text(text, "x.yaml").warnings
    assert "scan_skew may cut print off at a page's edge" in warning
    whole = text.replace("{name: scan_skew}", "{name: scan_skew}, {name: expand_to_fit_affine}")
    assert load_text(whole).warnings == ()
    assert load_text(text.replace("extract", "dense")).warnings == ()


def test_each_operation_is_explained_by_its_own_defaults() -> None:
    known = entries()
    turn = known["custom.augmentation.ops[rotate].params.max_deg"]
    assert (turn.default, turn.type) == (10.0, "number at least 0 and at most 180")
    assert turn.example == (
        "custom:\n  augmentation: {ops: [{name: rotate, params: {max_deg: 10.0}}]}\n"
    )
    names = [entry.key for entry in explained("custom.augmentation.ops[2].params.max_deg")]
    assert names == [
        f"custom.augmentation.ops[{name}].params.max_deg"
        for name in ("rotate", "scan_skew", "scan_stamp")
    ]
    for wanted in (
        "hflip",
        "custom.augmentation.ops[hflip]",
        "custom.augmentation.ops[hflip].params",
    ):
        assert [entry.key for entry in explained(wanted)] == [
            "custom.augmentation.ops[hflip].params.prob"
        ]
    # A part of a word means nothing.
    with pytest.raises(ConfigError, match="unknown key 'ation'"):
        explained("ation")
    below = [entry.key for entry in keys_below("custom.augmentation.ops.params")]
    assert below[:2] == [f"custom.augmentation.ops[{name}].params.prob" for name in MIRRORS]
    for name, params in DEFAULTS.items():
        for key in params:
            assert known[f"custom.augmentation.ops[{name}].params.{key}"].meaning
