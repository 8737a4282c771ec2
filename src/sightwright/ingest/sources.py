"""Which files are meant, and what each document is called."""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightwright.errors import DataError

# Separators of folders in an id: an id is one folder name, whatever it was made from.
_FOLDER_MARK = "__"
_MAX_ID_BYTES = 160
_ODD = frozenset('<>:"|?*\\/')


@dataclass(frozen=True)
class Source:
    """A file, and its path relative to the folder in which it was found (POSIX)."""

    path: Path
    relative: str


def find_files(places: Sequence[Path], suffix: str | tuple[str, ...]) -> list[Source]:
    """Every file with `suffix` (in any case) among files and folders, each once, sorted per folder.

    Args:
        suffix: such as `.pdf`; any of them where there are several.

    Raises:
        DataError: a place that does not exist, a folder that cannot be read, or nothing found.
    """
    if missing := [str(place) for place in places if not place.exists()]:
        raise DataError(f"no such file or folder: {', '.join(missing)}")
    found: dict[Path, Source] = {}
    for place in places:
        for path in _walk(place, suffix) if place.is_dir() else [place]:
            relative = path.relative_to(place) if place.is_dir() else Path(path.name)
            found.setdefault(path.resolve(), Source(path, relative.as_posix()))
    if not found:
        wanted = suffix if isinstance(suffix, str) else ", ".join(suffix)
        raise DataError(
            f"no {wanted} files in {', '.join(map(str, places))}", remedy="check the folder"
        )
    return list(found.values())


def document_id(relative: str) -> str:
    """A name for a document from its relative path: safe as a folder name on any system.

    `2024/Invoice 7.pdf` becomes `2024__Invoice 7`. What no file system or terminal takes well is
    replaced by `_`, and then a piece of the path's hash keeps the name apart from others.
    """
    stem = relative.rsplit(".", 1)[0] if "." in relative.rsplit("/", 1)[-1] else relative
    parts = [unicodedata.normalize("NFC", part) for part in stem.split("/")]
    safe = [_safe_part(part) for part in parts]
    name = _FOLDER_MARK.join(safe)
    if safe == parts and len(name.encode()) <= _MAX_ID_BYTES:
        return name
    short = name.encode()[: _MAX_ID_BYTES - 9].decode(errors="ignore")
    return f"{short}-{_piece_of_hash(relative)}"


def named_apart(sources: Iterable[Source], taken: "Taken") -> Iterator[tuple[Source, str]]:
    """Give every source an id that no other document has; see `Taken`."""
    for source in sources:
        name = document_id(source.relative)
        if not taken.claim(name, source):
            name = f"{name}-{_piece_of_hash(os.fspath(source.path.resolve()))}"
            taken.claim(name, source)
        yield source, name


class Taken:
    """The ids in use: claimed in this run, or owned by documents already in the folder.

    Names are compared without case, since some file systems do so. A document already there owns
    its id for as long as the file that it was made from exists.
    """

    def __init__(self, reserved: Iterable[str]) -> None:
        self._claimed = {name.casefold() for name in reserved}
        self._owners: dict[str, Path] = {}

    def owned(self, name: str, source: Path) -> None:
        """Say that a document of an earlier run has this id and was made from `source`."""
        self._owners[name.casefold()] = source

    def claim(self, name: str, source: Source) -> bool:
        key = name.casefold()
        owner = self._owners.get(key)
        if key in self._claimed:
            return False
        if owner is not None and owner.exists() and owner.resolve() != source.path.resolve():
            return False
        self._claimed.add(key)
        return True


def printable(path: str | os.PathLike[str]) -> str:
    """A path as text that UTF-8 can hold, whatever bytes the file system has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _walk(folder: Path, suffix: str | tuple[str, ...]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DataError(f"cannot be read: {error.strerror}", where=str(error.filename))

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(suffix):
                yield Path(parent, name)


def _safe_part(part: str) -> str:
    text = "".join(
        "_" if letter in _ODD or unicodedata.category(letter)[0] == "C" else letter
        for letter in part
    )
    # Hidden files, `..`, and what Windows cuts off at the end.
    dots = len(text) - len(text.lstrip("."))
    text = "_" * dots + text[dots:]
    return text if text == text.rstrip(" .") else text.rstrip(" .") + "_"


def _piece_of_hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]
