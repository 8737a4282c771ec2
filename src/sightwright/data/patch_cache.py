"""Patches kept on disk: an image is decoded and resized once, and read back in every later epoch.

An entry is named by the SHA-256 of the image file's bytes and of everything else that its patches
follow from (`_made_by`), so an image or a setting that changes is another entry, and none is ever
stale. Any number of processes may share a folder: an entry appears whole, by renaming, and one that
a crash or a failing disk has left wrong is noticed by its checksum and made anew.

The folder never holds more than its bound, what is still being written included. What was used
longest ago goes first; when that was is an entry's time of modification, set anew by each reading.
The lock is held while a number is read and written and while an entry gets its name, and somewhat
longer when room is made, which is a tenth of the bound at once. Nobody who reads waits for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import secrets
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sightwright import logs
from sightwright.data.pixels import CHANNELS, RESAMPLER, PatchedImage, patched
from sightwright.data.sizes import grid_of
from sightwright.errors import ConfigError
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from PIL.Image import Image

log = logs.get_logger(__name__)

CACHE_PREFIX = "patch_cache: "
"""Of the keys by which a run counts what became of its images."""
READ, MADE, NOT_KEPT, EVICTED, DAMAGED = (
    f"{CACHE_PREFIX}{what}" for what in ("read", "made", "not_kept", "evicted", "damaged")
)

# Magic, width, height, bytes of the patches; then the CRC-32 of these and of the patches.
_HEADER = struct.Struct("<8sIIQ")
_CHECKSUM = struct.Struct("<I")
_MAGIC = b"SWPATCH2"
_LEDGER = "ledger"
_FOLDER = re.compile(r"[0-9a-f]{2}")
# An entry, and one that is being written.
_FILE = re.compile(r"[0-9a-f]{64}\.patches|\.[0-9a-f]{64}\.[0-9a-f]{8}\.partial")
_KEPT_WHEN_FULL = 0.9
# Nobody writes an entry for so long: what is older was left by a process that died.
_STALE_SECONDS = 600


class PatchCache:
    """See the module.

    Args:
        max_bytes: of all files in the folder together.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._writes = True

    @classmethod
    def open(cls, folder: Path, max_gb: float) -> PatchCache:
        """
        Args:
            max_gb: of 10^9 bytes.

        Raises:
            ConfigError: a folder that cannot be written into.
        """
        cache = cls(folder, int(max_gb * 1e9))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with cache._locked():
                pass
        except OSError as error:
            raise ConfigError(
                f"{folder} cannot be written into: {error.strerror}",
                where="data.patch_cache.dir",
                remedy="name another folder, or leave data.patch_cache out",
            ) from None
        return cache

    def patches(
        self, data: bytes, spec: VisionSpec, opened: Callable[[], Image], counts: Counter[str]
    ) -> PatchedImage:
        """The patches of an image file, from the folder or by its making.

        Args:
            data: the file.
            opened: decodes it.
            counts: is told what happened.

        Raises:
            ImageError: what `opened` raises; a size that no grid fits.
        """
        path = self.path_of(data, spec)
        found = _read(path, spec, counts)
        if found is not None:
            counts[READ] += 1
            return found
        made = patched(opened(), spec)
        counts[MADE] += 1
        if not self._write(path, made, counts):
            counts[NOT_KEPT] += 1
        return made

    def path_of(self, data: bytes, spec: VisionSpec) -> Path:
        """Where the patches of an image file are kept."""
        name = hashlib.sha256(hashlib.sha256(data).digest() + _made_by(spec).encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.patches"

    def _write(self, path: Path, made: PatchedImage, counts: Counter[str]) -> bool:
        content = made.patches.contiguous().numpy().data
        header = _HEADER.pack(_MAGIC, *made.size, content.nbytes)
        header += _CHECKSUM.pack(zlib.crc32(content, zlib.crc32(header)))
        size = len(header) + content.nbytes
        if not self._writes or size > self.max_bytes:
            return False
        partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial")
        try:
            path.parent.mkdir(exist_ok=True)
            if not self._reserve(partial, size, counts):
                return False
            with partial.open("r+b") as file:
                file.write(header)
                file.write(content)
            # Who counts meanwhile would meet it by neither name.
            with self._locked():
                partial.replace(path)
        except OSError as error:
            # A full disk takes the speed from a run, not its result.
            log.warning("%s: %s; no more patches are kept", self.folder, error.strerror)
            self._writes = False
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        return self._writes

    # Room

    def _reserve(self, partial: Path, size: int, counts: Counter[str]) -> bool:
        """Make a file of the whole size, for others to count; False where it has no room."""
        with self._locked() as ledger:
            held = _number_in(ledger)
            if held is None or held + size > self.max_bytes:
                held = self._make_room(size, counts)
            fits = held + size <= self.max_bytes
            if fits:
                with partial.open("xb") as file:
                    file.truncate(size)
            ledger.seek(0)
            ledger.truncate()
            ledger.write(str(held + size * fits).encode())
        return fits

    def _make_room(self, size: int, counts: Counter[str]) -> int:
        """Delete what was used longest ago until there is room to spare; the bytes still held."""
        now = time.time()
        files = sorted(self._files())
        held = sum(file.size for file in files)
        most = held if held + size <= self.max_bytes else _KEPT_WHEN_FULL * self.max_bytes - size
        for file in files:
            is_entry = file.path.endswith(".patches")
            if (is_entry and held > most) or (not is_entry and now - file.used > _STALE_SECONDS):
                Path(file.path).unlink(missing_ok=True)
                held -= file.size
                if is_entry:
                    counts[EVICTED] += 1
        return held

    def _files(self) -> Iterator[_File]:
        with os.scandir(self.folder) as folders:
            inside = [entry.path for entry in folders if _FOLDER.fullmatch(entry.name)]
        for folder in inside:
            with os.scandir(folder) as entries:
                for entry in entries:
                    # Another process may find it damaged, and delete it meanwhile.
                    with suppress(FileNotFoundError):
                        if _FILE.fullmatch(entry.name):
                            status = entry.stat()
                            yield _File(status.st_mtime, entry.path, status.st_size)

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The file that says how many bytes are held, for this process alone; a process that dies
        lets go of it."""
        with (self.folder / _LEDGER).open("a+b") as ledger:
            fcntl.flock(ledger, fcntl.LOCK_EX)
            yield ledger


class _File(NamedTuple):
    used: float
    path: str
    size: int


def _made_by(spec: VisionSpec) -> str:
    """All that decides the patches of a file, beside its bytes."""
    from PIL import __version__ as pillow

    software = (RESAMPLER, torch.__version__, pillow, platform.machine())
    pixels = spec.pixels
    return repr((*software, spec.patch_size, spec.merge_size, pixels.min_pixels, pixels.max_pixels))


def _read(path: Path, spec: VisionSpec, counts: Counter[str]) -> PatchedImage | None:
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s cannot be read, and is made anew: %s", path, error.strerror)
        counts[DAMAGED] += 1
        return None
    found = _whole(content, spec)
    if found is None:
        log.warning("%s is damaged and is made anew", path)
        counts[DAMAGED] += 1
        with suppress(OSError):
            path.unlink()
        return None
    # It was used now; another process may have evicted it meanwhile, or another user own it.
    with suppress(OSError):
        os.utime(path)
    return found


def _whole(content: NDArray[np.uint8], spec: VisionSpec) -> PatchedImage | None:
    """The image of an entry; None for one that is torn or wrong."""
    start = _HEADER.size + _CHECKSUM.size
    if len(content) < start:
        return None
    header = content[: _HEADER.size].tobytes()
    magic, width, height, size = _HEADER.unpack(header)
    (checksum,) = _CHECKSUM.unpack(content[_HEADER.size : start].tobytes())
    patches = content[start:]
    told = zlib.crc32(patches.data, zlib.crc32(header))
    if magic != _MAGIC or len(patches) != size or told != checksum:
        return None
    _, rows, columns = grid_of(width, height, spec)
    shape = (rows * columns, CHANNELS * spec.patch_size**2)
    return PatchedImage((width, height), torch.from_numpy(patches).view(shape))


def _number_in(ledger: IO[bytes]) -> int | None:
    """None for a file that was just made, or that says nothing."""
    ledger.seek(0)
    text = ledger.read()
    return int(text) if text.isdigit() else None
