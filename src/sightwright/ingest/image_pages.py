"""The pages that an image file holds, each as the model sees it."""

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright.errors import ImageError
from sightwright.images import (
    FORMATS,
    ImageTooLargeError,
    UnreadableImageError,
    decoding,
    smart_resize,
    upright,
)
from sightwright.ingest.render import (
    DEFAULT_PIXELS,
    READING_PIXELS,
    DocumentError,
    ImageFormat,
    Status,
)
from sightwright.ingest.words import Word
from sightwright.vision import PixelPolicy, VisionSpec

if TYPE_CHECKING:
    from PIL.Image import Image

# TIFF's NewSubfileType: a small copy of another page, or a mask of one.
_SUBFILE_TAG, _NO_PAGE = 254, 1 | 4


@dataclass(frozen=True)
class ImagePolicy:
    """How images become pages.

    Attributes:
        pixels: the budget of one page, in pixels of area.
        image_format: of the files written; PNG is lossless, JPEG is smaller.
        max_pages: a document with more is refused.
    """

    pixels: PixelPolicy = DEFAULT_PIXELS
    image_format: ImageFormat = "png"
    max_pages: int = 2000

    def fingerprint(self) -> dict[str, Any]:
        """What the pixels depend on: pages made under another fingerprint are made anew."""
        return {
            "min_pixels": self.pixels.min_pixels,
            "max_pixels": self.pixels.max_pixels,
            "from": "images",
            "format": self.image_format,
        }


@dataclass(frozen=True)
class ImagePage:
    """One page of the file `path`; `upright` is RGB, in the size that the file has it."""

    path: Path
    upright: "Image"

    def on_grid(self, pixels: PixelPolicy) -> "Image":
        """The page as the model takes it.

        Raises:
            DocumentError: a strip.
        """
        from PIL import Image

        factor = VisionSpec(pixels).factor
        budget = {"min_pixels": pixels.min_pixels, "max_pixels": pixels.max_pixels}
        width, height = self.upright.size
        try:
            rows, columns = smart_resize(height, width, factor=factor, **budget)
        except ImageError as error:
            raise DocumentError("page-size", f"{self.path.name}: {error.message}") from None
        if (width, height) == (columns, rows):
            return self.upright
        # Pillow's bicubic is antialiased when it shrinks, as the trainer's is.
        return self.upright.resize((columns, rows), Image.Resampling.BICUBIC)

    def text_layer(self, width: int, height: int) -> list[Word]:
        """None: what stands on an image is ink."""
        return []

    def for_engine(self) -> "Image":
        """The page as an OCR engine likes it: as large as the file has it, but for the bound that
        PDFs have too."""
        from PIL import Image

        width, height = self.upright.size
        scale = min(1.0, math.sqrt(READING_PIXELS / (width * height)))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = self.upright.resize(size, Image.Resampling.BICUBIC)
        # Cameras and drawing programs write 72 whatever is true; the engine's guess is better.
        image.info.pop("dpi", None)
        return image


def read_pages(path: Path) -> Iterator[ImagePage]:
    """The pages of an image file in their order.

    A TIFF has as many as it has frames, its thumbnails and masks apart; any other file has one.

    Raises:
        DocumentError: not an image, a broken or an animated one, or too many pixels.
    """
    from PIL import Image

    with _reading(path):
        image = Image.open(path, formats=FORMATS)
    with image:
        with _reading(path):
            num_frames = _num_frames(image)
        for index in range(num_frames):
            with _reading(path):
                page = _page(image, index)
            if page is not None:
                yield ImagePage(path, page)


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Have what is wrong with a file said as a DocumentError."""
    try:
        with decoding():
            yield
    except ImageError as error:
        raise DocumentError(_status(error), f"{path.name}: {error.message}") from None


def _status(error: ImageError) -> Status:
    match error:
        case ImageTooLargeError():
            return "page-size"
        case UnreadableImageError():
            return "unreadable"
        case _:
            return "broken"


def _num_frames(image: Any) -> int:
    frames: int = getattr(image, "n_frames", 1)
    if image.format == "TIFF":
        return frames
    # A phone's JPEG may hold a preview or a depth map beside the photograph.
    if frames > 1 and image.format in ("PNG", "WEBP"):
        raise ImageError(f"an animation of {frames} frames is no page")
    return 1


def _page(image: Any, index: int) -> "Image | None":
    """Frame `index`, upright and in eight bits a colour; None for one that is no page."""
    image.seek(index)
    tags = getattr(image, "tag_v2", None)
    if tags is not None and int(tags.get(_SUBFILE_TAG, 0)) & _NO_PAGE:
        return None
    return upright(image)
