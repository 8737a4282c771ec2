"""What printing, handling and scanning do to a page; print stays where it is and legible."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from sightwright.config.sections.augmentation_ops import (
    ScanBlur,
    ScanJpeg,
    ScanNoise,
    ScanShadow,
    ScanStamp,
    ScanStep,
)
from sightwright.config.sections.augmentation_params import ScanShadowParams, ScanStampParams

STAMPS = ("RECEIVED", "COPY", "PAID", "CHECKED", "ORIGINAL", "ENTERED", "FILE", "URGENT")
_INKS = ((170, 30, 40), (30, 50, 150), (60, 60, 70), (20, 110, 70))


def scanned(image: Image.Image, step: ScanStep, rng: np.random.Generator) -> Image.Image:
    """An RGB page after one effect, its strength drawn from `rng`."""
    match step:
        case ScanBlur(params=params):
            return image.filter(ImageFilter.GaussianBlur(rng.uniform(*params.radius)))
        case ScanJpeg(params=params):
            return _through_jpeg(image, round(rng.uniform(*params.quality)))
        case ScanNoise(params=params):
            return _noisy(image, rng.uniform(*params.sigma), rng)
        case ScanShadow(params=params):
            return _shadowed(image, params, rng)
        case ScanStamp(params=params):
            return _stamped(image, params, rng)


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as again:
        return again.convert("RGB")


def _noisy(image: Image.Image, sigma: float, rng: np.random.Generator) -> Image.Image:
    """Grey grain: one value a pixel, on all channels alike."""
    grain = rng.standard_normal((image.height, image.width), dtype=np.float32) * np.float32(sigma)
    levels = np.asarray(image).astype(np.float32) + grain[..., None]
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def _shadowed(
    image: Image.Image, params: ScanShadowParams, rng: np.random.Generator
) -> Image.Image:
    """Darker towards one edge, as where a book's spine or a lifted page keeps the light away."""
    deepest, share = rng.uniform(*params.strength), rng.uniform(*params.width)
    across, from_end = rng.integers(0, 2, 2)
    length = image.width if across else image.height
    place = (np.arange(length) + 0.5) / (share * length)
    light = 1 - deepest * np.clip(1 - place, 0, 1) ** 2
    light = light[::-1] if from_end else light
    factors = light[None, :, None] if across else light[:, None, None]
    levels = np.asarray(image).astype(np.float32) * factors.astype(np.float32)
    return Image.fromarray(np.rint(levels).astype(np.uint8))


def _stamped(image: Image.Image, params: ScanStampParams, rng: np.random.Generator) -> Image.Image:
    """A framed word in thin ink, askew; it takes a share of the light and hides no print."""
    word, ink = STAMPS[rng.integers(len(STAMPS))], _INKS[rng.integers(len(_INKS))]
    width = max(16, round(rng.uniform(*params.size) * image.width))
    degrees = rng.uniform(-params.max_deg, params.max_deg)
    mask = _stamp_mask(word, width).rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    room = np.maximum(1, np.array(image.size) - mask.size + 1)
    x, y = rng.integers(0, room).tolist()
    strength = rng.uniform(*params.strength)
    box = (x, y, min(x + mask.width, image.width), min(y + mask.height, image.height))
    under = np.asarray(image.crop(box)).astype(np.float32)
    amount = np.asarray(mask)[: under.shape[0], : under.shape[1], None] / np.float32(255) * strength
    lost = 1 - np.asarray(ink, dtype=np.float32) / 255
    result = image.copy()
    result.paste(Image.fromarray(np.rint(under * (1 - amount * lost)).astype(np.uint8)), box[:2])
    return result


def _stamp_mask(word: str, width: int) -> Image.Image:
    """The word in its frame, white on black, drawn large and made smaller."""
    font = ImageFont.load_default(48)
    left, top, right, bottom = font.getbbox(word)
    size = (math.ceil(right - left) + 60, math.ceil(bottom - top) + 44)
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    draw.rounded_rectangle((3, 3, size[0] - 4, size[1] - 4), 10, outline=255, width=6)
    draw.text((30 - left, 22 - top), word, fill=255, font=font)
    height = max(1, round(size[1] * width / size[0]))
    return mask.resize((width, height), Image.Resampling.BICUBIC)
