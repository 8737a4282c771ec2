"""Which way up an image file is, told without decoding its pixels, and as Pillow turns it."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_ORIENTATION = 0x0112
_TURNED_ORIENTATIONS = (5, 6, 7, 8)
# A text of a PNG, in hexadecimal under three lines of a head: as ImageMagick writes it.
_EXIF_AS_TEXT = "Raw profile type exif"
# As Pillow looks for it where EXIF says nothing.
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK = struct.Struct(">I4s")
_NUM_CHECKSUM_BYTES = 4
# Those that may say an orientation: as EXIF, as text in three ways, XMP among them.
_TELLING_CHUNKS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")


def is_turned(image: "ImageFile") -> bool:
    """Whether width and height change places when an opened image is set upright. Only what is
    around its pixels is read."""
    from PIL.Image import open as open_image

    if image.format == "PNG" and image.fp is not None:
        # `image.getexif()` would decode a whole PNG in search of what stands behind its pixels.
        with open_image(_without_pixels(image.fp), formats=("PNG",)) as rest:
            return _orientation(rest) in _TURNED_ORIENTATIONS
    return _orientation(image) in _TURNED_ORIENTATIONS


def _orientation(image: "Image") -> int:
    # (A TIFF has no such entry: Pillow turns its size itself.)
    from PIL.Image import Exif

    exif, stored = Exif(), image.info.get("exif")
    if stored is None and isinstance(text := image.info.get(_EXIF_AS_TEXT), str):
        stored = bytes.fromhex("".join(text.split("\n")[3:]))
    if isinstance(stored, bytes):
        exif.load(stored)
    if _ORIENTATION in exif:
        return int(exif[_ORIENTATION])
    xmp = image.info.get("xmp")
    found = _XMP_ORIENTATION.search(xmp) if isinstance(xmp, bytes) else None
    return int(found[1]) if found else 1


def _without_pixels(file: IO[bytes]) -> io.BytesIO:
    """A PNG of the same head and the same words, wherever they stand, and no pixels."""
    kept = io.BytesIO()
    kept.write(_PNG_SIGNATURE)
    for kind, data in _chunks(file):
        # Pillow looks at no checksum behind the pixels, so one that is wrong there harms nothing.
        checksum = zlib.crc32(data, zlib.crc32(kind)).to_bytes(_NUM_CHECKSUM_BYTES, "big")
        kept.write(_CHUNK.pack(len(data), kind) + data + checksum)
    kept.write(_CHUNK.pack(0, b"IDAT"))
    kept.seek(0)
    return kept


def _chunks(png: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The header and the telling chunks of a PNG. The file is left where it was."""
    before = png.tell()
    png.seek(len(_PNG_SIGNATURE))
    while len(head := png.read(_CHUNK.size)) == _CHUNK.size:
        length, kind = _CHUNK.unpack(head)
        if kind == b"IHDR" or kind in _TELLING_CHUNKS:
            yield kind, png.read(length)
            png.seek(_NUM_CHECKSUM_BYTES, io.SEEK_CUR)
        elif kind == b"IEND":
            break
        else:
            png.seek(length + _NUM_CHECKSUM_BYTES, io.SEEK_CUR)
    png.seek(before)
