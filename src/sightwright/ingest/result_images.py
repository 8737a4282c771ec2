"""Which image shows which bill of lading, told by their names alone.

Names are compared by their letters and digits: `BL - SG 07.pdf` and `bl_-_SG_07_single_page.png`
are `bl_sg_07` and `bl_sg_07_single_page`. An image belongs to the document with the longest name
that its own name starts with, so that `x_1_single_page.png` is the image of `x_1.pdf` and not of
`x.pdf`. A number or word must be whole: `4.pdf` has nothing to do with `491234.png`. Of several
images the best is chosen: a single page, a grid of all pages, the lowest numbered page, another; by
name where these are equal.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from sightwright.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png")
_NUMBERED = re.compile(r"_?(\d{1,9})")


def name_key(name: str) -> str:
    """The letters and digits of a name, in small letters, with `_` for each run of anything else.

    >>> name_key("BL - SG SBW(2).v1")
    'bl_sg_sbw_2_v1'
    """
    text = unicodedata.normalize("NFC", name).casefold()
    spaced = "".join(letter if letter.isalnum() else " " for letter in text)
    return "_".join(spaced.split())


def document_key(filename: str) -> str:
    """The key of a document: of its file's name, without folders and `.pdf`."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return name_key(name[:-4] if name.lower().endswith(".pdf") else name)


def find_images(folders: Sequence[Path]) -> list[Path]:
    """Every image under the folders, hidden files apart, in the folders' order.

    Raises:
        DataError: a folder that is not there, or cannot be read.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DataError(
                "no such folder of images", where=str(folder),
                remedy="extract them by `sightwright ingest zip`, or give --images-dir",
            )  # fmt: skip
    return [image for folder in folders for image in _walk(folder)]


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DataError(f"cannot be read: {error.strerror}", where=str(error.filename))

    for parent, folders, names in os.walk(folder, onerror=refuse):
        # A Mac's archive has `__MACOSX/._page.png` beside `page.png`, and it is no image.
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n != "__MACOSX")
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(parent, name)


def images_by_document(keys: Iterable[str], images: Iterable[Path]) -> dict[str, list[Path]]:
    """The images of each document, the best first; a document without any is not in it.

    Args:
        keys: of all documents there are (`document_key`), those of no interest now included.
    """
    known = {key for key in keys if key}
    found: dict[str, list[Path]] = {}
    for image in images:
        if (key := _owner(name_key(image.stem), known)) is not None:
            found.setdefault(key, []).append(image)
    # Sorting is stable: of equal names the earlier folder's comes first.
    return {key: sorted(mine, key=partial(_rank, key)) for key, mine in found.items()}


def _owner(image_key: str, known: set[str]) -> str | None:
    for length in range(len(image_key), 0, -1):
        if image_key[:length] in known and _ends_there(image_key, length):
            return image_key[:length]
    return None


def _ends_there(key: str, length: int) -> bool:
    if length == len(key):
        return True
    last, following = key[length - 1], key[length]
    return not (
        (last.isdigit() and following.isdigit()) or (last.isalpha() and following.isalpha())
    )


def _rank(key: str, image: Path) -> tuple[int, int, str]:
    """Smaller is better; it goes by what follows the document's name in the image's."""
    rest, name = name_key(image.stem)[len(key) :], image.name
    if "single_page" in rest:
        return 0, 0, name.lower()
    if "combined_grid" in rest:
        return 1, 0, name.lower()
    if number := _NUMBERED.fullmatch(rest):
        return 2, int(number[1]), name.lower()
    return 3, 0, name.lower()
