"""Augmentation of a photograph and its objects, against the same operations one by one in Pillow.

Ours gathers what moves pixels into one warp; Pillow, used plainly, warps once for each operation.
Both draw the same strengths from the same streams of random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from sightwright.config.sections.augmentation import Augmentation
from sightwright.data.augment import matrices
from sightwright.data.augment.matrices import compose
from sightwright.data.augment.pipeline import Pipeline, Streams
from sightwright.geometry import Box, Geometry, Line, Matrix, Polygon, transform
from sightwright.inspection_records import DenseObject

SIZE = (1280, 960)
NUM_IMAGES = 8
GREY = (128, 128, 128)
BICUBIC = Image.Resampling.BICUBIC
MOST_LEVELS = 2.0
"""Mean difference that two, three or four warps may have from one, of 255."""

GEOMETRY: list[dict[str, Any]] = [
    {"name": "hflip", "params": {"prob": 1.0}},
    {"name": "rotate", "params": {"max_deg": 12.0, "prob": 1.0}},
    {"name": "scale", "params": {"lo": 0.9, "hi": 1.1, "prob": 1.0}},
    {"name": "perspective", "params": {"max_shift": 0.03, "prob": 1.0}},
]
COLOUR: list[dict[str, Any]] = [
    {"name": "color_jitter", "params": {"prob": 1.0}},
    {"name": "gamma", "params": {"prob": 1.0}},
    {"name": "sharpness", "params": {"prob": 1.0}},
]
PAD: list[dict[str, Any]] = [{"name": "pad_to_multiple"}]
RECIPES = {
    "two warps, a mirror, colour, padding": [*GEOMETRY[:3], *COLOUR, *PAD],
    "three warps and a mirror, no colour": GEOMETRY,
    "colour alone": COLOUR,
}


@dataclass(frozen=True)
class Result:
    """An image, and the points of its objects before they are cut and rounded."""

    image: Image.Image
    shapes: list[Geometry]


def run() -> list[Comparison]:
    image, objects = photograph(SIZE)
    return [compare_on(title, recipe, image, objects) for title, recipe in RECIPES.items()]


def compare_on(
    title: str, recipe: list[dict[str, Any]], image: Image.Image, objects: tuple[DenseObject, ...]
) -> Comparison:
    """Check that both make the same of a photograph, then time them."""
    pipeline = Pipeline.of(Augmentation.model_validate({"enabled": True, "ops": recipe}))
    mean = max(difference(pipeline, recipe, image, objects, str(i)) for i in range(NUM_IMAGES))
    if mean > MOST_LEVELS:
        raise AssertionError(f"{title}: the images differ by {mean:.2f} levels on average")

    def ours() -> None:
        for number in range(NUM_IMAGES):
            pipeline.apply(image, objects, seed=0, epoch=0, record_id=str(number))

    def plain() -> None:
        for number in range(NUM_IMAGES):
            in_pillow(recipe, image, objects, str(number))

    turns: dict[str, Callable[[], float]] = {OURS: timed(ours)}
    turns[f"Pillow {PIL.__version__}, one by one"] = timed(plain)
    equality = f"the same objects within a pixel; images within {mean:.2f} of 255 levels on average"
    width, height = image.size
    title = f"Augmentation of {width} x {height} pixels, {len(objects)} objects: {title}"
    return compare_turns(title, turns, 7, equality, "image", NUM_IMAGES)


def difference(
    pipeline: Pipeline,
    recipe: list[dict[str, Any]],
    image: Image.Image,
    objects: tuple[DenseObject, ...],
    record_id: str,
) -> float:
    """Mean of the levels' differences where both show the photograph.

    Raises:
        AssertionError: another size, or an object that lies elsewhere.
    """
    ours = pipeline.apply(image, objects, seed=0, epoch=0, record_id=record_id)
    theirs = in_pillow(recipe, image, objects, record_id)
    assert ours.image.size == theirs.image.size
    report = ours.report
    for index, coverage, item in zip(report.sources, report.coverages, ours.objects, strict=True):
        if coverage == 1:
            far = farthest(item.geometry, theirs.shapes[index])
            assert far <= 1, f"object {index} lies {far:.1f} px elsewhere"
    # One warp after another cuts off what was outside in between: there only ours shows anything.
    one, other = np.asarray(ours.image, np.int16), np.asarray(theirs.image, np.int16)
    shown = (other != other[-1, -1]).any(axis=2) & (one != one[-1, -1]).any(axis=2)
    rim = Image.fromarray(shown).convert("L").filter(ImageFilter.MinFilter(7))
    return float(np.abs(one - other)[np.asarray(rim) > 0].mean())


def farthest(one: Geometry, other: Geometry) -> float:
    """From a point of one shape to the nearest of the other's, at most, along x or y."""

    def to(x: float, y: float) -> float:
        return min(max(abs(x - u), abs(y - v)) for u, v in other.points)

    return max(to(x, y) for x, y in one.points)


# The same operations, one by one


def in_pillow(
    recipe: list[dict[str, Any]],
    image: Image.Image,
    objects: tuple[DenseObject, ...],
    record_id: str,
) -> Result:
    streams = Streams(0, 0, record_id)
    shapes = [item.geometry for item in objects]
    for kind in (False, True):  # Colour last, as ours.
        for step in recipe:
            if (step in COLOUR) is kind:
                rng = streams.of(f"{step['name']}/0")
                rng.random()  # What decided that the operation is done.
                image, matrix = _STEPS[step["name"]](image, step.get("params", {}), rng)
                if matrix is not None:
                    shapes = [transform(shape, matrix) for shape in shapes]
    return Result(image, shapes)


Step = Callable[
    [Image.Image, dict[str, Any], np.random.Generator], tuple[Image.Image, Matrix | None]
]


def _hflip(image: Image.Image, _: dict[str, Any], __: np.random.Generator) -> Any:
    return ImageOps.mirror(image), matrices.hflip(image.size)


def _rotate(image: Image.Image, params: dict[str, Any], rng: np.random.Generator) -> Any:
    degrees = rng.uniform(-params["max_deg"], params["max_deg"])
    turned = image.rotate(-degrees, BICUBIC, fillcolor=GREY)
    return turned, matrices.rotate(degrees, image.size)


def _scale(image: Image.Image, params: dict[str, Any], rng: np.random.Generator) -> Any:
    factor = rng.uniform(params["lo"], params["hi"])
    x, y = image.width / 2, image.height / 2
    back = (1 / factor, 0, x - x / factor, 0, 1 / factor, y - y / factor)
    scaled = image.transform(image.size, Image.Transform.AFFINE, back, BICUBIC, fillcolor=GREY)
    return scaled, matrices.scale(factor, image.size)


def _perspective(image: Image.Image, params: dict[str, Any], rng: np.random.Generator) -> Any:
    corners = matrices.border(image.size)
    shifts = rng.uniform(-params["max_shift"], params["max_shift"], (4, 2)) * image.size
    moved = [(x + dx, y + dy) for (x, y), (dx, dy) in zip(corners, shifts, strict=True)]
    matrix = matrices.projection(corners, moved)
    half = matrices.shift(0.5, 0.5)
    back = compose(half, compose(matrices.inverse(matrix), matrices.shift(-0.5, -0.5)))
    numbers = [number for row in back for number in row][:8]
    method = Image.Transform.PERSPECTIVE
    return image.transform(image.size, method, numbers, BICUBIC, fillcolor=GREY), matrix


def _jitter(image: Image.Image, _: dict[str, Any], rng: np.random.Generator) -> Any:
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(0.7, 1.3))
    return image, None


def _gamma(image: Image.Image, _: dict[str, Any], rng: np.random.Generator) -> Any:
    exponent = rng.uniform(0.7, 1.4)
    return image.point(lambda level: round(255 * (level / 255) ** exponent)), None


def _sharpness(image: Image.Image, _: dict[str, Any], rng: np.random.Generator) -> Any:
    return ImageEnhance.Sharpness(image).enhance(rng.uniform(0.5, 1.8)), None


def _pad(image: Image.Image, _: dict[str, Any], __: np.random.Generator) -> Any:
    size = tuple(-(-side // 32) * 32 for side in image.size)
    padded = Image.new("RGB", size, GREY)
    padded.paste(image)
    return padded, None


_STEPS: dict[str, Step] = {
    "hflip": _hflip,
    "rotate": _rotate,
    "scale": _scale,
    "perspective": _perspective,
    "color_jitter": _jitter,
    "gamma": _gamma,
    "sharpness": _sharpness,
    "pad_to_multiple": _pad,
}


def photograph(size: tuple[int, int]) -> tuple[Image.Image, tuple[DenseObject, ...]]:
    """A drawn cabinet: soft light, twelve plates, four shields, four cables."""
    width, height = size
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(0)
    shapes: list[Geometry] = []
    for number in range(20):
        x, y = rng.uniform(0.2, 0.7, 2) * size
        reach = width / 20
        if number < 12:
            shapes.append(Box(x, y, x + reach, y + reach / 2))
        elif number < 16:
            shapes.append(Polygon(((x, y), (x + reach, y + 9), (x + reach / 2, y + reach))))
        else:
            shapes.append(Line(((x, y), (x + reach, y + 3), (x + 2 * reach, y + height / 9))))
    for shape in shapes:
        ink = tuple(rng.integers(30, 226, 3).tolist())
        if isinstance(shape, Line):
            draw.line(shape.points, fill=ink, width=5)
        else:
            draw.polygon(shape.points, fill=ink)
    image = image.filter(ImageFilter.GaussianBlur(1.2))
    return image, tuple(DenseObject(f"thing {i}", shape) for i, shape in enumerate(shapes))
