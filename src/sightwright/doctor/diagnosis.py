"""Examine a data set: every record once in worker processes, then all of them together."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sightwright import logs
from sightwright.doctor.checks.classes import check_classes
from sightwright.doctor.checks.conflicts import check_conflicts
from sightwright.doctor.checks.copies import check_copies
from sightwright.doctor.checks.group_lengths import check_group_lengths
from sightwright.doctor.checks.ids import check_ids
from sightwright.doctor.checks.leakage import check_leakage
from sightwright.doctor.checks.spellings import check_spellings
from sightwright.doctor.checks.twin_keys import check_twin_keys
from sightwright.doctor.chunks import Chunk, chunks_of
from sightwright.doctor.corpus import Corpus, Split
from sightwright.doctor.exam import Setup
from sightwright.doctor.facts import RecordFacts
from sightwright.doctor.finding import Finding, Severity
from sightwright.doctor.work import ChunkJob, Counts, Examined, examine, tools_of
from sightwright.ingest.sources import printable
from sightwright.ingest.workers import Done, Limits, Lost, Progress, Tell, run_jobs

CORPUS_CHECKS: tuple[Callable[[Corpus], Iterator[Finding]], ...] = (
    check_ids, check_copies, check_leakage, check_conflicts, check_spellings, check_twin_keys,
    check_classes, check_group_lengths,
)  # fmt: skip
CHECKS: dict[str, str] = {
    "contract": "lines that training would refuse",
    "ids": "ids that stand twice",
    "images": "files that cannot be opened, sizes that are not the image's",
    "geometry": "objects off their image, shapes that cover nothing",
    "overlaps": "objects annotated twice",
    "copies": "images that are there twice, exactly or nearly",
    "leakage": "documents, vendors and templates in two splits",
    "conflicts": "one image, one question, two answers",
    "page_values": "labelled values that are not in the text of their pages",
    "resolution": "text and objects that the pixel budget makes too small",
    "lengths": "records that reach the length limit",
    "group_lengths": "groups of `legacy_pairing` that reach it",
    "spellings": "one name in two spellings",
    "twin_keys": "two keys that hold the same text",
    "classes": "rare, crowded-out and unseen classes, values and fields",
}
"""Every check and what it looks for, in the order of the report."""

DEFAULT_LIMITS = Limits(job_seconds=600.0, silence_seconds=120.0)
Work = Callable[[ChunkJob, Tell], list[Examined]]
J = TypeVar("J")
R = TypeVar("R")


@dataclass
class Diagnosis:
    """What was found.

    Attributes:
        counts: by check and severity: all of them.
        findings: by check, the first `most_listed`, errors before warnings.
    """

    corpus: Corpus
    most_listed: int
    counts: Counts = field(default_factory=Counter[tuple[str, Severity]])
    findings: dict[str, list[Finding]] = field(default_factory=dict[str, list[Finding]])

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            kept = self.findings.setdefault(finding.check, [])
            if len(kept) < self.most_listed:
                kept.append(finding)
                continue
            if finding.severity == "warning":
                continue
            # An error takes the place of the last warning.
            weakest = max(range(len(kept)), key=lambda i: (kept[i].severity == "warning", i))
            if kept[weakest].severity == "warning":
                kept.pop(weakest)
                kept.append(finding)

    def total(self, severity: Severity) -> int:
        return sum(count for (_, told), count in self.counts.items() if told == severity)


def diagnose(
    splits: Sequence[Split],
    setup: Setup,
    *,
    num_workers: int,
    most_listed: int = 20,
    limits: Limits = DEFAULT_LIMITS,
    work: Work = examine,
) -> Diagnosis:
    """Examine all records of all splits; the first split is what is trained on.

    Args:
        num_workers: processes; with 0 everything is done in this one, unprotected from images.
        most_listed: findings of a check that are kept; the others are counted.
        work: examines the records of a chunk (for tests).

    Raises:
        DataError: a file that cannot be read at all, or without records.
        SightwrightError: a YAML, a model or a schema in `setup` that cannot be used.
    """
    # Here first: what is wrong with the setup is not every record's fault.
    tools_of(setup)
    corpus = Corpus(splits, setup)
    found = Diagnosis(corpus, most_listed)
    with logs.progress_bar("examining records", total=None) as bar:
        jobs = (ChunkJob(chunk, setup) for chunk in chunks_of(corpus.files))
        for record in _examined(jobs, num_workers, limits, work):
            corpus.add(record.facts)
            found.counts.update(record.counts)
            found.add(record.findings)
            bar.advance()
    for check in CORPUS_CHECKS:
        for finding in check(corpus):
            found.counts[finding.check, finding.severity] += 1
            found.add([finding])
    for kept in found.findings.values():
        kept[:] = [corpus.completed(finding) for finding in kept]
        kept.sort(key=lambda finding: finding.severity != "error")
    return found


def _examined(
    jobs: Iterator[ChunkJob], num_workers: int, limits: Limits, work: Work
) -> Iterator[Examined]:
    """The records of every chunk in the order of the files, whatever finishes first."""
    if not num_workers:
        for job in jobs:
            yield from work(job, _tell_nobody)
        return
    for job, event in in_order(work, jobs, num_workers=num_workers, limits=limits):
        if isinstance(event, Done):
            yield from event.result
        elif job.chunk.count > 1:
            # One of them ended its worker: each by itself, and only that one is lost.
            singles = [replace(job, chunk=chunk) for chunk in job.chunk.singles()]
            yield from _examined(iter(singles), 1, limits, work)
        else:
            yield _lost(job.chunk, event)


def in_order(
    work: Callable[[J, Tell], R], jobs: Iterable[J], *, num_workers: int, limits: Limits
) -> Iterator[tuple[J, Done[J, R] | Lost[J]]]:
    """Do jobs in some workers; what came of them, in the order of the jobs."""
    waiting: dict[J, int] = {}
    ended: dict[int, tuple[J, Done[J, R] | Lost[J]]] = {}

    def numbered() -> Iterator[J]:
        for number, job in enumerate(jobs):
            waiting[job] = number
            yield job

    following = 0
    for event in run_jobs(work, numbered(), num_workers=num_workers, limits=limits):
        if isinstance(event, Progress):
            continue
        ended[waiting.pop(event.job)] = (event.job, event)
        while following in ended:
            yield ended.pop(following)
            following += 1


def _lost(chunk: Chunk, event: Lost[ChunkJob]) -> Examined:
    """A record that ended its worker."""
    finding = Finding(
        "images", "error", printable(chunk.path), chunk.line, "",
        f"the examination {event.status.replace('-', ' ')}: {event.why}",
        "look at its images with care: one of them is hostile, or needs more memory than is lent",
    )  # fmt: skip
    facts = RecordFacts(chunk.file, chunk.line, chunk.offset, "unread")
    return Examined(facts, (finding,), Counter({("images", "error"): 1}))


def _tell_nobody(done: int, total: int) -> None:
    pass
