"""Open an image from wherever it is, safely, and say how large it will be for the model.

`smart_resize` is the arithmetic of transformers' Qwen2-VL image processor, which Qwen3-VL uses:
tokens follow from a size alone, so nothing need be decoded to plan a batch.
"""

import base64
import binascii
import io
import math
import os
import re
import warnings
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sightwright.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

# A4 at 600 dpi has 35 million pixels; a bomb has billions.
MAX_IMAGE_PIXELS = 100_000_000
MAX_ASPECT_RATIO = 200
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")

_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.ASCII)


def smart_resize(
    height: int, width: int, *, factor: int, min_pixels: int, max_pixels: int
) -> tuple[int, int]:
    """The (height, width) an image is resized to: multiples of `factor` inside the budget.

    Each side goes to its nearest multiple; outside the budget both sides are scaled by the same
    root first. With factor 32, 532x728 becomes 544x736 (17 x 23 tokens).

    Raises:
        ImageError: an empty image, or one more than 200 times as long as wide.
    """
    if min(height, width) < 1:
        raise ImageError(f"an image of {width}x{height} pixels has no area")
    if max(height, width) > MAX_ASPECT_RATIO * min(height, width):
        raise ImageError(
            f"{width}x{height} pixels: one side is over {MAX_ASPECT_RATIO} times the other",
            remedy="cut the image into parts",
        )
    resized_height = round(height / factor) * factor
    resized_width = round(width / factor) * factor
    if resized_height * resized_width > max_pixels:
        scale = math.sqrt(height * width / max_pixels)
        resized_height = max(factor, math.floor(height / scale / factor) * factor)
        resized_width = max(factor, math.floor(width / scale / factor) * factor)
    elif resized_height * resized_width < min_pixels:
        scale = math.sqrt(min_pixels / (height * width))
        resized_height = math.ceil(height * scale / factor) * factor
        resized_width = math.ceil(width * scale / factor) * factor
    return resized_height, resized_width


def open_image(source: str | bytes | Path, root: Path | None = None) -> "Image":
    """Open and decode an image as RGB, turned upright by its EXIF orientation.

    Args:
        source: a path (relative ones under `root`), a data URL, or the bytes of a file.
        root: the folder that relative paths start from; `ROOT_IMAGE_DIR` wins when it is set.

    Raises:
        ImageError: missing, not an image, broken, or over 100 million pixels.
    """
    if isinstance(source, bytes):
        return _decode(source, where="the image bytes")
    if isinstance(source, str) and source.startswith("data:"):
        return _decode(decode_data_url(source), where="a data URL")
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise ImageError(
            "http(s) images cannot be fetched by this version", where=source[:200],
            remedy="download the image and give its path",
        )  # fmt: skip
    path = resolve_path(source, root)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError("no such image file", where=str(path)) from None
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return _decode(data, where=str(path))


def resolve_path(source: str | Path, root: Path | None = None) -> Path:
    """Where an image path of a record points: both separators are accepted."""
    path = Path(PurePosixPath(str(source).replace("\\", "/")))
    if path.is_absolute():
        return path
    chosen = os.environ.get("ROOT_IMAGE_DIR") or root
    return Path(chosen) / path if chosen else path


def decode_data_url(url: str) -> bytes:
    """The bytes of a base64 image data URL.

    Raises:
        ImageError: another kind of data URL, or broken base64.
    """
    match = _DATA_URL.match(url)
    if match is None:
        raise ImageError(
            f"not an image data URL: {url[:40]!r}", remedy="data:image/png;base64,… is expected"
        )
    try:
        return base64.b64decode(url[match.end() :], validate=True)
    except binascii.Error as error:
        raise ImageError(f"broken base64 in a data URL: {error}") from None


def encode_data_url(image: "Image") -> str:
    """An image as a PNG data URL: lossless, whatever it came from."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _decode(data: bytes, where: str) -> "Image":
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise ImageError(
                f"{image.width}x{image.height} pixels, over the limit of {MAX_IMAGE_PIXELS}",
                where=where,
            )
        image.load()
        return ImageOps.exif_transpose(image).convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(str(error), where=where) from None
    except UnidentifiedImageError:
        raise ImageError(f"not an image ({', '.join(FORMATS)})", where=where) from None
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"broken image: {error}", where=where) from None
