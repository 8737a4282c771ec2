"""A run that fills a folder of pages: a document a job, in workers, each made whole or not at all.

What the documents are made from (PDFs, images) is the business of whoever gives the jobs.
"""

import hashlib
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sightwright import canonical, logs
from sightwright.ingest import pages
from sightwright.ingest.pages import Page, RenderedDocument
from sightwright.ingest.render import DocumentError, ImageFormat, Status
from sightwright.ingest.sources import Taken, printable
from sightwright.ingest.workers import Done, Limits, Lost, Progress, Tell, run_jobs

if TYPE_CHECKING:
    from PIL.Image import Image


class PageJob:
    """One document to make: from `source` into `folder/<id>`, by way of `partial`."""

    id: str
    source: Path
    folder: Path
    run: int

    @property
    def partial(self) -> Path:
        # With the run in its name: a worker that outlives a killed run stays out of the next one.
        return self.folder / f".{self.id}.{self.run}.partial"

    @property
    def seen_source(self) -> str:
        """The source as seen from the folder of pages, as index and report have it."""
        return printable(os.path.relpath(self.source.resolve(), self.folder.resolve()))


J = TypeVar("J", bound=PageJob)


@dataclass(frozen=True)
class Outcome:
    """What became of one document; `why` says more when it went wrong."""

    id: str
    source: str
    status: Literal["rendered", "completed", "kept"] | Status
    num_pages: int = 0
    why: str = ""

    @property
    def failed(self) -> bool:
        return self.status not in ("rendered", "completed", "kept")

    def to_json(self) -> dict[str, Any]:
        """The line of the report. It says nothing of this run, so that a run without news leaves
        the report as it is."""
        status = self.status if self.failed else "ok"
        line = {"id": self.id, "source": self.source, "status": status, "pages": self.num_pages}
        return {**line, "why": self.why} if self.why else line


@dataclass(frozen=True)
class PagesReport:
    outcomes: tuple[Outcome, ...]

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.failed]

    @property
    def counts(self) -> dict[str, int]:
        """How many documents ended in each status."""
        return dict(Counter(outcome.status for outcome in self.outcomes))

    @property
    def num_pages(self) -> int:
        return sum(outcome.num_pages for outcome in self.outcomes)


def fill_folder(
    out: Path,
    jobs_of: Callable[[Taken], Sequence[J]],
    work: Callable[[J, Tell], Outcome],
    *,
    num_workers: int | None,
    limits: Limits,
) -> PagesReport:
    """Do every job, and write the report and the index.

    Args:
        jobs_of: makes the jobs, given the ids that are taken.
        work: does one job in a worker; a module-level function.

    Raises:
        DataError: another run is writing to `out`.
    """
    with pages.being_written(out):
        for left_over in out.glob(".*.partial"):
            _discard_left_over(left_over)
        jobs = jobs_of(_taken(out))
        outcomes = _do_all(jobs, work, num_workers or len(os.sched_getaffinity(0)), limits)
        report = PagesReport(tuple(outcomes[job.id] for job in jobs))
        lines = [canonical.dumps(outcome.to_json()) + "\n" for outcome in report.outcomes]
        pages.write_if_changed(out / pages.REPORT, "".join(lines).encode())
        pages.write_index(out)
    return report


def _taken(out: Path) -> Taken:
    # What stands in the folder and is not ours is left alone, so its names are taken.
    taken = Taken(reserved=(pages.INDEX, pages.REPORT, *pages.foreign_names(out)))
    for document in pages.read_documents(out):
        taken.owned(document.id, out / document.source)
    return taken


def _do_all(
    jobs: Sequence[J], work: Callable[[J, Tell], Outcome], num_workers: int, limits: Limits
) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    with logs.progress_bar("documents", len(jobs)) as bar:
        for event in run_jobs(work, jobs, num_workers=min(num_workers, len(jobs)), limits=limits):
            match event:
                case Progress(job, done, total):
                    bar.advance(0, f"{job.id}: {done} of {total}")
                case Done(job, outcome):
                    outcomes[job.id] = outcome
                    bar.advance(1)
                case Lost(job, status, why):
                    _discard(job.partial)
                    outcomes[job.id] = Outcome(job.id, job.seen_source, status, why=why)
                    bar.advance(1)
    return outcomes


def outcome_of(job: PageJob, make: Callable[[], Outcome]) -> Outcome:
    """What comes of making a document: a document's fault or the disk's is an outcome too."""
    try:
        return make()
    except DocumentError as error:
        return Outcome(job.id, job.seen_source, error.status, why=error.message)
    except BrokenPipeError:
        raise
    except OSError as error:
        return Outcome(job.id, job.seen_source, "not-written", why=f"the pages: {error.strerror}")
    finally:
        _discard(job.partial)


def write_document(
    job: PageJob, sha256: str, policy: dict[str, Any], made: Iterable[Page]
) -> RenderedDocument:
    """Let `made` write pages into `job.partial`, which then becomes the document: whole or not."""
    final, partial = job.folder / job.id, job.partial
    if (final / pages.DOCUMENT).exists():
        # Out of the way in one move: a folder under its final name is always whole.
        final.rename(partial)
        _discard(partial)
    partial.mkdir()
    document = RenderedDocument(job.id, job.seen_source, sha256, tuple(made), policy)
    canonical.write_json(partial / pages.DOCUMENT, document.to_json())
    partial.rename(final)
    return document


def save_page(job: PageJob, number: int, image: "Image", image_format: ImageFormat) -> Page:
    """Write page `number` (from 1) into `job.partial`."""
    name = f"page-{number:04d}.{'jpg' if image_format == 'jpeg' else 'png'}"
    # Flushed to the disk: the document's own file, written after its pages, vouches for them.
    with (job.partial / name).open("xb") as file:
        match image_format:
            case "png":
                image.save(file, format="PNG", compress_level=1)
            case "jpeg":
                # Full colour resolution: red stamps on black print must stay legible.
                image.save(file, format="JPEG", quality=95, subsampling=0)
        file.flush()
        os.fsync(file.fileno())
    return Page(f"{job.id}/{name}", image.width, image.height)


def kept(
    job: PageJob, sha256: str, policy: dict[str, Any], max_pages: int
) -> RenderedDocument | None:
    """The document that stands there, if it was made of the same bytes in the same way."""
    there = pages.read_document(job.folder, job.id)
    if there is None or (there.sha256, there.policy) != (sha256, policy):
        return None
    whole = len(there.pages) <= max_pages and pages.is_complete(job.folder, there)
    return there if whole else None


def sha256_of(path: Path) -> str:
    """Raises: DocumentError: it is no file, or cannot be read."""
    try:
        if not path.is_file():
            raise DocumentError("unreadable", "not a file")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DocumentError("unreadable", f"cannot be read: {error.strerror}") from None


def _discard_left_over(folder: Path) -> None:
    """Remove what a killed run left, though a worker of it may not have noticed its end yet."""
    # Under another name it is out of that worker's reach; it may also have just become whole.
    aside = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.partial")
    with suppress(FileNotFoundError):
        folder.rename(aside)
        shutil.rmtree(aside)


def _discard(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)
