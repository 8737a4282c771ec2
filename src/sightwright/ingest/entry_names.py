"""Names inside an archive, made into paths that stay inside one folder on any system.

Archives are made on every system and read on every other, so a name is judged by the strictest:
both separators separate, names that differ only in case collide, and what Windows takes for a
device is refused everywhere.
"""

import re
import unicodedata
from collections.abc import Sequence

# A part of a path has at most 255 bytes on the usual file systems; a whole path 4096 with the
# folder before it.
MAX_PART_BYTES = 255
MAX_NAME_BYTES = 1024

_DEVICES = {
    *("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"),
    *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"),
}
_DRIVE = re.compile(r"[A-Za-z]:")


class UnsafeNameError(ValueError):
    """A name that could leave the folder, or that some system takes for something else."""


def entry_parts(name: str) -> tuple[str, ...]:
    """The folders and the file that a name means; empty where it means the folder itself.

    `a\\b//./c.png` is `a`, `b`, `c.png`.

    Raises:
        UnsafeNameError: the name's fault, in words.
    """
    slashed = name.replace("\\", "/")
    if slashed.startswith("/"):
        raise UnsafeNameError("an absolute path")
    if _DRIVE.match(slashed):
        raise UnsafeNameError("a path on a drive of its own")
    parts = tuple(part for part in slashed.split("/") if part not in ("", "."))
    for part in parts:
        _check_part(part)
    if len("/".join(parts).encode("utf-8", "replace")) > MAX_NAME_BYTES:
        raise UnsafeNameError(f"over {MAX_NAME_BYTES} bytes long")
    return parts


def _check_part(part: str) -> None:
    if part == "..":
        raise UnsafeNameError("'..' would lead out of the folder")
    if not part.strip(". "):
        raise UnsafeNameError("a part of dots and spaces only")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in part):
        raise UnsafeNameError("a control character")
    if ":" in part:
        raise UnsafeNameError("a colon, which names a drive or a hidden stream on Windows")
    if part.split(".")[0].rstrip(" ").upper() in _DEVICES:
        raise UnsafeNameError(f"{part!r} is a device on Windows")
    if len(part.encode("utf-8")) > MAX_PART_BYTES:
        raise UnsafeNameError(f"a part of over {MAX_PART_BYTES} bytes")


def collision_key(parts: Sequence[str]) -> str:
    """Equal for paths that are one file on some system: case, accents' spelling, trailing dots."""
    folded = (unicodedata.normalize("NFC", part).rstrip(" .").casefold() for part in parts)
    return "/".join(unicodedata.normalize("NFC", part) for part in folded)
