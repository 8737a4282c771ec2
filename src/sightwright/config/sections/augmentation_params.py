"""The settings of each operation of `custom.augmentation.ops`, with their defaults.

Ranges are `[low, high]`, one value drawn
evenly between them for each image. Where an operation has a `prob`, it is the share of images that
it is done to.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt
from pydantic_core import PydanticCustomError

from sightwright.config.section import AsTuple, Fault, Section, TextList

Probability = Annotated[float, Field(ge=0, le=1)]
Pair = Annotated[tuple[float, float], AsTuple]

_PROB = "share of images it is done to"


def _between(low: float, high: float) -> Callable[[tuple[float, float]], tuple[float, float]]:
    """A check that two numbers are a range inside `low` to `high`."""

    def check(value: tuple[float, float]) -> tuple[float, float]:
        if not low <= value[0] <= value[1] <= high:
            text = "two numbers, the lower first, from {low} to {high}"
            raise PydanticCustomError("range", text, {"low": f"{low:g}", "high": f"{high:g}"})
        return value

    return check


Factors = Annotated[Pair, AfterValidator(_between(0, 10))]
Degrees = Annotated[Pair, AfterValidator(_between(-180, 180))]
Zoom = Annotated[Pair, AfterValidator(_between(0.1, 10))]
Share = Annotated[Pair, AfterValidator(_between(0.01, 1))]
Radius = Annotated[Pair, AfterValidator(_between(0, 20))]
Quality = Annotated[Pair, AfterValidator(_between(1, 100))]
Sigma = Annotated[Pair, AfterValidator(_between(0, 128))]
Strength = Annotated[Pair, AfterValidator(_between(0, 1))]


# Affine: gathered into one matrix, and drawn once.


class HflipParams(Section):
    prob: Probability = Field(default=0.5, description=_PROB)


class VflipParams(Section):
    prob: Probability = Field(default=0.1, description=_PROB)


class RotateParams(Section):
    max_deg: float = Field(default=10.0, ge=0, le=180, description="largest angle, either way")
    prob: Probability = Field(default=0.5, description=_PROB)


class ScaleParams(Section):
    lo: float = Field(default=0.9, gt=0, le=10, description="smallest factor")
    hi: float = Field(default=1.1, gt=0, le=10, description="largest factor")
    prob: Probability = Field(default=0.5, description=_PROB)

    def faults(self) -> Iterator[Fault]:
        if self.lo > self.hi:
            yield Fault("lo", f"{self.lo:g} is above hi {self.hi:g}", "write the smaller as lo")


class PerspectiveParams(Section):
    max_shift: float = Field(
        default=0.05, ge=0, le=0.2, description="how far a corner moves, as a share of a side"
    )
    prob: Probability = Field(default=0.3, description=_PROB)


class ScanSkewParams(Section):
    max_deg: float = Field(
        default=2.0, ge=0, le=15, description="largest angle of a page laid askew"
    )
    prob: Probability = Field(default=0.3, description=_PROB)


# Barriers: the matrix is drawn before them, and the canvas may get another size.


class RandomCropParams(Section):
    scale: Share = Field(default=(0.6, 1.0), description="share of the area that is kept")
    aspect: Zoom = Field(
        default=(0.8, 1.2), description="proportions of the cut, as a factor of the image's own"
    )
    min_coverage: Probability = Field(
        default=0.3, description="an object that keeps less of itself is dropped"
    )
    completeness: Probability = Field(
        default=0.95, description="an object that keeps less of itself is described as cut off"
    )
    min_objects: int = Field(default=4, ge=0, description="no cut that leaves fewer objects")
    skip_if_line: bool = Field(default=True, description="no cut through a line")
    prob: Probability = Field(default=1.0, description=_PROB)


class RoiCropParams(Section):
    anchor_classes: TextList = Field(
        default=(), description="classes that a cut may be around; any, if none is named"
    )
    scale: Zoom = Field(
        default=(1.5, 3.0), description="sides of the cut, as a factor of the anchor's"
    )
    min_size: PositiveInt = Field(default=384, description="shortest side of the cut, in pixels")
    min_coverage: Probability = Field(
        default=0.4, description="an object that keeps less of itself is dropped"
    )
    completeness: Probability = Field(
        default=0.95, description="an object that keeps less of itself is described as cut off"
    )
    skip_if_line: bool = Field(default=True, description="no cut through a line")
    prob: Probability = Field(default=0.3, description=_PROB)


class ResizeByScaleParams(Section):
    lo: float = Field(default=0.8, gt=0, le=10, description="smallest factor")
    hi: float = Field(default=1.2, gt=0, le=10, description="largest factor")
    scales: Annotated[tuple[float, ...], AsTuple] | None = Field(
        default=None, description="factors to choose from, in place of lo and hi"
    )
    align_multiple: PositiveInt = Field(
        default=32, description="both sides are rounded up to a multiple of it"
    )
    prob: Probability = Field(default=1.0, description=_PROB)

    def faults(self) -> Iterator[Fault]:
        if self.lo > self.hi:
            yield Fault("lo", f"{self.lo:g} is above hi {self.hi:g}", "write the smaller as lo")
        if self.scales is not None and not all(0 < each <= 10 for each in self.scales or (0,)):
            yield Fault("scales", "must hold factors above 0, to 10", "as [0.75, 1.0, 1.25]")


class ExpandToFitAffineParams(Section):
    multiple: PositiveInt = Field(default=32, description="both sides become a multiple of it")
    max_pixels: PositiveInt = Field(
        default=921600, description="a larger canvas is scaled down to at most this"
    )

    def faults(self) -> Iterator[Fault]:
        if self.max_pixels < self.multiple**2:
            text = f"{self.max_pixels} is below one block of {self.multiple}x{self.multiple}"
            yield Fault("max_pixels", text, f"at least {self.multiple**2}")


class PadToMultipleParams(Section):
    multiple: PositiveInt = Field(
        default=32, description="both sides become a multiple of it, in grey at the right and below"
    )


# Patches: pixels of one place are copied to another.


class SmallObjectZoomPasteParams(Section):
    prob: Probability = Field(default=0.2, description=_PROB)
    max_targets: PositiveInt = Field(default=1, description="most objects copied")
    attempts: PositiveInt = Field(default=20, description="places tried for each")
    scale: Zoom = Field(default=(1.4, 1.8), description="how much larger the copy is")
    max_size: PositiveFloat = Field(
        default=96.0, description="longest side of an object that is small, in pixels"
    )
    max_line_length: PositiveFloat = Field(
        default=128.0, description="longest line that is small, in pixels"
    )
    context: int = Field(default=4, ge=0, description="pixels copied around the object")
    overlap: Probability = Field(
        default=0.1, description="most that a copy covers of another object, or another of it"
    )
    line_buffer: PositiveFloat = Field(default=4.0, description="half width of a line, in pixels")
    overlap_mode: Literal["aabb", "mask"] = Field(
        default="aabb", description="copy and compare bounding boxes, or the shapes themselves"
    )
    class_whitelist: TextList = Field(
        default=(), description="classes that may be copied; all, if none is named"
    )


# Colour: the image alone, after all that moves geometry.


class ColorJitterParams(Section):
    brightness: Factors = Field(default=(0.7, 1.3), description="factor of the brightness")
    contrast: Factors = Field(default=(0.7, 1.3), description="factor of the contrast")
    saturation: Factors = Field(default=(0.7, 1.3), description="factor of the saturation")
    prob: Probability = Field(default=1.0, description=_PROB)


class GammaParams(Section):
    gamma: Annotated[Pair, AfterValidator(_between(0.1, 10))] = Field(
        default=(0.7, 1.4), description="exponent of the brightness; above 1 darkens"
    )
    prob: Probability = Field(default=0.5, description=_PROB)


class HsvParams(Section):
    hue_deg: Degrees = Field(default=(-20.0, 20.0), description="turn of the hue, in degrees")
    saturation: Factors = Field(default=(0.7, 1.4), description="factor of the saturation")
    value: Factors = Field(default=(0.7, 1.4), description="factor of the value")
    prob: Probability = Field(default=0.5, description=_PROB)


class ClaheParams(Section):
    clip_limit: PositiveFloat = Field(
        default=3.0, description="how far the contrast of a tile may rise"
    )
    tile_grid_size: Annotated[tuple[int, int], AsTuple] = Field(
        default=(8, 8), description="tiles across and down"
    )
    prob: Probability = Field(default=0.5, description=_PROB)

    def faults(self) -> Iterator[Fault]:
        if min(self.tile_grid_size) < 1:
            yield Fault("tile_grid_size", "must be tiles across and down, 1 and above", "as [8, 8]")


class AutoContrastParams(Section):
    cutoff: float = Field(
        default=0.0, ge=0, lt=50, description="per cent of the pixels left out at either end"
    )
    prob: Probability = Field(default=0.5, description=_PROB)


class EqualizeParams(Section):
    prob: Probability = Field(default=0.5, description=_PROB)


class SolarizeParams(Section):
    threshold: int = Field(default=128, ge=0, le=256, description="levels from it on are inverted")
    prob: Probability = Field(default=0.3, description=_PROB)


class PosterizeParams(Section):
    bits: int = Field(default=4, ge=1, le=8, description="bits kept of each channel")
    prob: Probability = Field(default=0.3, description=_PROB)


class SharpnessParams(Section):
    factor: Factors = Field(default=(0.5, 1.8), description="below 1 softens, above 1 sharpens")
    prob: Probability = Field(default=0.4, description=_PROB)


# What a scanner does to a page.


class ScanBlurParams(Section):
    radius: Radius = Field(default=(0.3, 1.2), description="of the blur, in pixels")
    prob: Probability = Field(default=0.3, description=_PROB)


class ScanJpegParams(Section):
    quality: Quality = Field(default=(35.0, 85.0), description="of the JPEG that a page went by")
    prob: Probability = Field(default=0.3, description=_PROB)


class ScanNoiseParams(Section):
    sigma: Sigma = Field(default=(2.0, 10.0), description="spread of the noise, in grey levels")
    prob: Probability = Field(default=0.3, description=_PROB)


class ScanShadowParams(Section):
    strength: Strength = Field(
        default=(0.1, 0.4), description="share of the light lost where the shadow is deepest"
    )
    width: Share = Field(default=(0.1, 0.5), description="of the shadow, as a share of the page")
    prob: Probability = Field(default=0.3, description=_PROB)


class ScanStampParams(Section):
    size: Share = Field(default=(0.15, 0.35), description="of the stamp, as a share of the width")
    strength: Strength = Field(
        default=(0.2, 0.5), description="share of the light its ink takes; print stays legible"
    )
    max_deg: float = Field(default=30.0, ge=0, le=180, description="largest angle, either way")
    prob: Probability = Field(default=0.2, description=_PROB)
