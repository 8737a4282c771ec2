"""Look for the image of every record, and into its header."""

import functools
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sightwright import canonical, images, jsonl
from sightwright.errors import DataError, ImageError
from sightwright.ingest.inspection_check import Shown, size_fault
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record, read_any_record
from sightwright.web.address import is_web_address

# Records of the same document name the same files: the last so many are remembered.
_REMEMBERED = 4096


@dataclass(frozen=True)
class MissingImage:
    """An image that cannot be used, as its record names it."""

    image: str
    record: str
    line: int
    why: str


@dataclass
class ImageReport:
    """How many images there are and what became of them.

    Attributes:
        unread: lines that are no record, as `line: why`; their images were not looked for.
    """

    num_records: int = 0
    num_images: int = 0
    num_not_fetched: int = 0
    missing: list[MissingImage] = field(default_factory=list[MissingImage])
    unread: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        return not self.missing and not self.unread


def verify_images(file: Path, *, fetch: bool = False) -> Iterator[ImageReport]:
    """Check every image of a file; yields the report so far after each record, the same object.

    An image is fine when its file is there, is not empty, and begins as an image does; that of a
    photograph with objects also is as large as its record says. Pixels are not decoded.

    Args:
        fetch: also fetch http(s) images (into the cache that training reads).

    Raises:
        DataError: a file that cannot be read, or without records.
    """
    report = ImageReport()
    look = functools.lru_cache(maxsize=_REMEMBERED)(functools.partial(_fault, root=file.parent))
    for line in jsonl.read_lines(file):
        try:
            record = read_any_record(line.value())
        except DataError as error:
            report.unread.append(f"{line.where}: {error.message}")
            continue
        report.num_records += 1
        if not record.images:
            report.missing.append(MissingImage("", record.id, line.number, "no image"))
        for image in record.images:
            report.num_images += 1
            if is_web_address(image) and not fetch:
                report.num_not_fetched += 1
            elif (why := look(image) or _wrong_size(record, file.parent)) is not None:
                report.missing.append(MissingImage(image, record.id, line.number, why))
        yield report
    if not report.num_records and not report.unread:
        raise DataError("no records in it", where=str(file))
    yield report


def _wrong_size(record: Record, root: Path) -> str | None:
    if not isinstance(record, InspectionRecord):
        return None
    return size_fault(Shown(record.image, record.width, record.height), root)


def write_missing(path: Path, report: ImageReport) -> None:
    """One line for each: the path as the record names it, a tab, the id of the record."""
    lines = (f"{_short(missing.image)}\t{missing.record}\n" for missing in report.missing)
    canonical.write_text(path, "".join(lines))


def _short(image: str) -> str:
    """As it stands, on one line; a data URL by its beginning."""
    return "data URL" if image.startswith("data:") else " ".join(image.split())


def _fault(image: str, root: Path) -> str | None:
    """What is wrong with an image; None if it is fine as far as its header goes."""
    from PIL import Image, UnidentifiedImageError

    try:
        if images.is_elsewhere(image):
            source = io.BytesIO(images.bytes_elsewhere(image))
        else:
            source = images.resolve_path(image, root)
            if os.stat(source).st_size == 0:
                return "an empty file"
        with warnings.catch_warnings():
            # Its size is judged where it is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.open(source, formats=images.FORMATS).close()
    except FileNotFoundError:
        return "no such image file"
    except ImageError as error:
        return error.message
    except UnidentifiedImageError:
        return f"not an image ({', '.join(images.FORMATS)})"
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        return f"not readable: {error}"
    return None
