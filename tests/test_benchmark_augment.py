"""Augmentation beside plain Pillow: that both do the same, and that a slip is noticed."""

import pytest
from benchmarks.cpu import augment
from benchmarks.cpu.augment import MOST_LEVELS, RECIPES, difference, photograph
from PIL import Image, ImageChops

from sightwright.config.sections.augmentation import Augmentation
from sightwright.data.augment.pipeline import Pipeline

IMAGE, OBJECTS = photograph((320, 240))


def pipeline(recipe: str) -> Pipeline:
    return Pipeline.of(Augmentation.model_validate({"enabled": True, "ops": RECIPES[recipe]}))


@pytest.mark.parametrize("recipe", RECIPES)
def test_both_make_the_same_of_a_photograph(recipe: str) -> None:
    for record_id in ("0", "1"):
        mean = difference(pipeline(recipe), RECIPES[recipe], IMAGE, OBJECTS, record_id)
        assert mean <= MOST_LEVELS


def test_a_slip_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = next(iter(RECIPES))
    whole = augment.in_pillow

    def moved(*given: object) -> augment.Result:
        result = whole(*given)  # type: ignore[arg-type]
        return augment.Result(ImageChops.offset(result.image, 2, 0), result.shapes)

    before = difference(pipeline(recipe), RECIPES[recipe], IMAGE, OBJECTS, "0")
    monkeypatch.setattr(augment, "in_pillow", moved)
    assert difference(pipeline(recipe), RECIPES[recipe], IMAGE, OBJECTS, "0") > 2 * before

    def other_objects(*given: object) -> augment.Result:
        result = whole(*given)  # type: ignore[arg-type]
        return augment.Result(result.image, result.shapes[::-1])

    monkeypatch.setattr(augment, "in_pillow", other_objects)
    with pytest.raises((AssertionError, ValueError)):
        difference(pipeline(recipe), RECIPES[recipe], IMAGE, OBJECTS, "0")


def test_the_photograph_has_every_kind_of_object() -> None:
    assert {item.geometry.kind for item in OBJECTS} == {"bbox_2d", "poly", "line"}
    assert isinstance(IMAGE, Image.Image) and IMAGE.size == (320, 240)
