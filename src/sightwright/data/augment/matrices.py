"""Maps of the plane, in pixel indices: (x, y) is the middle of the pixel in column x and row y.

An image of width W has its columns' middles at 0 to W-1 and reaches from -0.5 to W-0.5; its centre
is (W-1)/2. A mirrored column x is (W-1)-x.
"""

import math
from collections.abc import Sequence

import numpy as np

from sightwright.geometry import Matrix, Point

Size = tuple[int, int]
"""Width and height in pixels."""

IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def compose(second: Matrix, first: Matrix) -> Matrix:
    """The map that does `first`, then `second`."""
    product = np.asarray(second, dtype=np.float64) @ np.asarray(first, dtype=np.float64)
    return _matrix(product)


def inverse(matrix: Matrix) -> Matrix:
    """The map back."""
    return _matrix(np.linalg.inv(np.asarray(matrix, dtype=np.float64)))


def shift(x: float, y: float) -> Matrix:
    return ((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))


def hflip(size: Size) -> Matrix:
    return ((-1.0, 0.0, size[0] - 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def vflip(size: Size) -> Matrix:
    return ((1.0, 0.0, 0.0), (0.0, -1.0, size[1] - 1.0), (0.0, 0.0, 1.0))


def rotate(degrees: float, size: Size) -> Matrix:
    """Clockwise on the screen, about the centre."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _about_centre(((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)), size)


def scale(factor: float, size: Size) -> Matrix:
    """About the centre."""
    return _about_centre(((factor, 0.0, 0.0), (0.0, factor, 0.0), (0.0, 0.0, 1.0)), size)


def resize(old: Size, new: Size) -> Matrix:
    """Where a pixel's middle comes to lie when an image of size `old` is resized to `new`.

    The borders are mapped on each other, not the outermost middles: twice as wide, column 0
    comes to lie between 0 and 1, at 0.5.
    """
    x, y = new[0] / old[0], new[1] / old[1]
    return ((x, 0.0, (x - 1) / 2), (0.0, y, (y - 1) / 2), (0.0, 0.0, 1.0))


def projection(corners: Sequence[Point], moved: Sequence[Point]) -> Matrix:
    """The projective map that takes four points, no three on a line, to four others."""
    rows: list[list[float]] = []
    values: list[float] = []
    for (x, y), (u, v) in zip(corners, moved, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved = np.linalg.solve(np.asarray(rows, dtype=np.float64), np.asarray(values))
    return _matrix(np.append(solved, 1.0).reshape(3, 3))


def border(size: Size) -> tuple[Point, Point, Point, Point]:
    """The corners of the outermost pixels, clockwise from the top left."""
    right, bottom = size[0] - 0.5, size[1] - 0.5
    return ((-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom))


def is_near(matrix: Matrix, points: Sequence[Point]) -> bool:
    """Whether points lie well on this side of a projective map's horizon, each of them at most five
    times as much enlarged as another. Always so for an affine map."""
    (_, _, _), (_, _, _), (p, q, r) = matrix
    depths = [p * x + q * y + r for x, y in points]
    return min(depths) > 0.2 * max(depths) > 0


def magnification(matrix: Matrix, at: Point) -> float:
    """By how much lengths grow near a point: the root of the map's area factor there."""
    (a, b, c), (d, e, f), (p, q, r) = matrix
    x, y = at
    w = p * x + q * y + r
    u, v = (a * x + b * y + c) / w, (d * x + e * y + f) / w
    area = (a - u * p) * (e - v * q) - (b - u * q) * (d - v * p)
    return math.sqrt(abs(area)) / abs(w)


def _about_centre(matrix: Matrix, size: Size) -> Matrix:
    x, y = (size[0] - 1) / 2, (size[1] - 1) / 2
    return compose(shift(x, y), compose(matrix, shift(-x, -y)))


def _matrix(array: np.ndarray) -> Matrix:
    """With the last number 1, so that equal maps are equal."""
    (a, b, c), (d, e, f), (p, q, r) = (array / array[2, 2]).tolist()
    return ((a, b, c), (d, e, f), (p, q, r))
