"""PDFs to pages: every document drawn once, whatever happens to the others."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

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
from sightwright.ingest.render import READING_DPI, PdfFile, RenderPolicy, open_pdf
from sightwright.ingest.sources import Taken, find_files, named_apart
from sightwright.ingest.text_layer import TooMuchTextError
from sightwright.ingest.words import Word
from sightwright.ingest.workers import Limits, Tell

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Job(ReadingJob):
    """One PDF to draw."""

    id: str
    source: Path
    folder: Path
    policy: RenderPolicy
    run: int
    reading: Reading = field(default_factory=Reading)


def ingest_pdfs(
    places: Sequence[Path],
    out: Path,
    policy: RenderPolicy,
    *,
    reading: Reading | None = None,
    num_workers: int | None = None,
    limits: Limits | None = None,
    work: Callable[[Job, Tell], Outcome] | None = None,
) -> PagesReport:
    """Draw every PDF among `places` into `out`, and write the words of every page beside it, the
    index and the report.

    Documents already drawn from the same bytes under the same policy are left as they are, so a
    run that was cut short is finished by running it again; words that are missing are added to
    them. A document that cannot be drawn gets its line in the report and stops no other.

    Args:
        reading: where words come from; the text layer, unless given.
        work: draws one document (for tests).

    Raises:
        DataError: nothing to read, or another run is writing to `out`.
    """
    sources = find_files(places, ".pdf")

    def jobs_of(taken: Taken) -> list[Job]:
        return [
            Job(name, source.path.absolute(), out.absolute(), policy, os.getpid(), how)
            for source, name in named_apart(sources, taken)
        ]

    how = reading or Reading()
    draw = work or draw_document
    return fill_folder(out, jobs_of, draw, num_workers=num_workers, limits=limits or Limits())


def draw_document(job: Job, tell: Tell) -> Outcome:
    """Draw one document, or find that it is drawn already. Runs in a worker."""

    def draw() -> Outcome:
        sha256, policy = sha256_of(job.source), job.policy.fingerprint()
        if (there := kept(job, sha256, policy, job.policy.max_pages)) is not None:
            return kept_or_completed(job, there, lambda indices: _open(job, indices, tell))
        drawn = write_document(job, sha256, policy, _draw(job, tell))
        return Outcome(job.id, drawn.source, "rendered", len(drawn.pages))

    return outcome_of(job, draw)


def _draw(job: Job, tell: Tell) -> Iterator[Page]:
    with open_pdf(job.source, job.policy) as pdf:
        for index in range(pdf.num_pages):
            page = save_page(job, index + 1, pdf.render(index), job.policy.image_format)
            yield with_words(job, page, index, PdfPage(pdf, index))
            tell(index + 1, pdf.num_pages)


def _open(job: Job, indices: Sequence[int], tell: Tell) -> Iterator[tuple[int, ReadablePage]]:
    with open_pdf(job.source, job.policy) as pdf:
        for done, index in enumerate(indices, start=1):
            yield index, PdfPage(pdf, index)
            tell(done, len(indices))


@dataclass(frozen=True)
class PdfPage:
    """Page `index` of a PDF, as a `Reading` takes it."""

    pdf: PdfFile
    index: int

    def text_layer(self, width: int, height: int) -> list[Word]:
        try:
            return self.pdf.words(self.index, width, height)
        except TooMuchTextError:
            # No page says so much: it is an attack or a broken font, and as good as no text.
            return []

    def for_engine(self) -> "Image":
        # Small print that the model's grid blurs is still legible to an engine at 300 dpi.
        image = self.pdf.render_for_reading(self.index)
        image.info["dpi"] = (READING_DPI, READING_DPI)
        return image
