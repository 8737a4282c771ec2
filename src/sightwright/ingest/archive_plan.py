"""What an archive would write, judged before anything is: names, kinds, sizes, what is there."""

import os
import stat
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sightwright.errors import DataError
from sightwright.ingest.entry_names import UnsafeNameError, collision_key, entry_parts

# Enough to see what is wrong; ten thousand lines hide it.
_SHOWN = 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
# Encrypted, strongly encrypted, and with its directory encrypted.
_ENCRYPTED = 0x1 | 0x40 | 0x2000


@dataclass(frozen=True)
class ZipLimits:
    """What an archive may hold.

    Attributes:
        max_files: entries, folders included.
        max_bytes: of all files together, unpacked.
        max_ratio: unpacked bytes per byte of the archive; looked at once `ratio_from_bytes` are
            unpacked, since a few blank pages shrink to almost nothing.
    """

    max_files: int = 200_000
    max_bytes: int = 64 * 1024**3
    max_ratio: float = 200.0
    ratio_from_bytes: int = 64 * 1024**2


@dataclass
class Plan:
    """What becomes of an archive's files.

    Attributes:
        wanted: to be written: path relative to the destination → entry.
        skipped: there already; `differing` names those of another size.
        left_out: `__MACOSX/` and `.DS_Store`, which are no data.
    """

    wanted: dict[str, zipfile.ZipInfo] = field(default_factory=dict[str, zipfile.ZipInfo])
    skipped: int = 0
    differing: list[str] = field(default_factory=list[str])
    left_out: int = 0


def make_plan(file: zipfile.ZipFile, out: Path, overwrite: bool, limits: ZipLimits) -> Plan:
    """What to write of an archive into `out`.

    Raises:
        DataError: every entry that must not be taken, in one message, or too much of them.
    """
    entries = file.infolist()
    if len(entries) > limits.max_files:
        raise DataError(
            f"{len(entries)} entries, over the limit of {limits.max_files}",
            remedy="if you trust it: --max-files",
        )
    problems: list[str] = []
    files = _checked_files(entries, problems)
    declared = sum(info.file_size for info in files.values())
    if declared > limits.max_bytes:
        raise too_large(declared, limits)
    plan = Plan(left_out=sum(map(_is_litter, entries)))
    destination = _Destination(out, overwrite)
    for path, info in files.items():
        if why := destination.place(path, info, plan):
            problems.append(f"{shown(path)}: {why}")
    _refuse(problems)
    return plan


def _checked_files(
    entries: Sequence[zipfile.ZipInfo], problems: list[str]
) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their safe paths; whatever is wrong goes to `problems`."""
    files: dict[str, zipfile.ZipInfo] = {}
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for info in entries:
        name = info.orig_filename
        try:
            parts = entry_parts(name)
            _check_kind(info)
        except UnsafeNameError as error:
            problems.append(f"{shown(name)}: {error}")
            continue
        for depth in range(1, len(parts)):
            folders.setdefault(collision_key(parts[:depth]), name)
        if _is_folder(info) or _is_litter(info) or not parts:
            continue
        key = collision_key(parts)
        if (other := seen.get(key)) is not None:
            twice = f"the same file as {shown(other)} on a system that ignores case"
            problems.append(f"{shown(name)}: {'stands twice' if name == other else twice}")
        seen.setdefault(key, name)
        files["/".join(parts)] = info
    for key in seen.keys() & folders.keys():
        problems.append(f"{shown(seen[key])}: a file, and the folder of {shown(folders[key])}")
    return files


def _check_kind(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise UnsafeNameError("a symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeNameError("neither a file nor a folder (a device, pipe or socket)")
    if _is_folder(info):
        return
    if info.flag_bits & _ENCRYPTED:
        raise UnsafeNameError("encrypted; unpack it with its password and zip it without")
    if info.compress_type not in _METHODS:
        raise UnsafeNameError(f"compressed by method {info.compress_type}, which few can read")


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename.endswith(("/", "\\"))


def _is_litter(info: zipfile.ZipInfo) -> bool:
    """What Finder adds: `__MACOSX/._page.png` is no page, though it is named like one."""
    path = PurePosixPath(info.orig_filename.replace("\\", "/"))
    return "__MACOSX" in path.parts or path.name == ".DS_Store"


class _Destination:
    """The folder that an archive goes to, with what stands there already."""

    def __init__(self, out: Path, overwrite: bool) -> None:
        self._out, self._overwrite = out, overwrite
        # Many files share a folder, and looking costs a dozen calls to the system.
        self._obstacles: dict[Path, str | None] = {}

    def place(self, path: str, info: zipfile.ZipInfo, plan: Plan) -> str | None:
        """Put a file into the plan; returns what is in its way."""
        target = self._out / path
        try:
            folder = target.parent
            if folder not in self._obstacles:
                self._obstacles[folder] = self._obstacle(folder)
            if why := self._obstacles[folder]:
                return why
            if target.is_dir():
                return "a folder stands at its place"
            if self._overwrite or not os.path.lexists(target):
                plan.wanted[path] = info
                return None
            plan.skipped += 1
            if not target.exists() or target.stat().st_size != info.file_size:
                plan.differing.append(path)
        except OSError as error:
            return f"it cannot stand there: {error.strerror}"
        return None

    def _obstacle(self, folder: Path) -> str | None:
        if not folder.resolve().is_relative_to(self._out.resolve()):
            return f"a link that stands at its place leads out of {self._out}"
        for above in (folder, *folder.parents):
            if above.exists():
                return None if above.is_dir() else f"{above} is a file, not a folder"
        return None


def too_large(num_bytes: int, limits: ZipLimits) -> DataError:
    return DataError(
        f"{num_bytes / 1024**3:.1f} GiB unpacked, over the limit of "
        f"{limits.max_bytes / 1024**3:g} GiB",
        remedy="if you trust it: --max-gib",
    )


def _refuse(problems: list[str]) -> None:
    if not problems:
        return
    first = problems[:_SHOWN]
    if len(problems) > _SHOWN:
        first.append(f"… and {len(problems) - _SHOWN} more")
    raise DataError(
        "\n  ".join(["refused; nothing was written:", *first]),
        remedy="make the archive anew without these entries",
    )


def shown(name: str) -> str:
    """A hostile name on one line of a terminal."""
    return repr(name if len(name) <= 120 else f"{name[:117]}…")
