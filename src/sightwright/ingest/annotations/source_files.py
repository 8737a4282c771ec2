"""The files that annotations stand in: found, bounded, and read strictly."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.ingest.annotations.found import Annotated, BadSample, Expect
from sightwright.ingest.sources import find_files, printable

# The largest public set (LVIS, train) has 1.2 GB in one file; an image's own file may hold the
# image itself, as base64.
MAX_SET_BYTES = 4 * 1024**3
MAX_FILE_BYTES = 256 * 1024**2


def annotation_files(source: Path, suffix: str) -> list[Path]:
    """The file, or every file of a folder that ends so, in the order of their paths.

    Raises:
        DataError: nothing there.
    """
    return sorted(found.path for found in find_files([source], suffix))


def place_in(source: Path, file: Path) -> str:
    """How a file is named in messages: as seen from the source."""
    if file == source:
        return printable(file.name)
    return printable(file.relative_to(source).as_posix())


def image_of_each_file(
    source: Path, suffix: str, read: Callable[[Path, str], Annotated], expect: Expect
) -> Iterator[Annotated | BadSample]:
    """What `read` makes of each file and its place; a file that it refuses is a bad sample.

    Raises:
        DataError: nothing there.
    """
    files = annotation_files(source, suffix)
    expect(len(files))
    for file in files:
        place = place_in(source, file)
        try:
            image = read(file, place)
        except DataError as error:
            yield BadSample(place, "unreadable", error.message)
        else:
            yield image


def read_bounded(path: Path, most_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a file.

    Raises:
        DataError: it cannot be read, or is larger than such a file is.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=printable(path)) from None
    if len(data) > most_bytes:
        raise DataError(f"over the limit of {most_bytes} bytes", where=printable(path))
    return data


def read_json(path: Path) -> Any:
    """The value of a JSON file, read strictly (no repeated keys, no NaN).

    Raises:
        DataError: it cannot be read, or is no JSON.
    """
    data = read_bounded(path).removeprefix(b"\xef\xbb\xbf")
    try:
        return canonical.loads(data)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=printable(path)) from None
