"""What a request shows the model: PDFs and images, opened within the limits."""

import asyncio
import base64
import binascii
import io
import re
import warnings
from typing import TYPE_CHECKING

from sightwright.errors import ImageError, RefusedError
from sightwright.images import FORMATS, open_image, smart_resize
from sightwright.serve.service import Service

if TYPE_CHECKING:
    from PIL.Image import Image

_DATA_URL = re.compile(r"data:(?P<kind>[\w.+/-]*);base64,", re.ASCII)
# The header may stand behind some bytes of rubbish; readers look this far.
_PDF_HEADER_BYTES = 1024


def is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:_PDF_HEADER_BYTES]


def bytes_of_data_url(url: str, place: str) -> bytes:
    """What a base64 data URL holds.

    Raises:
        RefusedError: 400 for any other kind of address, http(s) by name.
    """
    if url.startswith(("http://", "https://")):
        raise RefusedError(
            f"{place}: http(s) addresses are not fetched by this version",
            status=400,
            remedy="send the image itself, as a data URL",
        )
    match = _DATA_URL.match(url)
    if match is None:
        raise RefusedError(
            f"{place}: not a base64 data URL: {url[:32]!r}",
            status=400,
            remedy="data:image/png;base64,… is expected",
        )
    try:
        return base64.b64decode(url[match.end() :], validate=True)
    except binascii.Error as error:
        raise RefusedError(f"{place}: broken base64: {error}", status=400) from None


async def open_pages(service: Service, data: bytes, place: str) -> "list[Image]":
    """The pages of a PDF, or one image, as RGB; drawn or decoded off the event loop.

    Raises:
        RefusedError: 413 too many pages or pixels; 415 neither a PDF nor an image; 422 broken.
        ImageError: a shape that the model cannot be shown.
    """
    if is_pdf(data):
        return await asyncio.to_thread(service.renderer.draw, data)
    return [await asyncio.to_thread(_open_image, service, data, place)]


def seen_size(service: Service, image: "Image") -> tuple[int, int]:
    """The (width, height) in pixels at which the model sees an image."""
    pixels = service.spec.pixels
    height, width = smart_resize(
        image.height,
        image.width,
        factor=service.spec.factor,
        min_pixels=pixels.min_pixels,
        max_pixels=pixels.max_pixels,
    )
    return width, height


def _open_image(service: Service, data: bytes, place: str) -> "Image":
    _check_header(data, place, service.limits.max_image_pixels)
    try:
        image = open_image(data)
    except ImageError as error:
        raise RefusedError(f"{place}: {error.message}", status=422) from None
    # A strip that fits no grid is refused now, not after waiting for the engine.
    seen_size(service, image)
    return image


def _check_header(data: bytes, place: str, max_pixels: int) -> None:
    """Refuse by the header alone, before anything is decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise RefusedError(
            f"{place}: neither a PDF nor an image of a kind that is read: {', '.join(FORMATS)}",
            status=415,
        ) from None
    except Image.DecompressionBombError:
        raise RefusedError(f"{place}: over {max_pixels} pixels", status=413) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise RefusedError(f"{place}: broken image: {error}", status=422) from None
    with opened:
        if opened.width * opened.height > max_pixels:
            raise RefusedError(
                f"{place}: {opened.width}x{opened.height} pixels, over the limit of {max_pixels}",
                status=413,
            )
        if getattr(opened, "n_frames", 1) > 1:
            raise RefusedError(
                f"{place}: an image of several frames, of which one alone would be read",
                status=422,
                remedy="send its pages as images of their own, or as a PDF",
            )
