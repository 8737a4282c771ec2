"""One image with its annotations becomes records: the work of one process on one job."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sightwright.errors import DataError, ImageError
from sightwright.geometry import Matrix, reading_order
from sightwright.ingest.annotations.descriptions import (
    Described,
    WordRules,
    describe,
    with_groups,
)
from sightwright.ingest.annotations.found import Annotated, BadSample, Marked, Refusal
from sightwright.ingest.annotations.frames import Frame, choose, scaled_to
from sightwright.ingest.annotations.pictures import (
    Opened,
    SizeRules,
    open_picture,
    write,
    written_name,
)
from sightwright.ingest.annotations.shapes import Shaped, ShapeRules, shape
from sightwright.ingest.workers import Tell
from sightwright.inspection_records import (
    DenseObject,
    InspectionRecord,
    read_inspection_record,
    write_inspection_record,
)
from sightwright.tasks.domains import DOMAINS, GROUP, DomainName
from sightwright.tasks.summaries import build_summary, summary_text

Mode = Literal["strict", "lenient", "warn"]
IMAGES = "images"

# A polygon that crosses itself is mended outside strict mode, and an object without words is
# never kept.
_MENDED = ("self-crossing",)
_HOPELESS = ("untidy",)


@dataclass(frozen=True)
class Rules:
    """How samples are converted.

    Attributes:
        mode: what an invalid object costs: the run, itself, or (`warn`) a line in the report.
        domain: of the equipment photographs, whose descriptions and summaries are built.
        frame: which pixels the coordinates of a turned photograph belong to.
    """

    mode: Mode = "strict"
    domain: DomainName | None = None
    frame: Frame = "auto"
    sizes: SizeRules = field(default_factory=SizeRules)
    shapes: ShapeRules = field(default_factory=ShapeRules)
    words: WordRules = field(default_factory=WordRules)


@dataclass(frozen=True)
class Job:
    """One image with its annotations.

    Attributes:
        name: of the image in this run; no other image has it.
        turn: how many samples named this image before, and this one: 1, 2, …
        shown: the image's path as messages and metadata have it.
    """

    index: int
    name: str
    turn: int
    image: Path
    shown: str
    sample: Annotated
    out: Path
    rules: Rules


@dataclass
class Converted:
    """What came of a job.

    Attributes:
        sha256: of the image's bytes: the same photograph under two names goes to one side.
        record: a JSON value, ready to be written; None where nothing is left of the sample.
        objects, samples: what was not taken over as it is, as lines of the reports.
        changes: what was done to objects, counted.
        frames: how coordinates were read: same, upright, stored, and guesses among them.
        vocabulary: (category, attribute, value) → how often; attribute and value may be "".
        image: how it was written; "" where there is no record.
        num_objects: of the source.
        num_lost: objects that are gone with their sample, and have no line of their own.
    """

    index: int
    sha256: str = ""
    record: dict[str, Any] | None = None
    objects: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    samples: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    changes: Counter[str] = field(default_factory=Counter[str])
    geometries: Counter[str] = field(default_factory=Counter[str])
    frames: Counter[str] = field(default_factory=Counter[str])
    vocabulary: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    image: str = ""
    num_objects: int = 0
    num_lost: int = 0


def convert_image(job: Job, tell: Tell) -> Converted:
    """Convert one sample, and write its image. Runs in a worker."""
    made = Converted(job.index)
    made.num_objects = len(job.sample.objects) + len(job.sample.refusals)
    try:
        opened = open_picture(job.image)
        target = job.rules.sizes.target(opened.picture.upright_size)
    except ImageError as error:
        report_sample(made, BadSample(job.sample.place, "image", error.message, job.shown))
        made.num_lost = made.num_objects
        return made
    tell(1, 2)
    made.sha256 = opened.sha256
    name = f"{IMAGES}/{written_name(job.name, opened, target)}"
    _Sample(job, opened, target, made).convert(name)
    if made.record is not None:
        made.image = write(opened, target, job.out / name)
    return made


def report_sample(made: Converted, bad: BadSample) -> None:
    made.samples.append(
        {
            "source": bad.place, "image": bad.image, "reason": bad.reason, "detail": bad.detail,
            "outcome": _outcome(bad),
        }
    )  # fmt: skip


def report_object(made: Converted, sample: Annotated, image: str, refusal: Refusal) -> None:
    made.objects.append(
        {
            "source": sample.place, "image": image, "object": refusal.place,
            "label": refusal.label, "reason": refusal.reason, "detail": refusal.detail,
            "outcome": _outcome(refusal),
        }
    )  # fmt: skip


def _outcome(each: BadSample | Refusal) -> str:
    return "kept" if each.kept else "by-rule" if each.rule else "left-out"


@dataclass(frozen=True)
class _Ready:
    """An object that is taken over, and what it is called in messages."""

    item: Marked
    object: DenseObject
    described: Described


class _Sample:
    def __init__(self, job: Job, opened: Opened, target: tuple[int, int], made: Converted) -> None:
        self._job, self._rules, self._sample = job, job.rules, job.sample
        self._opened, self._target, self._made = opened, target, made
        self._has_invalid = False

    def convert(self, image: str) -> None:
        sample = self._sample
        for refusal in sample.refusals:
            self._refuse(refusal)
        matrix = self._matrix()
        if matrix is None:
            return
        ready = [one for item in sample.objects if (one := self._object(item, matrix))]
        ready = self._with_whole_groups(ready)
        if not ready:
            detail = "none of its objects is left" if self._has_invalid else "it has no objects"
            self._bad("no-objects", detail, rule=not self._has_invalid)
            return
        order = reading_order([one.object.geometry for one in ready])
        self._write([ready[index] for index in order], image)

    def _matrix(self) -> Matrix | None:
        picture, sample = self._opened.picture, self._sample
        chosen = choose(sample.size, picture, self._rules.frame, normalised=sample.normalised)
        if chosen.fault:
            kept = self._rules.mode == "warn"
            self._bad("stated-size", chosen.fault, kept=kept)
            if not kept:
                self._made.num_lost = len(sample.objects)
                return None
        self._made.frames[chosen.frame] += 1
        self._made.frames["guessed"] += chosen.is_guess
        return scaled_to(chosen.matrix, picture.upright_size, self._target)

    def _object(self, item: Marked, matrix: Matrix) -> _Ready | None:
        rules = self._rules
        shaped = shape(item.parts, matrix, self._target, rules.shapes)
        if shaped.geometry is None and item.box is not None and rules.mode == "warn":
            shaped = self._by_its_box(item, matrix, shaped)
        domain = None if rules.domain is None else DOMAINS[rules.domain]
        described = describe(item.label, item.attributes, domain, rules.words)
        faults = shaped.faults + described.faults
        kept = shaped.geometry is not None and all(self._is_bearable(name) for name, _ in faults)
        for reason, detail in faults:
            self._refuse(Refusal(item.place, reason, detail, item.label, kept=kept))
        if not kept or shaped.geometry is None:
            return None
        self._made.changes.update(dict.fromkeys(shaped.changes + described.changes, 1))
        return _Ready(item, DenseObject(described.desc, shaped.geometry), described)

    def _by_its_box(self, item: Marked, matrix: Matrix, failed: Shaped) -> Shaped:
        assert item.box is not None
        again = shape((item.box,), matrix, self._target, self._rules.shapes)
        again.faults = failed.faults + again.faults
        again.changes.append("polygon-to-box")
        return again

    def _is_bearable(self, reason: str) -> bool:
        match self._rules.mode:
            case "strict":
                return False
            case "lenient":
                return reason in _MENDED
            case "warn":
                return reason not in _HOPELESS

    def _with_whole_groups(self, ready: list[_Ready]) -> list[_Ready]:
        """A group of one is none: its member is invalid, or (`warn`) is not in it."""
        if self._rules.domain is None:
            return ready
        # An object that goes may leave another alone.
        while lonely := _groups_of_one(ready):
            ready = [left for one in ready if (left := self._in_company(one, lonely))]
        return ready

    def _in_company(self, one: _Ready, lonely: Container[str]) -> _Ready | None:
        groups = one.described.attributes.get(GROUP, [])
        alone = [group for group in groups if group in lonely]
        if not alone:
            return one
        kept = self._rules.mode == "warn"
        detail = f"{GROUP}={'|'.join(alone)} has one member, and needs two"
        self._refuse(Refusal(one.item.place, "group", detail, one.item.label, kept=kept))
        others = [group for group in groups if group not in lonely]
        return _regrouped(one, others) if kept else None

    def _write(self, ready: Sequence[_Ready], image: str) -> None:
        job = self._job
        record_id = job.name if job.turn == 1 else f"{job.name}#{job.turn}"
        objects = tuple(one.object for one in ready)
        width, height = self._target
        meta = {"source": self._sample.place, "image": job.shown}
        record = InspectionRecord(
            record_id, image, width, height, objects, self._summary(objects), meta
        )
        value = write_inspection_record(record)
        try:
            read_inspection_record(value)
        except DataError as error:
            self._bad("contract", error.message)
            self._made.num_lost = len(ready)
            return
        self._made.record = value
        for one in ready:
            self._count(one)

    def _summary(self, objects: Sequence[DenseObject]) -> str | None:
        if self._rules.domain is None:
            return None
        try:
            return summary_text(build_summary(self._rules.domain, objects))
        except DataError as error:
            # Objects kept in spite of their faults are not counted as if nothing were.
            self._bad("no-summary", error.message, kept=True)
            return None

    def _count(self, one: _Ready) -> None:
        self._made.geometries[one.object.geometry.kind] += 1
        category = one.described.category
        self._made.vocabulary[category, "", ""] += 1
        for key, values in one.described.attributes.items():
            self._made.vocabulary.update((category, key, value) for value in values)

    def _refuse(self, refusal: Refusal) -> None:
        self._has_invalid |= not refusal.rule
        report_object(self._made, self._sample, self._job.shown, refusal)

    def _bad(self, reason: str, detail: str, *, rule: bool = False, kept: bool = False) -> None:
        bad = BadSample(self._sample.place, reason, detail, self._job.shown, rule, kept)
        report_sample(self._made, bad)


def _groups_of_one(ready: Sequence[_Ready]) -> set[str]:
    members = Counter(group for one in ready for group in one.described.attributes.get(GROUP, ()))
    return {group for group, number in members.items() if number < 2}


def _regrouped(one: _Ready, groups: list[str]) -> _Ready:
    attributes = {k: v for k, v in one.described.attributes.items() if k != GROUP}
    attributes |= {GROUP: groups} if groups else {}
    described = replace(
        one.described, desc=with_groups(one.described.desc, groups), attributes=attributes
    )
    return _Ready(one.item, DenseObject(described.desc, one.object.geometry), described)
