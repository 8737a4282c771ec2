"""What an image looks like, in 423 bytes: alike for copies that were resized, compressed or turned.

The grey image is brought to 64x64 by averaging, and the 16x16 lowest frequencies of its cosine
transform are kept, the mean aside. Of these 255 numbers

- `bits` tells which lie above their median (32 bytes): copies differ in few of them, so that they
  are found by parts of equal bits (`doctor.matching`);
- `strengths` are the numbers themselves in 8 bits each: two images are copies when their cosine is
  at least `COPY_COSINE`. Seen on 144 drawn pages of 12 templates: 0.992 and more between a page and
  its copies (JPEG of quality 40 to 75, half to one and a half times the size), 0.985 and less
  between different pages;
- `tint` is the colour of 8x8 fields (Cb and Cr, 128 bytes): where a field differs by more than
  `COPY_TINT`, something there has another colour, and the images are no copies;
- `layout` is the same as `bits` for the 8x8 lowest frequencies alone (8 bytes): where the masses
  of a page lie, whatever its letters.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

COPY_BITS = 32
COPY_COSINE = 0.99
COPY_TINT = 12
LAYOUT_BITS = 6

NUM_BITS_BYTES, NUM_STRENGTHS, NUM_TINT_BYTES, NUM_LAYOUT_BYTES = 32, 255, 128, 8

_GRID, _KEPT, _COARSE = 64, 16, 8
# Of grey values: what differs less is an empty page, equal to every other.
_LEAST_DEVIATION = 2.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    bits: bytes
    strengths: bytes
    tint: bytes
    layout: bytes


def fingerprint(image: "Image") -> Fingerprint | None:
    """The fingerprint of an upright image; None where there is nothing on it to tell it by."""
    from PIL import Image

    small = image.convert("RGB").resize((_GRID, _GRID), Image.Resampling.BOX)
    grey = np.asarray(small.convert("L"), dtype=np.float64)
    if grey.std() < _LEAST_DEVIATION:
        return None
    cosines = _cosines()
    spectrum = cosines @ grey @ cosines.T
    kept: Floats = spectrum.ravel()[1:]
    strongest = float(np.max(np.abs(kept)))
    strengths = np.asarray(np.round(kept * (127 / strongest)), dtype=np.int8)
    coarse = spectrum[:_COARSE, :_COARSE].ravel()[1:]
    return Fingerprint(
        _above_median(kept), strengths.tobytes(), _tint(small), _above_median(coarse)
    )


def _tint(small: "Image") -> bytes:
    from PIL import Image

    fields = small.resize((_COARSE, _COARSE), Image.Resampling.BOX).convert("YCbCr")
    return np.asarray(fields, dtype=np.uint8)[:, :, 1:].tobytes()


def _above_median(numbers: Floats) -> bytes:
    return np.packbits(numbers > np.median(numbers)).tobytes()


@cache
def _cosines() -> Floats:
    """The first 16 rows of the orthonormal cosine transform (DCT-II) of 64 numbers."""
    frequency, place = np.arange(_KEPT)[:, None], np.arange(_GRID)[None, :]
    rows = np.cos(np.pi * (2 * place + 1) * frequency / (2 * _GRID)) * np.sqrt(2 / _GRID)
    rows[0] /= np.sqrt(2)
    return rows
