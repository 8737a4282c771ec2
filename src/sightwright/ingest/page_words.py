"""The words of a run's pages: written beside each page, or added to pages that are there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sightwright import canonical
from sightwright.ingest import pages
from sightwright.ingest.page_run import Outcome, PageJob
from sightwright.ingest.pages import Page, RenderedDocument
from sightwright.ingest.reading import ReadablePage, Reading
from sightwright.ingest.words import words_path, write_words

Sources = Callable[[Sequence[int]], Iterable[tuple[int, ReadablePage]]]
"""Given the indices of some pages, in order, opens them one after another."""


class ReadingJob(PageJob):
    """A document whose words are wanted too."""

    reading: Reading


def with_words(job: ReadingJob, page: Page, index: int, source: ReadablePage) -> Page:
    """The page with its words, which are written into `job.partial`, if any are wanted.

    Raises:
        DocumentError: a page that cannot be read, or an OCR engine that fails on it.
    """
    if not job.reading.layer:
        return page
    words = job.reading.words(source, index + 1, page.width, page.height)
    path = words_path(page.image)
    write_words(job.partial / Path(path).name, words)
    return replace(page, words=path, words_source=words.source)


def kept_or_completed(job: ReadingJob, there: RenderedDocument, sources: Sources) -> Outcome:
    """What comes of a document that is there: its missing words are added, nothing else is done.

    Raises:
        DocumentError: as `with_words`.
    """
    missing = [index for index, page in enumerate(there.pages) if not _is_read(job, page)]
    if missing:
        _add_words(job, there, sources(missing))
    status = "completed" if missing else "kept"
    return Outcome(job.id, there.source, status, len(there.pages))


def _is_read(job: ReadingJob, page: Page) -> bool:
    is_there = not job.reading.layer or pages.has_words(job.folder, page)
    return is_there and job.reading.has_all(page)


def _add_words(
    job: ReadingJob, there: RenderedDocument, sources: Iterable[tuple[int, ReadablePage]]
) -> None:
    final, partial, read = job.folder / job.id, job.partial, list(there.pages)
    partial.mkdir()
    names: list[str] = []
    for index, source in sources:
        read[index] = with_words(job, there.pages[index], index, source)
        names.append(Path(words_path(read[index].image)).name)
    canonical.write_json(partial / pages.DOCUMENT, replace(there, pages=tuple(read)).to_json())
    # The document's own file last: until it says so, nobody looks for words.
    for name in (*names, pages.DOCUMENT):
        (partial / name).replace(final / name)
