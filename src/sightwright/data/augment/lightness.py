"""The lightness L* of an sRGB image (CIE 1976, white D65), taken out and put back.

Tables stand in for the powers and roots: 2^14 steps hold every level to within a few of 255.
"""

from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
_Entry = TypeVar("_Entry", bound=np.generic)

_STEPS = 1 << 14
_KNEE = 6 / 29
# IEC 61966-2-1: linear RGB to XYZ, each row over the white's own, so that white is (1, 1, 1).
_TO_XYZ = np.array(
    [
        [0.433953, 0.376219, 0.189828],
        [0.212671, 0.715160, 0.072169],
        [0.017758, 0.109477, 0.872766],
    ]
)
_TO_RGB = np.linalg.inv(_TO_XYZ)


class Lightness:
    """An image taken apart: `levels` is L*, 0 to 255; `with_levels` puts another in its place."""

    def __init__(self, rgb_HWC: Levels) -> None:
        to_linear, to_root, _ = _tables()
        linear = [to_linear.take(rgb_HWC[..., channel]) for channel in range(3)]
        self._roots = [_looked_up(to_root, light) for light in _mixed(linear, _TO_XYZ)]
        lightness = np.rint((116 * self._roots[1] - 16) * np.float32(2.55))
        self.levels: Levels = lightness.clip(0, 255).astype(np.uint8)

    def with_levels(self, levels: Levels) -> Levels:
        """The image with another lightness: a* and b* are differences to it, and stay."""
        root: Floats = levels.astype(np.float32)
        root /= np.float32(2.55 * 116)
        root += np.float32(16 / 116)
        moved = root - self._roots[1]
        xyz = [_cubed(np.asarray(each + moved, np.float32)) for each in self._roots]
        to_level = _tables()[2]
        channels = [_looked_up(to_level, light) for light in _mixed(xyz, _TO_RGB)]
        return np.stack(channels, axis=-1)


def _mixed(planes: list[Floats], matrix: npt.NDArray[np.float64]) -> list[Floats]:
    """Each row of the matrix, times the planes. Plane by plane: twice as fast as by pixel."""
    first, second, third = planes
    found: list[Floats] = []
    for row in matrix.astype(np.float32):
        mixture = first * row[0]
        mixture += second * row[1]
        mixture += third * row[2]
        found.append(mixture)
    return found


def _looked_up(table: npt.NDArray[_Entry], light: Floats) -> npt.NDArray[_Entry]:
    steps = light * np.float32(_STEPS - 1) + np.float32(0.5)
    return table.take(steps.astype(np.intp), mode="clip")


def _cubed(root: Floats) -> Floats:
    cube = root * root * root
    dark = root <= _KNEE
    cube[dark] = np.float32(3 * _KNEE**2) * (root[dark] - np.float32(4 / 29))
    return cube


@cache
def _tables() -> tuple[Floats, Floats, Levels]:
    """Level → linear light; linear light → cube root as of L*; linear light → level."""
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    light = np.arange(_STEPS) / (_STEPS - 1)
    root = np.where(light > _KNEE**3, np.cbrt(light), light / (3 * _KNEE**2) + 4 / 29)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (
        linear.astype(np.float32),
        root.astype(np.float32),
        np.rint(encoded * 255).astype(np.uint8),
    )
