"""ZIP archives of page images, extracted as if they came from an enemy.

An archive is taken whole or refused whole. Every entry's name, kind and declared size is checked
first, and all that is wrong is said at once. Then everything is unpacked into a hidden folder
beside the destination, where bytes are counted as they come, since what the archive says of their
number is the archive's own claim; a checksum, a size or a stream that does not hold refuses the
archive and leaves nothing behind. Only then do the files move to their places, each in one step, so
that no file is ever half there; a run killed while they move is finished by running it again.
"""

import fcntl
import glob
import io
import lzma
import os
import secrets
import shutil
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightwright import logs
from sightwright.errors import DataError
from sightwright.ingest.archive_plan import ZipLimits, make_plan, shown, too_large
from sightwright.ingest.sources import printable

_MIB = 1024**2
# A directory of a million entries; zipfile reads it in one piece, before anyone can count them.
_MOST_READ_AT_ONCE = 64 * _MIB
# bzip2 and LZMA give out whatever a piece of input holds: small pieces in, bounded memory out.
_PIECE_BYTES = {zipfile.ZIP_STORED: _MIB, zipfile.ZIP_DEFLATED: _MIB}
_SMALL_PIECE_BYTES = 4096
# What zipfile and the decompressors raise for bytes that are no archive, or a damaged one.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, UnicodeDecodeError,
    NotImplementedError, OverflowError, ValueError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class ZipOutcome:
    """What became of one archive.

    Attributes:
        extracted: files written, of which `overwritten` replaced another.
        skipped: files that were there already.
        differing: those of the skipped whose size is not the archive's.
        left_out: what a Mac adds to an archive (`__MACOSX/`, `.DS_Store`).
        num_bytes: written.
        refused: why nothing was written; "" where it was.
    """

    archive: Path
    out: Path
    extracted: int = 0
    overwritten: int = 0
    skipped: int = 0
    differing: tuple[str, ...] = ()
    left_out: int = 0
    num_bytes: int = 0
    refused: str = ""
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """All numbers and names, paths as text."""
        paths = {"archive": printable(self.archive), "out": printable(self.out)}
        return {**vars(self), **paths, "differing": list(self.differing)}


def extract_all(
    archives: Sequence[Path],
    out: Path | None,
    *,
    overwrite: bool = False,
    limits: ZipLimits | None = None,
) -> list[ZipOutcome]:
    """Extract every archive; one that is refused stops no other.

    Args:
        out: where one archive goes; of several, each goes to `out/<its stem>`. Without it, each
            goes to `data/raw/<its stem>`.

    Raises:
        DataError: two archives would go to the same folder.
    """
    places = _destinations(archives, out)
    outcomes: list[ZipOutcome] = []
    for archive, place in places.items():
        try:
            outcomes.append(
                extract_zip(archive, place, overwrite=overwrite, limits=limits or ZipLimits())
            )
        except DataError as error:
            refused = ZipOutcome(archive, place, refused=error.message, remedy=error.remedy or "")
            outcomes.append(refused)
    return outcomes


def extract_zip(archive: Path, out: Path, *, overwrite: bool, limits: ZipLimits) -> ZipOutcome:
    """Extract one archive into `out`; files already there stay unless `overwrite`.

    Raises:
        DataError: the archive is refused (see the module), or the disk will not take it; `out` is
            as it was.
    """
    with _opened(archive) as file:
        plan = make_plan(file, out, overwrite, limits)
        with _folder_beside(out) as partial:
            written = _Unpacking(archive, file, limits).unpack(plan.wanted, partial)
            overwritten = _move_into_place(plan.wanted, partial, out)
    return ZipOutcome(
        archive,
        out,
        extracted=len(plan.wanted),
        overwritten=overwritten,
        skipped=plan.skipped,
        differing=tuple(plan.differing),
        left_out=plan.left_out,
        num_bytes=written,
    )


def _destinations(archives: Sequence[Path], out: Path | None) -> dict[Path, Path]:
    root = Path("data/raw") if out is None else out
    places: dict[Path, Path] = {}
    for archive in dict.fromkeys(archives):
        stem = archive.stem.strip(". ") or "archive"
        places[archive] = out if out is not None and len(archives) == 1 else root / stem
    for archive, place in places.items():
        if rivals := [str(a) for a, p in places.items() if p == place and a != archive]:
            raise DataError(
                f"{archive} and {', '.join(rivals)} would both go to {place}",
                remedy="extract them one at a time, each with its own --out",
            )
    return places


class _BoundedFile(io.BufferedReader):
    """Refuses a read that no honest archive asks for, before the memory is taken."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_READ_AT_ONCE:
            raise zipfile.BadZipFile(f"its directory claims {size} bytes")
        return super().read(size)


@contextmanager
def _opened(archive: Path) -> Generator[zipfile.ZipFile]:
    """Raises: DataError: missing, unreadable, not a ZIP or a damaged one."""
    try:
        raw = io.FileIO(archive)
    except FileNotFoundError:
        raise DataError("no such file", remedy="check the path given by --zip") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from None
    with _BoundedFile(raw) as file:
        try:
            opened = zipfile.ZipFile(file)
        except (*_DAMAGE, OSError) as error:
            raise _damaged(error) from None
        with opened:
            yield opened


def _damaged(error: Exception) -> DataError:
    return DataError(
        f"not a ZIP archive, or a damaged one: {error or type(error).__name__}",
        remedy="download or copy it again; `unzip -t FILE` must find nothing wrong",
    )


class _Unpacking:
    """Streams entries to disk, counting."""

    def __init__(self, archive: Path, file: zipfile.ZipFile, limits: ZipLimits) -> None:
        self._file, self._limits = file, limits
        self._archive_bytes = max(1, archive.stat().st_size)
        self._written = 0

    def unpack(self, wanted: Mapping[str, zipfile.ZipInfo], partial: Path) -> int:
        """Write every entry under `partial`; returns the bytes written."""
        for path, info in logs.progress(wanted.items(), "files", len(wanted)):
            target = partial / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as sink:
                    for piece in self._pieces(path, info):
                        self._count(len(piece))
                        sink.write(piece)
            except OSError as error:
                raise DataError(
                    f"{shown(path)}: cannot be written: {error.strerror}",
                    remedy="make room on the disk, or choose another --out",
                ) from None
        return self._written

    def _pieces(self, path: str, info: zipfile.ZipInfo) -> Iterator[bytes]:
        size = _PIECE_BYTES.get(info.compress_type, _SMALL_PIECE_BYTES)
        try:
            with self._file.open(info) as source:
                # zipfile ends a file at its declared size and compares its checksum there.
                while piece := source.read(size):
                    yield piece
        except _DAMAGE as error:
            raise DataError(f"{shown(path)}: {_damaged(error).message}") from None
        except OSError as error:
            # bz2 says "Invalid data stream" by an OSError without a number.
            if error.errno is not None:
                raise
            raise DataError(f"{shown(path)}: {_damaged(error).message}") from None

    def _count(self, num_bytes: int) -> None:
        self._written += num_bytes
        if self._written > self._limits.max_bytes:
            raise too_large(self._written, self._limits)
        ratio = self._written / self._archive_bytes
        if self._written > self._limits.ratio_from_bytes and ratio > self._limits.max_ratio:
            raise DataError(
                f"it unpacks to over {self._limits.max_ratio:g} times its size, as a bomb does",
                remedy="if you trust it: --max-ratio",
            )


def _move_into_place(wanted: Mapping[str, Any], partial: Path, out: Path) -> int:
    """Returns how many files replaced another."""
    overwritten = 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path in wanted:
            target = out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            overwritten += target.exists()
            (partial / path).replace(target)
    except OSError as error:
        raise DataError(
            f"{shown(error.filename2 or error.filename)}: cannot be written: {error.strerror}",
            remedy="files that moved before stand whole in their places; mend it, run again",
        ) from None
    return overwritten


@contextmanager
def _folder_beside(out: Path) -> Generator[Path]:
    """A hidden folder on the disk of `out`, gone afterwards; so are those of killed runs."""
    # Where the folder really is: a file moves in one step on one disk only.
    parent = out.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_left_overs(parent, out.name)
        partial = parent / f".{out.name[:100]}.{secrets.token_hex(4)}.unzipping"
        partial.mkdir()
    except OSError as error:
        raise DataError(f"cannot write in {parent}: {error.strerror}") from None
    handle = os.open(partial, os.O_RDONLY)
    try:
        # A lock that dies with its process: how another run knows a left-over from work under way.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(handle)


def _remove_left_overs(parent: Path, name: str) -> None:
    for left_over in parent.glob(f".{glob.escape(name[:100])}.*.unzipping"):
        handle = os.open(left_over, os.O_RDONLY)
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left_over, ignore_errors=True)
        os.close(handle)
