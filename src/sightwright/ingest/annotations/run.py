"""A whole set of annotated images becomes a folder of records, in as many processes as are given.

    report = convert_annotations(Path("coco.json"), Path("photos"), Path("out"), Settings("coco"))

What comes out does not depend on the number of processes.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sightwright import logs
from sightwright.errors import DataError
from sightwright.ingest import pages
from sightwright.ingest.annotations import outputs
from sightwright.ingest.annotations.formats import READERS, AnnotationFormat, domain_of
from sightwright.ingest.annotations.found import Annotated, BadSample, ReadOptions
from sightwright.ingest.annotations.image_paths import find_image
from sightwright.ingest.annotations.outputs import Files, Totals
from sightwright.ingest.annotations.sample import (
    IMAGES,
    Converted,
    Job,
    Rules,
    convert_image,
    report_sample,
)
from sightwright.ingest.sources import Source, Taken, named_apart, printable
from sightwright.ingest.workers import Done, Limits, Lost, Progress, run_jobs


@dataclass(frozen=True)
class Settings:
    """What a conversion depends on.

    Attributes:
        val_ratio: share of the images that go to val.jsonl.
        limit: only so many samples, from the beginning.
        absolute_paths: records name their image by its whole path.
    """

    format: AnnotationFormat
    reading: ReadOptions = field(default_factory=ReadOptions)
    rules: Rules = field(default_factory=Rules)
    val_ratio: float = 0.2
    seed: int = 17
    limit: int | None = None
    absolute_paths: bool = False

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        value["reading"]["ignore_labels"] = sorted(self.reading.ignore_labels)
        return value


@dataclass(frozen=True)
class Report:
    """How a conversion ended.

    Attributes:
        failed: strict mode found something invalid, or nothing is left; no samples were written.
        unused_images: files of an earlier run in `images` that no record names.
    """

    totals: Totals
    failed: bool
    unused_images: tuple[str, ...] = ()


def convert_annotations(
    source: Path,
    images: Path,
    out: Path,
    settings: Settings,
    *,
    num_workers: int = 1,
    overwrite: bool = False,
    limits: Limits | None = None,
) -> Report:
    """Convert the annotations of `source`, whose images lie below `images`, into `out`.

    Args:
        num_workers: processes; 0 does the work in this one.

    Raises:
        DataError: nothing to read, a file that is refused, a folder `out` that holds something
            else, or the images themselves, or another run that is writing to it.
    """
    if not images.is_dir():
        raise DataError("no such folder of images", where=str(images))
    if not 0 <= settings.val_ratio <= 1:
        raise DataError(f"--val-ratio lies in 0..1, not {settings.val_ratio:g}")
    if images.resolve().is_relative_to((out / IMAGES).resolve()):
        raise DataError(
            "the images would be written over", where=str(images), remedy="choose another --out"
        )
    settings = replace(settings, rules=replace(settings.rules, domain=domain_of(settings.format)))
    fingerprint = _places(source, images, out) | settings.to_json()
    outputs.check_folder(out, fingerprint, overwrite=overwrite)
    # The first is read before anything is touched: most of what can be wrong shows in it.
    samples, total = _reading(source, settings)
    with pages.being_written(out):
        outputs.clear_folder(out, overwrite=overwrite)
        with Files(out, absolute=settings.absolute_paths) as files:
            queue = _Queue(samples, images.resolve(), out, settings.rules)
            crew = _done(queue, total, num_workers, limits or Limits(job_seconds=600.0))
            for made in _in_order(queue, crew):
                files.add(made)
            files.totals.samples_read = queue.num_read
        return _finish(out, files, settings, fingerprint)


def _places(source: Path, images: Path, out: Path) -> dict[str, Any]:
    """Where the data come from, as seen from the folder that is written."""
    here = out.resolve()
    return {
        name: printable(os.path.relpath(path.resolve(), here))
        for name, path in (("source", source), ("images", images))
    }


def _reading(
    source: Path, settings: Settings
) -> tuple[Iterator[Annotated | BadSample], int | None]:
    """The samples, the first of them read already; and how many there will be, if that is known."""
    expected: list[int] = []
    found = READERS[settings.format](source, settings.reading, expected.append)
    found = islice(found, settings.limit)
    samples = chain(list(islice(found, 1)), found)
    if not expected:
        return samples, settings.limit
    return samples, min(expected[0], settings.limit or expected[0])


class _Queue:
    """Makes jobs of samples while they are read: a set may be larger than the memory."""

    def __init__(
        self, samples: Iterator[Annotated | BadSample], root: Path, out: Path, rules: Rules
    ) -> None:
        self._samples, self._root, self._out, self._rules = samples, root, out, rules
        self._taken = Taken(())
        # The name of each image, and how many samples had it.
        self._names: dict[Path, tuple[str, int]] = {}
        self.num_read = 0
        # Samples that are no job: nothing is to be done for them.
        self.lost: list[Converted] = []

    def jobs(self) -> Iterator[Job]:
        for sample in self._samples:
            index, self.num_read = self.num_read, self.num_read + 1
            found = sample if isinstance(sample, BadSample) else find_image(sample, self._root)
            if isinstance(found, BadSample) or isinstance(sample, BadSample):
                assert isinstance(found, BadSample)
                self.lost.append(_lost(index, sample, found))
                continue
            yield self._job(index, sample, found)

    def _job(self, index: int, sample: Annotated, image: Path) -> Job:
        shown = printable(image.relative_to(self._root).as_posix())
        if image not in self._names:
            ((_, name),) = named_apart([Source(image, shown)], self._taken)
            self._names[image] = name, 0
        name, before = self._names[image]
        self._names[image] = name, before + 1
        return Job(index, name, before + 1, image, shown, sample, self._out, self._rules)


def _lost(index: int, sample: Annotated | BadSample, why: BadSample) -> Converted:
    made = Converted(index)
    if isinstance(sample, Annotated):
        made.num_objects = made.num_lost = len(sample.objects) + len(sample.refusals)
    report_sample(made, why)
    return made


def _in_order(queue: _Queue, done: Iterable[Converted]) -> Iterator[Converted]:
    """What comes of the samples, in the order of the source."""
    waiting: dict[int, Converted] = {}
    due = 0
    for made in chain(done, (None,)):
        ready, queue.lost = queue.lost, []
        for each in [*ready, *([made] if made is not None else [])]:
            waiting[each.index] = each
        while due in waiting:
            yield waiting.pop(due)
            due += 1


def _done(
    queue: _Queue, total: int | None, num_workers: int, limits: Limits
) -> Iterator[Converted]:
    with logs.progress_bar("images", total) as bar:
        if num_workers == 0:
            for job in queue.jobs():
                yield convert_image(job, lambda done, total: None)
                bar.advance()
            return
        for event in run_jobs(convert_image, queue.jobs(), num_workers=num_workers, limits=limits):
            match event:
                case Progress():
                    continue
                case Done(_, made):
                    yield made
                case Lost(job, status, why):
                    bad = BadSample(job.sample.place, status, why, job.shown)
                    yield _lost(job.index, job.sample, bad)
            bar.advance()


def _finish(out: Path, files: Files, settings: Settings, fingerprint: dict[str, Any]) -> Report:
    totals = files.totals
    failed = totals.samples_written == 0 or (
        settings.rules.mode == "strict" and totals.num_invalid > 0
    )
    if failed:
        outputs.clear_folder(out, overwrite=False)
        totals.write_nothing()
        unused: list[str] = []
    else:
        totals.sides = outputs.write_split(
            out, files.image_of_record, settings.val_ratio, settings.seed
        )
        unused = outputs.unused_images(out)
    outputs.write_reports(out, totals, fingerprint, failed=failed)
    return Report(totals, failed, tuple(unused))


def reasons(counts: dict[str, Counter[str]]) -> list[tuple[str, str, int]]:
    """(outcome, reason, count) of a report, the most frequent first."""
    found = [(outcome, reason, n) for outcome, each in counts.items() for reason, n in each.items()]
    return sorted(found, key=lambda entry: (-entry[2], entry[0], entry[1]))
