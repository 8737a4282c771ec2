"""Folders of page images to pages: the same kind of folder as `ingest.pdf` makes of PDFs."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sightwright.ingest.image_groups import Grouping, ImageGroup, find_groups
from sightwright.ingest.image_pages import ImagePage, ImagePolicy, read_pages
from sightwright.ingest.ocr import WordReader
from sightwright.ingest.page_run import (
    Outcome,
    PagesReport,
    fill_folder,
    kept,
    outcome_of,
    save_page,
    sha256_of,
    write_document,
)
from sightwright.ingest.page_words import ReadingJob, kept_or_completed, with_words
from sightwright.ingest.pages import Page
from sightwright.ingest.reading import ReadablePage, Reading
from sightwright.ingest.render import DocumentError
from sightwright.ingest.sources import Taken, named_apart
from sightwright.ingest.workers import Limits, Tell


@dataclass(frozen=True)
class ImageJob(ReadingJob):
    """One group of images to make a document of; `source` is what the group is named by."""

    id: str
    source: Path
    folder: Path
    group: ImageGroup
    policy: ImagePolicy
    run: int
    reading: Reading = field(default_factory=Reading)


def ingest_images(
    places: Sequence[Path],
    out: Path,
    policy: ImagePolicy,
    *,
    grouping: Grouping = "one",
    reader: WordReader | None = None,
    num_workers: int | None = None,
    limits: Limits | None = None,
    work: Callable[[ImageJob, Tell], Outcome] | None = None,
) -> PagesReport:
    """Make pages of every image among `places` in `out`, and write the index and the report there.

    Documents already made of the same bytes under the same policy are left as they are, so a run
    that was cut short is finished by running it again; words that are missing are added to them.
    A document with an image that cannot be read gets its line in the report and stops no other.

    Args:
        grouping: which files are one document (`image_groups`).
        reader: finds the words of every page; without it, none are written.
        work: makes one document (for tests).

    Raises:
        DataError: nothing to read, or another run is writing to `out`.
    """
    groups = find_groups(places, grouping)

    def jobs_of(taken: Taken) -> list[ImageJob]:
        named = named_apart([group.source for group in groups], taken)
        return [
            ImageJob(name, source.path.absolute(), out.absolute(), group, policy, os.getpid(), how)
            for group, (source, name) in zip(groups, named, strict=True)
        ]

    how = Reading(reader is not None, reader)
    make = work or make_document
    return fill_folder(out, jobs_of, make, num_workers=num_workers, limits=limits or Limits())


def make_document(job: ImageJob, tell: Tell) -> Outcome:
    """Make one document, or find that it is made already. Runs in a worker."""

    def make() -> Outcome:
        if job.group.fault:
            raise DocumentError("broken", job.group.fault)
        sha256, policy = _sha256_of_all(job.group.files), job.policy.fingerprint()
        if (there := kept(job, sha256, policy, job.policy.max_pages)) is not None:
            return kept_or_completed(job, there, lambda indices: _open(job, indices, tell))
        made = write_document(job, sha256, policy, _pages(job, tell))
        return Outcome(job.id, made.source, "rendered", len(made.pages))

    return outcome_of(job, make)


def _pages(job: ImageJob, tell: Tell) -> Iterator[Page]:
    number = 0
    for number, source in enumerate(_sources(job, tell), start=1):
        if number > job.policy.max_pages:
            raise DocumentError("too-many-pages", f"over the limit of {job.policy.max_pages} pages")
        image = source.on_grid(job.policy.pixels)
        page = save_page(job, number, image, job.policy.image_format)
        yield with_words(job, page, number - 1, source)
    if not number:
        raise DocumentError("no-pages", "it has no pages")


def _sources(job: ImageJob, tell: Tell) -> Iterator[ImagePage]:
    for number, file in enumerate(job.group.files, start=1):
        for source in read_pages(file):
            yield source
            tell(number, len(job.group.files))


def _open(job: ImageJob, indices: Sequence[int], tell: Tell) -> Iterator[tuple[int, ReadablePage]]:
    # How many pages a file has is known when they are read.
    left = set(indices)
    for index, source in enumerate(_sources(job, tell)):
        if index in left:
            yield index, source
            left.remove(index)
        if not left:
            return


def _sha256_of_all(files: Sequence[Path]) -> str:
    """Of the file's bytes; of several files, of their hashes one after another."""
    hashes = [_sha256_of(path) for path in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _sha256_of(path: Path) -> str:
    try:
        return sha256_of(path)
    except DocumentError as error:
        raise DocumentError(error.status, f"{path.name}: {error.message}") from None
