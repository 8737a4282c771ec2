"""Open an image from wherever it is, safely, and say how large it will be for the model.

`smart_resize` is the arithmetic of transformers' Qwen2-VL image processor, which Qwen3-VL uses:
tokens follow from a size alone, so nothing need be decoded to plan a batch.
"""

import base64
import io
import math
import os
import re
import stat
import struct
import warnings
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sightwright import logs
from sightwright.errors import ImageError, SightwrightError
from sightwright.orientation import is_turned
from sightwright.web.address import is_web_address, shown_address
from sightwright.web.fetch import FetchPolicy, fetch, is_cached

if TYPE_CHECKING:
    from PIL.Image import Image

log = logs.get_logger(__name__)

# A4 at 600 dpi has 35 million pixels; a bomb has billions.
MAX_IMAGE_PIXELS = 100_000_000
MAX_ASPECT_RATIO = 200
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")

_FETCHES_AT_ONCE = 8

# What Pillow's readers raise for damaged files, depending on where the damage is.
_DAMAGE = (
    OSError, EOFError, SyntaxError, ValueError, KeyError, TypeError, IndexError, OverflowError,
    ZeroDivisionError, struct.error,
)  # fmt: skip

_DATA_URL = re.compile(r"data:(?P<kind>[\w.+/-]*);base64,", re.ASCII)


class UnreadableImageError(ImageError):
    """A file that is not there, or that the file system does not give."""


class NotAnImageError(ImageError):
    """A file of another kind than `FORMATS`."""


class ImageTooLargeError(ImageError):
    """An image of more pixels than are opened."""


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


def open_image(source: "str | bytes | Path | Image", root: Path | None = None) -> "Image":
    """Open and decode an image as RGB, turned upright by its EXIF orientation.

    Args:
        source: a path (relative ones under `root`), a data URL, an http(s) URL (fetched once into
            a cache), the bytes of a file, or an image of Pillow's.
        root: the folder that relative paths start from; `ROOT_IMAGE_DIR` wins when it is set.

    Raises:
        ImageError: missing, not to be had, not an image, broken, or over 100 million pixels.
    """
    if not isinstance(source, str | bytes | Path):
        with decoding("the image given"):
            return upright(source, "the image given")
    if isinstance(source, bytes):
        return decode_image(source, where="the image bytes")
    return decode_image(image_bytes(source, root), where=place_of(str(source), root))


def image_bytes(source: str | Path, root: Path | None = None) -> bytes:
    """The file behind a path, a data URL or an http(s) URL, as `open_image` finds it.

    Raises:
        ImageError: missing, or not to be had.
    """
    if isinstance(source, str) and is_elsewhere(source):
        return bytes_elsewhere(source)
    path = resolve_path(source, root)
    with decoding(str(path)):
        _require_file(path)
        return path.read_bytes()


def image_size(reference: str, root: Path | None = None) -> tuple[int, int]:
    """(width, height) in pixels, as the image stands after its EXIF orientation is applied.

    An http(s) image is fetched for it, once: the cache has it when it is opened.

    Raises:
        ImageError: missing, not to be had, not an image, of several pages, or not readable.
    """
    where = place_of(reference, root)
    if is_elsewhere(reference):
        source = io.BytesIO(bytes_elsewhere(reference))
    else:
        source = resolve_path(reference, root)
    with decoding(where):
        if isinstance(source, Path):
            _require_file(source)
        return _upright_size(source, where)


def _upright_size(source: Path | io.BytesIO, where: str) -> tuple[int, int]:
    from PIL import Image

    with Image.open(source, formats=FORMATS) as image:
        refuse_more_pages(image, where)
        turned = is_turned(image)
        return (image.height, image.width) if turned else (image.width, image.height)


def _require_file(path: Path) -> None:
    """A device gives bytes without end, and a pipe may never give one."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnreadableImageError("a device or a pipe, and no image file", where=str(path))


def is_elsewhere(reference: str) -> bool:
    """Whether an image reference is a data URL or an http(s) URL, and not a path."""
    return reference.startswith("data:") or is_web_address(reference)


def bytes_elsewhere(reference: str) -> bytes:
    """The file behind a data URL or an http(s) URL.

    Raises:
        ImageError: broken base64, or (`FetchError`) an address that gives nothing.
    """
    if reference.startswith("data:"):
        return decode_data_url(reference)
    return fetch(reference, FetchPolicy())


def prefetch(references: Iterable[str]) -> None:
    """Fetch those of the images that are on the web into the cache, several at a time.

    At the first that cannot be had it stops: whoever opens that one can say where it stands.
    """
    policy = FetchPolicy()
    try:
        wanted = [url for url in dict.fromkeys(references) if is_web_address(url)]
        urls = [url for url in wanted if not is_cached(url, policy)]
        if urls:
            _fetch_all(urls, policy)
    except ImageError as error:
        log.info("an image cannot be fetched: %s", error)


def _fetch_all(urls: Sequence[str], policy: FetchPolicy) -> None:
    def keep(url: str) -> None:
        fetch(url, policy)

    with ThreadPoolExecutor(_FETCHES_AT_ONCE, "prefetch") as pool:
        work = [pool.submit(keep, url) for url in urls]
        try:
            for done in logs.progress(as_completed(work), "fetching images", len(urls)):
                done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def place_of(reference: str, root: Path | None = None) -> str:
    """An image reference for messages: short, and without what a URL's query may hold."""
    if reference.startswith("data:"):
        return "a data URL"
    if is_web_address(reference):
        return shown_address(reference)
    return str(resolve_path(reference, root))


def resolve_path(source: str | Path, root: Path | None = None) -> Path:
    """Where an image path of a record points: both separators are accepted.

    Raises:
        ImageError: a NUL in it, which no path has.
    """
    if "\0" in str(source):
        raise ImageError("no such image file: a NUL in its path", where=repr(str(source)[:200]))
    path = Path(PurePosixPath(str(source).replace("\\", "/")))
    if path.is_absolute():
        return path
    chosen = os.environ.get("ROOT_IMAGE_DIR") or root
    return Path(chosen) / path if chosen else path


def decode_data_url(url: str, kind: str = "image/") -> bytes:
    """The bytes of a base64 data URL.

    Args:
        kind: what its media type must begin with.

    Raises:
        ImageError: another kind of data URL, or broken base64.
    """
    match = _DATA_URL.match(url)
    if match is None or not match["kind"].startswith(kind):
        wanted = "an image data URL" if kind == "image/" else "a base64 data URL"
        raise ImageError(
            f"not {wanted}: {url[:40]!r}", remedy="data:image/png;base64,… is expected"
        )
    try:
        return base64.b64decode(url[match.end() :], validate=True)
    except ValueError as error:
        raise ImageError(f"broken base64 in a data URL: {error}") from None


def encode_data_url(image: "Image") -> str:
    """An image as a PNG data URL: lossless, whatever it came from."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def decode_image(data: bytes, where: str) -> "Image":
    """The bytes of an image file as RGB, upright.

    Args:
        where: names it in messages.

    Raises:
        ImageError: as `open_image`.
    """
    from PIL import Image

    with decoding(where):
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        refuse_more_pages(image, where)
        return upright(image, where)


def refuse_more_pages(image: "Image", where: str) -> None:
    """Raise for a file that holds more than the one picture that would be taken.

    Raises:
        ImageError: a TIFF of several pages, an animation.
    """
    if has_more_pages(image):
        raise ImageError(
            "an image of several frames, of which one alone would be read",
            where=where,
            remedy="`sightwright ingest images` makes a page of each",
        )


def has_more_pages(image: "Image") -> bool:
    """Whether an opened file holds several pages or frames. It stays at the first."""
    if image.format == "TIFF":
        # Counting them would follow a chain that a stranger made as long as he liked.
        try:
            image.seek(1)
        except EOFError:
            return False
        image.seek(0)
        return True
    # A phone's JPEG may hold a preview or a depth map beside the photograph.
    return image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1


def upright(image: "Image", where: str | None = None) -> "Image":
    """An image of Pillow's as RGB, turned by its EXIF orientation. Decodes, so within `decoding`.

    Raises:
        ImageTooLargeError: over the limit, before anything is decoded.
    """
    from PIL import ImageOps

    if image.width * image.height > MAX_IMAGE_PIXELS:
        size = f"{image.width}x{image.height} pixels"
        raise ImageTooLargeError(f"{size}, over the limit of {MAX_IMAGE_PIXELS}", where=where)
    image.load()
    return as_rgb(ImageOps.exif_transpose(image), where)


def as_rgb(image: "Image", where: str | None = None) -> "Image":
    """Eight bits a colour, on white paper: where a plain conversion to RGB goes wrong unseen.

    It cuts sixteen-bit grey off at 255, so that a page is white, and drops transparency, so that
    black print on nothing is black on black.

    Raises:
        ImageError: numbers without a scale, which could be any brightness.
    """
    import numpy as np
    from PIL import Image

    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageError(
            f"pixels of mode {image.mode}, whose black and white nobody knows",
            where=where,
            remedy="save it as eight or sixteen bits a colour",
        )
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


@contextmanager
def decoding(where: str | None = None) -> Generator[None]:
    """Have whatever Pillow or the file system says of an image file said as an ImageError.

    Raises:
        UnreadableImageError, NotAnImageError, ImageTooLargeError, ImageError: see there.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Damaged metadata matters to nobody here, and sizes are judged by us.
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except SightwrightError:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLargeError(
            f"over the limit of {MAX_IMAGE_PIXELS} pixels", where=where
        ) from None
    except UnidentifiedImageError:
        raise NotAnImageError(f"not an image ({', '.join(FORMATS)})", where=where) from None
    except FileNotFoundError:
        raise UnreadableImageError("no such image file", where=where) from None
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            why = f"cannot be read: {error.strerror}"
            raise UnreadableImageError(why, where=where) from None
        raise ImageError(f"broken image: {error}", where=where) from None
