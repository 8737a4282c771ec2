"""Look at an image once: size, hash and fingerprint; decoded at reduced size where it can be."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright.doctor.fingerprint import Fingerprint, fingerprint
from sightwright.errors import ImageError
from sightwright.images import (
    FORMATS,
    MAX_IMAGE_PIXELS,
    ImageTooLargeError,
    as_rgb,
    bytes_elsewhere,
    decoding,
    place_of,
    refuse_more_pages,
    resolve_path,
)
from sightwright.web.address import is_web_address

if TYPE_CHECKING:
    from PIL.Image import Image

DIGEST_BYTES = 16
# A JPEG is decoded at the least of an eighth, a quarter or a half that is no smaller.
_ENOUGH_PIXELS = 256
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class Looked:
    """One image of a record.

    Attributes:
        size: (width, height) in pixels, upright; None where it could not be opened.
        stored: the same, before it was turned by its EXIF orientation.
        digest: of the file's bytes, 16 bytes; empty where it could not be read.
        look: None for one that could not be opened, or that is empty.
        problem: why it could not be opened.
        is_away: behind an http(s) URL, so that it was not looked at.
    """

    reference: str
    size: tuple[int, int] | None = None
    stored: tuple[int, int] | None = None
    digest: bytes = b""
    look: Fingerprint | None = None
    problem: str = ""
    is_away: bool = False


def look_at(reference: str, root: Path) -> Looked:
    """Open an image of a record; whatever is wrong with it is told, not raised."""
    if is_web_address(reference):
        return Looked(reference, is_away=True)
    try:
        where = place_of(reference, root)
        data = _bytes_of(reference, root, where)
        digest = hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
        with decoding(where):
            return _opened(reference, data, digest, where)
    except ImageError as error:
        return Looked(reference, problem=error.message)


def _bytes_of(reference: str, root: Path, where: str) -> bytes:
    if reference.startswith("data:"):
        return bytes_elsewhere(reference)
    with decoding(where):
        path = resolve_path(reference, root)
        # A device or a pipe would be read for ever.
        if path.exists() and not path.is_file():
            raise ImageError("not an image file", where=where)
        data = path.read_bytes()
        if not data:
            raise ImageError("an empty file", where=where)
        return data


def _opened(reference: str, data: bytes, digest: bytes, where: str) -> Looked:
    from PIL import Image, ImageOps

    image = Image.open(io.BytesIO(data), formats=FORMATS)
    refuse_more_pages(image, where)
    stored = (image.width, image.height)
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise ImageTooLargeError(f"{stored[0]}x{stored[1]} pixels", where=where)
    image.draft("RGB", (_ENOUGH_PIXELS, _ENOUGH_PIXELS))
    image.load()
    turned = image.getexif().get(_ORIENTATION) in _TURNED
    # Pillow turns the size of a TIFF itself.
    size = (stored[1], stored[0]) if turned and image.format != "TIFF" else stored
    look = fingerprint(ImageOps.exif_transpose(_greyish(image, where)))
    return Looked(reference, size, stored, digest, look)


def _greyish(image: "Image", where: str) -> "Image":
    return image if image.mode in ("L", "RGB") else _kept_exif(as_rgb(image, where), image)


def _kept_exif(converted: "Image", image: "Image") -> "Image":
    # A picture made from an array, or composed on white, no longer knows how it lies.
    converted.info.setdefault("exif", image.getexif().tobytes())
    return converted
