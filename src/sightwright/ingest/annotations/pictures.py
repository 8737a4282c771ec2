"""The image of a sample: opened once, turned upright, resized, written or copied."""

import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sightwright import canonical
from sightwright.errors import ImageError
from sightwright.images import FORMATS, decoding, refuse_more_pages, smart_resize, upright
from sightwright.ingest.annotations.frames import Picture
from sightwright.ingest.sources import printable

if TYPE_CHECKING:
    from PIL.Image import Image

# A photograph of 100 megapixels, stored without compression.
MAX_IMAGE_BYTES = 512 * 1024**2
_ORIENTATION, _TIFF_WIDTH, _TIFF_HEIGHT = 0x0112, 256, 257
_ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}

Written = Literal["copied", "turned", "resized"]


@dataclass(frozen=True)
class SizeRules:
    """
    Attributes:
        resize: to the model's grid; else images keep their size.
        max_pixels, min_pixels: the budget of an image, in pixels of area.
        factor: both sides become multiples of it.
    """

    resize: bool = True
    max_pixels: int = 1024 * 1024
    min_pixels: int = 4 * 32 * 32
    factor: int = 32

    def target(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (width, height) that an upright image of `size` is written in.

        Raises:
            ImageError: a strip, over 200 times as long as wide.
        """
        if not self.resize:
            return size
        height, width = smart_resize(
            size[1], size[0], factor=self.factor,
            min_pixels=self.min_pixels, max_pixels=self.max_pixels,
        )  # fmt: skip
        return width, height


@dataclass(frozen=True)
class Opened:
    """An image file as it was found.

    Attributes:
        data: its bytes.
        format: Pillow's name of its kind.
        picture: as it is stored.
        upright: its pixels, upright, RGB.
    """

    data: bytes
    format: str
    picture: Picture
    upright: "Image"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def open_picture(path: Path) -> Opened:
    """Open an image file.

    Raises:
        ImageError: missing, no image, broken, several frames, or too large.
    """
    from PIL import Image

    where = printable(path.name)
    with decoding(where):
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise ImageError(f"over the limit of {MAX_IMAGE_BYTES} bytes", where=where)
        data = path.read_bytes()
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        refuse_more_pages(image, where)
        # Before it is decoded: Pillow turns a TIFF in doing so.
        picture, kind = _picture(image), image.format or ""
        # A phone's JPEG with a preview or a depth map behind it.
        kind = "JPEG" if kind == "MPO" else kind
        return Opened(data, kind, picture, upright(image, where))


def _picture(image: "Image") -> Picture:
    orientation = image.getexif().get(_ORIENTATION, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    tags = getattr(image, "tag_v2", None)
    size = image.size if tags is None else (int(tags[_TIFF_WIDTH]), int(tags[_TIFF_HEIGHT]))
    return Picture(*size, orientation)


def written_name(stem: str, opened: Opened, target: tuple[int, int]) -> str:
    """The name of the file that `write` makes: a JPEG stays one, all else that changes is PNG."""
    if opened.format == "JPEG" or is_unchanged(opened, target):
        return stem + _ENDINGS[opened.format]
    return stem + ".png"


def is_unchanged(opened: Opened, target: tuple[int, int]) -> bool:
    """Whether the file can be copied byte for byte."""
    return opened.picture.orientation == 1 and opened.picture.size == target


def write(opened: Opened, target: tuple[int, int], path: Path) -> Written:
    """Write the image in its target size; a file that holds just that is left as it is."""
    if is_unchanged(opened, target):
        put(path, opened.data)
        return "copied"
    is_resized = opened.upright.size != target
    image = resized(opened.upright, target) if is_resized else opened.upright
    put(path, encoded(image, "JPEG" if opened.format == "JPEG" else "PNG"))
    return "resized" if is_resized else "turned"


def resized(image: "Image", target: tuple[int, int]) -> "Image":
    """The image in another size; shrinking is antialiased, as the trainer's is."""
    from PIL import Image

    return image.resize(target, Image.Resampling.BICUBIC)


def encoded(image: "Image", kind: Literal["JPEG", "PNG"]) -> bytes:
    """An image as a file: JPEG of quality 95 in full colour resolution, or PNG."""
    buffer = io.BytesIO()
    if kind == "JPEG":
        image.save(buffer, format="JPEG", quality=95, subsampling=0)
    else:
        image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def padded(image: "Image", factor: int, grey: int = 128) -> "Image":
    """The image on a grey canvas whose sides are multiples of `factor`, at its top left."""
    from PIL import Image

    width, height = (math.ceil(side / factor) * factor for side in image.size)
    if (width, height) == image.size:
        return image
    canvas = Image.new("RGB", (width, height), (grey, grey, grey))
    canvas.paste(image, (0, 0))
    return canvas


def put(path: Path, data: bytes) -> None:
    """Write a file atomically, unless it holds just that."""
    try:
        if path.read_bytes() == data:
            return
    except FileNotFoundError:
        pass
    canonical.write_bytes(path, data)
