"""What a request shows the model: PDFs and images, opened within the limits."""

import asyncio
import io
from typing import TYPE_CHECKING

from sightwright.errors import ImageError, RefusedError
from sightwright.images import (
    FORMATS,
    ImageTooLargeError,
    NotAnImageError,
    decode_data_url,
    decoding,
    has_more_pages,
    open_image,
    smart_resize,
)
from sightwright.serve.service import Service
from sightwright.web.address import is_web_address

if TYPE_CHECKING:
    from PIL.Image import Image

# The header may stand behind some bytes of rubbish; readers look this far.
_PDF_HEADER_BYTES = 1024


def is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:_PDF_HEADER_BYTES]


class Attachments:
    """The files of one request, sent along or named by an http(s) address.

    What is fetched counts as if it had been sent: all of it together stays under the limit of a
    body, and all of it together has the time of one.
    """

    def __init__(self, service: Service) -> None:
        self._remote_files = service.remote_files
        self._left_bytes = service.limits.max_body_bytes
        self._deadline: float | None = None

    async def read(self, url: str, place: str) -> bytes:
        """The bytes of a file.

        Raises:
            RefusedError: as `RemoteFiles.fetch`; 400 for what is no base64 data URL either.
        """
        if not is_web_address(url):
            return _bytes_of_data_url(url, place)
        if self._deadline is None:
            self._deadline = self._remote_files.deadline()
        data = await self._remote_files.fetch(url, place, self._left_bytes, self._deadline)
        self._left_bytes -= len(data)
        return data


def _bytes_of_data_url(url: str, place: str) -> bytes:
    try:
        return decode_data_url(url, kind="")
    except ImageError as error:
        raise RefusedError(f"{place}: {error.message}", status=400, remedy=error.remedy) from None


async def open_pages(service: Service, data: bytes, place: str) -> "list[Image]":
    """The pages of a PDF, or one image, as RGB; drawn or decoded off the event loop.

    Raises:
        RefusedError: 413 too many pages or pixels; 415 neither a PDF nor an image; 422 broken.
        ImageError: a shape that the model cannot be shown.
    """
    if is_pdf(data):
        return await service.draw(data)
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
    from PIL import Image

    try:
        with decoding(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            num_pixels, has_more = image.width * image.height, has_more_pages(image)
    except NotAnImageError:
        kinds = ", ".join(FORMATS)
        raise RefusedError(
            f"{place}: neither a PDF nor an image of a kind that is read: {kinds}", status=415
        ) from None
    except ImageTooLargeError:
        raise RefusedError(f"{place}: over {max_pixels} pixels", status=413) from None
    except ImageError as error:
        raise RefusedError(f"{place}: {error.message}", status=422) from None
    if num_pixels > max_pixels:
        raise RefusedError(
            f"{place}: {image.width}x{image.height} pixels, over the limit of {max_pixels}",
            status=413,
        )
    if has_more:
        raise RefusedError(
            f"{place}: an image of several frames, of which one alone would be read",
            status=422,
            remedy="send its pages as images of their own, or as a PDF",
        )
