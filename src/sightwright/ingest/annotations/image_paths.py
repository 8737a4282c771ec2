"""Where the image is that an annotation names: below one folder, or nowhere.

Annotations come from strangers, so a path is only followed when it ends, links included, within
the folder of images.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sightwright.ingest.annotations.found import Annotated, BadSample
from sightwright.ingest.sources import printable
from sightwright.web.address import is_web_address


def find_image(sample: Annotated, root: Path) -> Path | BadSample:
    """The file of a sample's image.

    Args:
        root: the folder of images, resolved.
    """
    escaped, unread = "", ""
    for stated in sample.images:
        if fault := _fault_of(stated):
            unread = unread or fault
            continue
        for candidate in _candidates(stated, sample.beside, root):
            try:
                target = candidate.resolve()
                inside, there = target.is_relative_to(root), target.is_file()
            except OSError as error:
                unread = unread or f"{stated!r} cannot be looked up: {error.strerror}"
                continue
            if inside and there:
                return target
            if not inside:
                escaped = escaped or stated
    return _missing(sample, escaped, unread, root)


def _candidates(stated: str, beside: Path | None, root: Path) -> Iterator[Path]:
    path = Path(PurePosixPath(stated.replace("\\", "/")))
    if path.is_absolute():
        yield path
        return
    if beside is not None:
        yield beside / path
    yield root / path


def _fault_of(stated: str) -> str:
    if not stated or "\0" in stated:
        return "no image is named" if not stated else "a NUL in the image's path"
    if is_web_address(stated) or stated.startswith("data:"):
        return "an address, not a file: nothing is fetched"
    return ""


def _missing(sample: Annotated, escaped: str, unread: str, root: Path) -> BadSample:
    named = sample.images[0] if sample.images else ""
    # Escaping is only said when no other reading of the path stays inside.
    if escaped and _always_outside(sample, root):
        detail = f"{escaped!r} leads out of the folder of images"
        return BadSample(sample.place, "image-outside", detail, named)
    if unread:
        return BadSample(sample.place, "image-unnamed", unread, named)
    detail = f"no {named!r} in {printable(root)}"
    return BadSample(sample.place, "image-missing", detail, named)


def _always_outside(sample: Annotated, root: Path) -> bool:
    return not any(
        candidate.resolve().is_relative_to(root)
        for stated in sample.images
        if not _fault_of(stated)
        for candidate in _candidates(stated, sample.beside, root)
    )
