"""PDFs to pages: every document drawn once, whatever happens to the others."""

import hashlib
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sightwright import canonical, logs
from sightwright.ingest import pages
from sightwright.ingest.pages import Page, RenderedDocument
from sightwright.ingest.render import DocumentError, RenderPolicy, Status, open_pdf
from sightwright.ingest.sources import Source, Taken, find_files, named_apart, printable
from sightwright.ingest.workers import Done, Limits, Lost, Progress, Tell, run_jobs


@dataclass(frozen=True)
class Job:
    """One document to draw: from `source` into `folder/<id>`, by way of `partial`."""

    id: str
    source: Path
    folder: Path
    policy: RenderPolicy
    run: int

    @property
    def partial(self) -> Path:
        # With the run in its name: a worker that outlives a killed run stays out of the next one.
        return self.folder / f".{self.id}.{self.run}.partial"


@dataclass(frozen=True)
class Outcome:
    """What became of one PDF; `why` says more when it went wrong."""

    id: str
    source: str
    status: Literal["rendered", "kept"] | Status
    num_pages: int = 0
    why: str = ""

    @property
    def failed(self) -> bool:
        return self.status not in ("rendered", "kept")

    def to_json(self) -> dict[str, Any]:
        """The line of the report. It says nothing of this run, so that a run without news leaves
        the report as it is."""
        status = self.status if self.failed else "ok"
        line = {"id": self.id, "source": self.source, "status": status, "pages": self.num_pages}
        return {**line, "why": self.why} if self.why else line


@dataclass(frozen=True)
class PdfReport:
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


def ingest_pdfs(
    places: Sequence[Path],
    out: Path,
    policy: RenderPolicy,
    *,
    num_workers: int | None = None,
    limits: Limits | None = None,
    work: Callable[[Job, Tell], Outcome] | None = None,
) -> PdfReport:
    """Draw every PDF among `places` into `out`, and write the index and the report there.

    Documents already drawn from the same bytes under the same policy are left as they are, so a
    run that was cut short is finished by running it again. One that cannot be drawn gets its
    line in the report and stops no other.

    Args:
        work: draws one document (for tests).

    Raises:
        DataError: nothing to read, or another run is writing to `out`.
    """
    sources = find_files(places, ".pdf")
    with pages.being_written(out):
        for left_over in out.glob(".*.partial"):
            _discard_left_over(left_over)
        jobs = _jobs(sources, out, policy)
        outcomes = _draw_all(jobs, num_workers, limits or Limits(), work or draw_document)
        report = PdfReport(tuple(outcomes[job.id] for job in jobs))
        lines = [canonical.dumps(outcome.to_json()) + "\n" for outcome in report.outcomes]
        pages.write_if_changed(out / pages.REPORT, "".join(lines).encode())
        pages.write_index(out)
    return report


def _jobs(sources: Sequence[Source], out: Path, policy: RenderPolicy) -> list[Job]:
    # What stands in the folder and is not ours is left alone, so its names are taken.
    taken = Taken(reserved=(pages.INDEX, pages.REPORT, *pages.foreign_names(out)))
    for document in pages.read_documents(out):
        taken.owned(document.id, out / document.source)
    return [
        Job(name, source.path.absolute(), out.absolute(), policy, os.getpid())
        for source, name in named_apart(sources, taken)
    ]


def _draw_all(
    jobs: Sequence[Job],
    num_workers: int | None,
    limits: Limits,
    work: Callable[[Job, Tell], Outcome],
) -> dict[str, Outcome]:
    wanted = num_workers or len(os.sched_getaffinity(0))
    outcomes: dict[str, Outcome] = {}
    with logs.progress_bar("documents", len(jobs)) as bar:
        for event in run_jobs(work, jobs, num_workers=min(wanted, len(jobs)), limits=limits):
            match event:
                case Progress(job, done, total):
                    bar.advance(0, f"{job.id}: page {done} of {total}")
                case Done(job, outcome):
                    outcomes[job.id] = outcome
                    bar.advance(1)
                case Lost(job, status, why):
                    _discard(job.partial)
                    outcomes[job.id] = Outcome(job.id, _source(job), status, why=why)
                    bar.advance(1)
    return outcomes


def draw_document(job: Job, tell: Tell) -> Outcome:
    """Draw one document, or find that it is drawn already. Runs in a worker."""
    try:
        sha256 = _sha256(job.source)
        there = pages.read_document(job.folder, job.id)
        if there is not None and _is_current(there, sha256, job):
            return Outcome(job.id, there.source, "kept", len(there.pages))
        drawn = _draw(job, sha256, tell)
        return Outcome(job.id, drawn.source, "rendered", len(drawn.pages))
    except DocumentError as error:
        return Outcome(job.id, _source(job), error.status, why=error.message)
    except MemoryError:
        return Outcome(job.id, _source(job), "out-of-memory", why="it needs too much memory")
    except BrokenPipeError:
        raise
    except OSError as error:
        return Outcome(job.id, _source(job), "not-written", why=f"the pages: {error.strerror}")
    finally:
        _discard(job.partial)


def _draw(job: Job, sha256: str, tell: Tell) -> RenderedDocument:
    """Draw into a folder beside the final one, which it then becomes: all of it or nothing."""
    final, partial = job.folder / job.id, job.partial
    if (final / pages.DOCUMENT).exists():
        # Out of the way in one move: a folder under its final name is always whole.
        final.rename(partial)
        _discard(partial)
    partial.mkdir()
    drawn: list[Page] = []
    with open_pdf(job.source, job.policy) as pdf:
        for index in range(pdf.num_pages):
            image = pdf.render(index)
            name = f"page-{index + 1:04d}.{_suffix(job.policy)}"
            _save(image, partial / name, job.policy)
            drawn.append(Page(f"{job.id}/{name}", image.width, image.height))
            tell(index + 1, pdf.num_pages)
    document = RenderedDocument(
        job.id, _source(job), sha256, tuple(drawn), job.policy.fingerprint()
    )
    canonical.write_json(partial / pages.DOCUMENT, document.to_json())
    partial.rename(final)
    return document


def _is_current(there: RenderedDocument, sha256: str, job: Job) -> bool:
    return (
        there.sha256 == sha256
        and there.policy == job.policy.fingerprint()
        and len(there.pages) <= job.policy.max_pages
        and pages.is_complete(job.folder, there)
    )


def _save(image: Any, path: Path, policy: RenderPolicy) -> None:
    # Flushed to the disk: the document's own file, written after its pages, vouches for them.
    with path.open("xb") as file:
        match policy.image_format:
            case "png":
                image.save(file, format="PNG", compress_level=1)
            case "jpeg":
                # Full colour resolution: red stamps on black print must stay legible.
                image.save(file, format="JPEG", quality=95, subsampling=0)
        file.flush()
        os.fsync(file.fileno())


def _suffix(policy: RenderPolicy) -> str:
    return "jpg" if policy.image_format == "jpeg" else "png"


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


def _sha256(path: Path) -> str:
    try:
        if not path.is_file():
            raise DocumentError("unreadable", "not a file")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DocumentError("unreadable", f"cannot be read: {error.strerror}") from None


def _source(job: Job) -> str:
    return printable(os.path.relpath(job.source.resolve(), job.folder.resolve()))
