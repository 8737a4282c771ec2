"""What a worker does: examine the lines of a chunk, or draw the picture of a finding."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sightwright import html, images
from sightwright.doctor.checks.contract import check_contract
from sightwright.doctor.checks.geometry import check_geometry
from sightwright.doctor.checks.lengths import check_lengths
from sightwright.doctor.checks.overlaps import check_overlaps
from sightwright.doctor.checks.page_values import check_page_values
from sightwright.doctor.checks.pictures import check_images
from sightwright.doctor.checks.resolution import check_resolution
from sightwright.doctor.chunks import Chunk
from sightwright.doctor.exam import MOST_OF_ONE, Exam, Setup, Tools
from sightwright.doctor.facts import RecordFacts, facts_of
from sightwright.doctor.finding import Finding, Severity, Shown
from sightwright.errors import ImageError
from sightwright.geometry import Geometry, transform
from sightwright.ingest.workers import Tell
from sightwright.inspection_records import DenseObject

RECORD_CHECKS: tuple[Callable[[Exam], Iterator[Finding]], ...] = (
    check_contract, check_images, check_geometry, check_overlaps, check_resolution,
    check_page_values, check_lengths,
)  # fmt: skip

Counts = Counter[tuple[str, Severity]]

_PICTURE_SIDE = 560


@dataclass(frozen=True)
class ChunkJob:
    chunk: Chunk
    setup: Setup


@dataclass(frozen=True)
class Examined:
    """What came of one record.

    Attributes:
        findings: the first of each check; `counts` counts them all.
    """

    facts: RecordFacts
    findings: tuple[Finding, ...]
    counts: Counts


def examine(job: ChunkJob, tell: Tell) -> list[Examined]:
    """Examine each line of a chunk."""
    tools = tools_of(job.setup)
    done: list[Examined] = []
    for offset, line in job.chunk.lines():
        done.append(_examined(Exam(line, tools), job.chunk.file, offset))
        tell(len(done), job.chunk.count)
    return done


def _examined(exam: Exam, file: int, offset: int) -> Examined:
    kept: list[Finding] = []
    counts: Counts = Counter()
    for check in RECORD_CHECKS:
        for number, finding in enumerate(check(exam)):
            counts[finding.check, finding.severity] += 1
            if number < MOST_OF_ONE:
                kept.append(finding)
    return Examined(facts_of(exam, file, offset), tuple(kept), counts)


@lru_cache(maxsize=1)
def tools_of(setup: Setup) -> Tools:
    """Tokenizer, schema and OCR engine that a setup asks for, once in a process.

    Raises:
        SightwrightError: a YAML, a model or a schema that cannot be used.
    """
    from sightwright.ingest.ocr import TesseractReader

    trained = None
    if setup.config is not None:
        from sightwright.doctor.trained import as_trained

        trained = as_trained(Path(setup.config))
    return Tools(setup, trained, None if setup.ocr is None else TesseractReader(setup.ocr))


def draw(shown: Shown, tell: Tell) -> str:
    """A picture of a finding as a data URL; empty where its image cannot be opened."""
    from sightwright.draw.overlay import draw_objects

    try:
        image = images.open_image(shown.reference, Path(shown.root))
    except ImageError:
        return ""
    width, height = shown.size or image.size
    marks = [
        DenseObject("", _scaled(mark, image.width / width, image.height / height))
        for mark in shown.marks
    ]
    drawn = draw_objects(image, marks, labels=False, max_side=_PICTURE_SIDE)
    return html.picture(drawn, _PICTURE_SIDE)


def _scaled(mark: Geometry, x: float, y: float) -> Geometry:
    return mark if x == y == 1 else transform(mark, ((x, 0, 0), (0, y, 0), (0, 0, 1)))
