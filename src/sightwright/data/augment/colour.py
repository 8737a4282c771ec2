"""Operations on colour alone: the image changes, its objects stay where they are."""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from sightwright.config.sections.augmentation_ops import (
    AutoContrast,
    Clahe,
    ColorJitter,
    ColourStep,
    Equalize,
    Gamma,
    Hsv,
    Posterize,
    Sharpness,
    Solarize,
)
from sightwright.config.sections.augmentation_params import ColorJitterParams, HsvParams
from sightwright.data.augment.clahe import clahe_image

_LEVELS = np.arange(256)


def recoloured(image: Image.Image, step: ColourStep, rng: np.random.Generator) -> Image.Image:
    """An RGB image after one operation, its strength drawn from `rng`."""
    match step:
        case ColorJitter(params=params):
            return _jittered(image, params, rng)
        case Gamma(params=params):
            levels = 255 * (_LEVELS / 255) ** rng.uniform(*params.gamma)
            return image.point(_table(levels) * 3)
        case Hsv(params=params):
            return _turned(image, params, rng)
        case Clahe(params=params):
            return clahe_image(image, params.clip_limit, params.tile_grid_size)
        case AutoContrast(params=params):
            return ImageOps.autocontrast(image, params.cutoff)
        case Equalize():
            return ImageOps.equalize(image)
        case Solarize(params=params):
            return ImageOps.solarize(image, params.threshold)
        case Posterize(params=params):
            return ImageOps.posterize(image, params.bits)
        case Sharpness(params=params):
            return ImageEnhance.Sharpness(image).enhance(rng.uniform(*params.factor))


def _jittered(
    image: Image.Image, params: ColorJitterParams, rng: np.random.Generator
) -> Image.Image:
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(*params.brightness))
    image = ImageEnhance.Contrast(image).enhance(rng.uniform(*params.contrast))
    return ImageEnhance.Color(image).enhance(rng.uniform(*params.saturation))


def _turned(image: Image.Image, params: HsvParams, rng: np.random.Generator) -> Image.Image:
    """Hue is a circle of 256 levels; saturation and value are cut at 255."""
    turn = round(rng.uniform(*params.hue_deg) / 360 * 256)
    tables = _table((_LEVELS + turn) % 256)
    tables += _table(_LEVELS * rng.uniform(*params.saturation))
    tables += _table(_LEVELS * rng.uniform(*params.value))
    return image.convert("HSV").point(tables).convert("RGB")


def _table(levels: "np.ndarray[tuple[int], np.dtype[np.generic]]") -> list[int]:
    """What each of 256 levels becomes."""
    return [int(level) for level in np.clip(np.rint(levels), 0, 255)]
