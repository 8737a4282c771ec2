"""One image drawn through one map, so that it is resampled once."""

from PIL import Image

from sightwright.data.augment.matrices import (
    IDENTITY,
    Size,
    compose,
    hflip,
    inverse,
    magnification,
    resize,
    shift,
    vflip,
)
from sightwright.geometry import Matrix

GREY = (128, 128, 128)
"""What lies outside the image: near zero after the model's normalisation, where black is -1."""

# Bicubic reads 4x4 pixels: an image drawn smaller than this is made smaller first, with a filter
# as wide as it takes, or fine print would break up.
_SMALLEST = 0.75


def warp(image: Image.Image, matrix: Matrix, size: Size) -> Image.Image:
    """Draw an RGB image on a grey canvas; `matrix` maps pixel indices of the image to the canvas's.

    Bicubic. Mirroring alone moves pixels and changes none.
    """
    if matrix == IDENTITY:
        return _laid_on(image, size)
    if size == image.size:
        for exact, how in _exact(size):
            if matrix == exact:
                return image.transpose(how)
    factor = magnification(matrix, ((image.width - 1) / 2, (image.height - 1) / 2))
    if factor < _SMALLEST:
        smaller = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        matrix = compose(matrix, resize(smaller, image.size))
        image = image.resize(smaller, Image.Resampling.BICUBIC)
    return _draw(image, matrix, size)


def _laid_on(image: Image.Image, size: Size) -> Image.Image:
    if size == image.size:
        return image
    canvas = Image.new("RGB", size, GREY)
    canvas.paste(image)
    return canvas


def _exact(size: Size) -> tuple[tuple[Matrix, Image.Transpose], ...]:
    across, down = hflip(size), vflip(size)
    return (
        (across, Image.Transpose.FLIP_LEFT_RIGHT),
        (down, Image.Transpose.FLIP_TOP_BOTTOM),
        (compose(down, across), Image.Transpose.ROTATE_180),
    )


def _draw(image: Image.Image, matrix: Matrix, size: Size) -> Image.Image:
    # Pillow asks, for the middle (x + 0.5, y + 0.5) of each pixel of the canvas, which point of the
    # image it shows, and counts from the image's corner: half a pixel off our indices, both times.
    back = compose(shift(0.5, 0.5), compose(inverse(matrix), shift(-0.5, -0.5)))
    numbers = [number for row in back for number in row]
    if numbers[6:] == [0.0, 0.0, 1.0]:
        method, data = Image.Transform.AFFINE, numbers[:6]
    else:
        method, data = Image.Transform.PERSPECTIVE, numbers[:8]
    return image.transform(size, method, data, Image.Resampling.BICUBIC, fillcolor=GREY)
