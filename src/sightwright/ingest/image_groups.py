"""Which image files are the pages of one document.

one        every file is a document of its own (a TIFF of several pages has them all)
numbered   `name_1.png`, `name_2.png`, … of one folder are the pages of `name`; also `name-1`,
           `name 01`, `name_page_1`; up to four digits, so that a date ends no name. Other files
           are documents of their own
folder     the files of a folder, in the order of their names, are the pages of a document named
           like the folder
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from sightwright.errors import DataError
from sightwright.ingest.sources import Source, find_files

Grouping = Literal["one", "numbered", "folder"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_NUMBERED = re.compile(
    r"(?P<name>.*?\S)[ _-]+(?:(?:page|pg|p)[ _-]*)?(?P<number>[0-9]{1,4})", re.IGNORECASE
)


@dataclass(frozen=True)
class ImageGroup:
    """The files of one document, in page order.

    Attributes:
        source: what names it: its first file or its folder, and the path for its id.
        fault: why the files are no document; "" when they are.
    """

    source: Source
    files: tuple[Path, ...]
    fault: str = ""


def find_groups(places: Sequence[Path], grouping: Grouping) -> list[ImageGroup]:
    """The documents among files and folders; hidden files are none.

    Raises:
        DataError: a place that is not there, or no image at all.
    """
    # A Mac leaves `._page.png` beside `page.png`, and it is no image.
    sources = [s for s in find_files(places, SUFFIXES) if not _is_hidden(s.relative)]
    if not sources:
        raise DataError(
            f"only hidden images in {', '.join(map(str, places))}", remedy="check the folder"
        )
    match grouping:
        case "one":
            return [ImageGroup(source, (source.path,)) for source in sources]
        case "numbered":
            return list(_numbered(sources))
        case "folder":
            return list(_by_folder(sources))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `page 2` before `page 10`."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    return tuple((0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in pieces)


def _numbered(sources: Iterable[Source]) -> Iterator[ImageGroup]:
    groups: dict[tuple[Path, str], list[tuple[int, Source]]] = {}
    for source in sources:
        match = _NUMBERED.fullmatch(source.path.stem)
        # A file without a number keeps its suffix, so that it joins no group.
        name, number = (match["name"], int(match["number"])) if match else (source.path.name, -1)
        groups.setdefault((source.path.parent, name.casefold()), []).append((number, source))
    for pages in groups.values():
        pages.sort(key=lambda page: (page[0], page[1].relative))
        numbers, files = [n for n, _ in pages], tuple(source.path for _, source in pages)
        first = pages[0][1]
        if numbers == [-1]:
            yield ImageGroup(first, files)
            continue
        relative = PurePosixPath(first.relative)
        match = _NUMBERED.fullmatch(relative.stem)
        name = match["name"] if match else relative.stem
        whole = Source(first.path, (relative.parent / f"{name}{relative.suffix}").as_posix())
        yield ImageGroup(whole, files, _fault(numbers, files))


def _fault(numbers: Sequence[int], files: Sequence[Path]) -> str:
    for earlier, later in zip(range(len(numbers)), range(1, len(numbers)), strict=False):
        if numbers[earlier] == numbers[later]:
            names = f"{files[earlier].name} and {files[later].name}"
            return f"two files are its page {numbers[earlier]}: {names}"
    missing = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
    if missing:
        shown = ", ".join(map(str, missing[:20])) + (", …" if len(missing) > 20 else "")
        return f"page {shown} is missing between {files[0].name} and {files[-1].name}"
    return ""


def _by_folder(sources: Iterable[Source]) -> Iterator[ImageGroup]:
    groups: dict[Path, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.path.parent, []).append(source)
    for folder, pages in groups.items():
        pages.sort(key=lambda page: (natural_key(page.path.name), page.path.name))
        inside = PurePosixPath(pages[0].relative).parent
        name = inside.as_posix() if inside.name else folder.resolve().name or "pages"
        # The id is the path without its suffix, which a folder has none of.
        yield ImageGroup(Source(folder, f"{name}.folder"), tuple(page.path for page in pages))


def _is_hidden(relative: str) -> bool:
    parts = PurePosixPath(relative).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts)
