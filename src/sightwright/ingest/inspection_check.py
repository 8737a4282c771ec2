"""A look at inspection records beyond their lines: the image and its size, the summary's JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sightwright import images
from sightwright.errors import ImageError
from sightwright.images import image_size
from sightwright.ingest.summary_schema import summary_problems
from sightwright.inspection_records import InspectionRecord
from sightwright.web.address import is_web_address


@dataclass(frozen=True)
class Shown:
    """What a record says of its image."""

    image: str
    width: int
    height: int


def problems_of(record: InspectionRecord, root: Path, *, check_images: bool) -> Iterator[str]:
    """What is wrong with a record that its own line does not show.

    Args:
        check_images: whether the image must be there and as large as `width` and `height` say. Its
            header is read, not its pixels; what is behind an http(s) URL is not fetched.
    """
    if record.summary is not None:
        yield from summary_problems(record.summary)
    fault = image_fault(
        Shown(record.image, record.width, record.height), root, check_images=check_images
    )
    if fault is not None:
        yield fault


def image_fault(shown: Shown, root: Path | None, *, check_images: bool) -> str | None:
    """What is wrong with an image, or with what its record says of it."""
    if is_web_address(shown.image) or not (check_images or shown.image.startswith("data:")):
        return None
    return size_fault(shown, root)


def size_fault(shown: Shown, root: Path | None) -> str | None:
    """The same of an image wherever it is: one behind an http(s) URL is fetched."""
    try:
        width, height = image_size(shown.image, root)
    except ImageError as error:
        return f"{error.where}: {error.message}" if error.where else error.message
    if (width, height) == (shown.width, shown.height):
        return None
    why = (
        f"{images.place_of(shown.image, root)} is {width}x{height} pixels, and the record says "
        f"{shown.width}x{shown.height}"
    )
    if (width, height) == (shown.height, shown.width):
        return f"{why}: those are its sides before its EXIF orientation turns it, or swapped"
    return why
