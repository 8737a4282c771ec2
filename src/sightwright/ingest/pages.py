"""The folder of rendered pages: what stands in it, and what each document there says of itself.

DIR/<id>/page-0001.png …     the pages, on the model's grid
DIR/<id>/page-0001.words.json  the words of a page, with boxes (see words.py); may be missing
DIR/<id>/document.json       what they were made from, and how: written with them, at once
DIR/pages.jsonl              the index: one line per document
DIR/report.jsonl             one line per PDF of the last run, what became of it
DIR/.unfinished              a run is under way, or was cut short
"""

import contextlib
import fcntl
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sightwright import canonical, jsonl
from sightwright.errors import DataError

INDEX, REPORT, UNFINISHED, DOCUMENT = "pages.jsonl", "report.jsonl", ".unfinished", "document.json"


@dataclass(frozen=True)
class Page:
    """One page: its file relative to the folder of pages (POSIX), and its size in pixels.

    Attributes:
        words: the file of its words (see `words.read_words`), likewise; None when not asked for.
        words_source: where they come from, as that file says.
    """

    image: str
    width: int
    height: int
    words: str | None = None
    words_source: str | None = None

    def to_json(self) -> dict[str, Any]:
        page = {"image": self.image, "width": self.width, "height": self.height}
        if self.words is None:
            return page
        return {**page, "words": self.words, "words_source": self.words_source}


@dataclass(frozen=True)
class RenderedDocument:
    """A document whose pages are all there.

    Attributes:
        source: the PDF, relative to the folder of pages (POSIX).
        sha256: of the PDF's bytes.
        policy: what the pixels depend on (`RenderPolicy.fingerprint`).
    """

    id: str
    source: str
    sha256: str
    pages: tuple[Page, ...]
    policy: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "source": self.source,
            "sha256": self.sha256,
            "policy": self.policy,
            "pages": [page.to_json() for page in self.pages],
        }


def read_document(folder: Path, document_id: str) -> RenderedDocument | None:
    """What stands at `folder/<id>`; None when nothing (whole) does."""
    try:
        content = canonical.loads((folder / document_id / DOCUMENT).read_bytes())
        document = _from_json(content)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return document if document.id == document_id else None


def read_documents(folder: Path) -> Iterator[RenderedDocument]:
    """Every document of a folder of pages, by id."""
    for name in sorted(os.listdir(folder)):
        if not name.startswith(".") and (document := read_document(folder, name)) is not None:
            yield document


def foreign_names(folder: Path) -> list[str]:
    """What stands in the folder without being a document of ours."""
    return [name for name in os.listdir(folder) if not (folder / name / DOCUMENT).exists()]


def has_words(folder: Path, page: Page) -> bool:
    """Whether the words' file that a page names is there, and not empty."""
    with contextlib.suppress(OSError):
        return page.words is not None and (folder / page.words).stat().st_size > 0
    return False


def is_complete(folder: Path, document: RenderedDocument) -> bool:
    """Whether every page file of a document is there, and not empty."""
    with contextlib.suppress(OSError):
        return all((folder / page.image).stat().st_size > 0 for page in document.pages)
    return False


def read_index(folder: Path) -> Iterator[RenderedDocument]:
    """The documents of a folder of pages, by id.

    Raises:
        DataError: no folder of pages, one whose ingest was cut short, or a damaged index.
    """
    if (folder / UNFINISHED).exists():
        raise DataError(
            "the ingest into this folder is under way or was cut short",
            where=str(folder), remedy="run the same `sightwright ingest pdf` again",
        )  # fmt: skip
    if not (folder / INDEX).exists():
        raise DataError(
            f"no {INDEX} in it", where=str(folder),
            remedy="make it by `sightwright ingest pdf SRC --out DIR`",
        )  # fmt: skip
    for line, value in jsonl.read_values(folder / INDEX):
        try:
            yield _from_json(value)
        except (KeyError, TypeError) as error:
            raise DataError(f"not a document of an index: {error!r}", where=line.where) from None


def write_index(folder: Path) -> int:
    """Write the index anew from the documents that are there; returns how many there are.

    An index that says so already is left as it is.
    """
    documents = read_documents(folder)
    lines = [canonical.dumps(document.to_json()).encode() + b"\n" for document in documents]
    write_if_changed(folder / INDEX, b"".join(lines))
    return len(lines)


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a file atomically, unless it holds just that."""
    if not path.is_file() or path.read_bytes() != content:
        canonical.write_bytes(path, content)


@contextlib.contextmanager
def being_written(folder: Path) -> Generator[None]:
    """Mark the folder as unfinished until the block ends well; one writer at a time.

    Raises:
        DataError: another process is writing to this folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / UNFINISHED
    with marker.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                "another ingest is writing to this folder", where=str(folder),
                remedy="wait for it, or choose another --out",
            ) from None  # fmt: skip
        yield
        marker.unlink(missing_ok=True)


def _from_json(content: object) -> RenderedDocument:
    raw = cast("dict[str, Any]", content)
    pages = tuple(_page(page) for page in raw["pages"])
    return RenderedDocument(raw["id"], raw["source"], raw["sha256"], pages, raw["policy"])


def _page(raw: dict[str, Any]) -> Page:
    words, source = raw.get("words"), raw.get("words_source")
    return Page(
        str(raw["image"]),
        int(raw["width"]),
        int(raw["height"]),
        None if words is None else str(words),
        None if source is None else str(source),
    )
