"""From the pixels that a tool stated to the pixels of the upright image.

A camera stores its pixels as the sensor lies and notes in EXIF how to turn them. Most tools show,
and measure on, the upright picture; old ones measured on what is stored. Which of the two, the
stated size tells, unless the image is square, or is turned by half or mirrored, so that both have
the same size. Then the upright picture is taken, and said to be a guess.

x and y are measured from the left and top edge, so that an image of width W reaches from 0 to W
and its mirror image takes x to W - x.
"""

from dataclasses import dataclass
from typing import Literal

from sightwright.geometry import Matrix

Frame = Literal["auto", "upright", "stored"]
Turned = Literal["upright", "stored"]

# Sizes rounded to whole pixels: one side may be this much off the proportion of the other.
_SLACK = 0.02


@dataclass(frozen=True)
class Picture:
    """What matters here of an image file.

    Attributes:
        width, height: as it is stored.
        orientation: the EXIF tag, 1 to 8.
    """

    width: int
    height: int
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def upright_size(self) -> tuple[int, int]:
        return self.size if self.orientation < 5 else (self.height, self.width)


@dataclass(frozen=True)
class Chosen:
    """How stated pixels become pixels of the upright image.

    Attributes:
        frame: what the coordinates belong to; `same` where the image is not turned.
        is_guess: the stated size fits both frames.
        fault: "", or why the stated size cannot be of this image.
    """

    matrix: Matrix
    frame: Literal["same", "upright", "stored"]
    is_guess: bool = False
    fault: str = ""


def choose(
    stated: tuple[int, int] | None, picture: Picture, frame: Frame, *, normalised: bool = False
) -> Chosen:
    """The frame of a sample's coordinates, and the way from it to the upright image.

    Args:
        stated: the size the coordinates belong to; None: the image's own.
        frame: chosen by the user; `auto` by the stated size.
        normalised: `stated` is a scale and says nothing of the image.
    """
    by_size = None if normalised else stated
    if picture.orientation == 1:
        fault = "" if by_size is None or _alike(by_size, picture.size) else _fault(by_size, picture)
        return Chosen(_scale(stated or picture.size, picture.size), "same", fault=fault)
    fits = _fitting(by_size, picture)
    is_guess = frame == "auto" and len(fits) == 2
    chosen = (fits[0] if fits else "upright") if frame == "auto" else frame
    fault = "" if chosen in fits or by_size is None else _fault(by_size, picture)
    if chosen == "upright":
        size = picture.upright_size
        return Chosen(_scale(stated or size, size), "upright", is_guess, fault)
    turn = turn_matrix(picture)
    scale = _scale(stated or picture.size, picture.size)
    return Chosen(_product(turn, scale), "stored", is_guess, fault)


def _fitting(stated: tuple[int, int] | None, picture: Picture) -> list[Turned]:
    sizes: dict[Turned, tuple[int, int]] = {
        "upright": picture.upright_size,
        "stored": picture.size,
    }
    exact: list[Turned] = [name for name, size in sizes.items() if stated in (None, size)]
    if exact or stated is None:
        return exact
    return [name for name, size in sizes.items() if _alike(stated, size)]


def _alike(stated: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether one is the other, scaled."""
    across, down = stated[0] / size[0], stated[1] / size[1]
    # The sides of a thumbnail are rounded by up to half a pixel.
    slack = max(_SLACK, 1 / min(stated))
    return abs(across - down) <= slack * max(across, down)


def _fault(stated: tuple[int, int], picture: Picture) -> str:
    width, height = picture.upright_size
    return (
        f"the stated size {stated[0]}x{stated[1]} has another shape than the image of "
        f"{width}x{height}"
    )


def turn_matrix(picture: Picture) -> Matrix:
    """From stored pixels to upright ones, by the EXIF orientation (TIFF 6.0, tag 274)."""
    width, height = picture.size
    return {
        1: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        2: ((-1, 0, width), (0, 1, 0), (0, 0, 1)),
        3: ((-1, 0, width), (0, -1, height), (0, 0, 1)),
        4: ((1, 0, 0), (0, -1, height), (0, 0, 1)),
        5: ((0, 1, 0), (1, 0, 0), (0, 0, 1)),
        6: ((0, -1, height), (1, 0, 0), (0, 0, 1)),
        7: ((0, -1, height), (-1, 0, width), (0, 0, 1)),
        8: ((0, 1, 0), (-1, 0, width), (0, 0, 1)),
    }[picture.orientation]


def scaled_to(matrix: Matrix, size: tuple[int, int], target: tuple[int, int]) -> Matrix:
    """The same way, and then a resize from `size` to `target`."""
    return _product(_scale(size, target), matrix)


def _scale(size: tuple[int, int], target: tuple[int, int]) -> Matrix:
    return ((target[0] / size[0], 0, 0), (0, target[1] / size[1], 0), (0, 0, 1))


def _product(left: Matrix, right: Matrix) -> Matrix:
    first, second, third = (_row_times(row, right) for row in left)
    return first, second, third


def _row_times(row: tuple[float, float, float], matrix: Matrix) -> tuple[float, float, float]:
    a, b, c = (
        sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*matrix, strict=True)
    )
    return a, b, c
