"""All records of a data set as columns of numbers: what checks across records look at.

A record takes some tens of bytes and an image about 490; no text and no picture is kept. What a
finding says of a record is read again from its line (`recall`), for the few that are listed.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sightwright.doctor.chunks import Chunk
from sightwright.doctor.exam import Exam, Setup, Tools
from sightwright.doctor.facts import Kind, RecordFacts, hash_of
from sightwright.doctor.finding import Finding, Severity, Shown, Subject
from sightwright.doctor.fingerprint import (
    COPY_BITS,
    COPY_COSINE,
    COPY_TINT,
    NUM_BITS_BYTES,
    NUM_LAYOUT_BYTES,
    NUM_STRENGTHS,
    NUM_TINT_BYTES,
    Fingerprint,
)
from sightwright.doctor.looking import DIGEST_BYTES, Looked
from sightwright.doctor.matching import Pairs, equal_pairs, groups, near_pairs
from sightwright.ingest.sources import printable

# Distinct classes, attribute values and fields that are counted; data with more has free texts.
MOST_NAMES = 50_000
_PART_BITS = 32
_PAIRS_A_STEP = 100_000
_NOTHING = Fingerprint(
    bytes(NUM_BITS_BYTES), bytes(NUM_STRENGTHS), bytes(NUM_TINT_BYTES), bytes(NUM_LAYOUT_BYTES)
)

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Split:
    """Records that are used together: the files of one side."""

    name: str
    files: tuple[Path, ...]


@dataclass
class Images:
    """A row for each image of each record, in the order of the records."""

    record: array[int] = field(default_factory=lambda: array("q"))
    place: array[int] = field(default_factory=lambda: array("q"))
    reference: array[int] = field(default_factory=lambda: array("Q"))
    printed: array[int] = field(default_factory=lambda: array("Q"))
    has_look: array[int] = field(default_factory=lambda: array("b"))
    digest: bytearray = field(default_factory=bytearray)
    bits: bytearray = field(default_factory=bytearray)
    strengths: bytearray = field(default_factory=bytearray)
    tint: bytearray = field(default_factory=bytearray)
    layout: bytearray = field(default_factory=bytearray)

    def add(self, record: int, place: int, image: Looked, reference: int, printed: int) -> None:
        look = image.look or _NOTHING
        self.record.append(record)
        self.place.append(place)
        self.reference.append(reference)
        self.printed.append(printed)
        self.has_look.append(image.look is not None)
        # An image that could not be read is the copy of none.
        self.digest += image.digest or len(self.record).to_bytes(DIGEST_BYTES, "big")
        self.bits += look.bits
        self.strengths += look.strengths
        self.tint += look.tint
        self.layout += look.layout

    def __len__(self) -> int:
        return len(self.record)


@dataclass
class Corpus:
    """The data set.

    Attributes:
        splits: their names in the order given; `split` tells each record's.
        file, line, offset, id, kind: of each record.
        cases: record, question, answer, loose answer of every case, one after another.
        groups: key → (value's hash, record) one after another.
        names: of values in `groups`, by hash; the first `MOST_NAMES`.
        grouped: for each way that groups are learnt, length and record of every record that is
            trained on, one after another.
    """

    splits: Sequence[Split]
    setup: Setup
    file: array[int] = field(default_factory=lambda: array("i"))
    line: array[int] = field(default_factory=lambda: array("q"))
    offset: array[int] = field(default_factory=lambda: array("q"))
    id: array[int] = field(default_factory=lambda: array("Q"))
    kinds: Counter[Kind] = field(default_factory=Counter[Kind])
    is_document: array[int] = field(default_factory=lambda: array("b"))
    images: Images = field(default_factory=Images)
    cases: array[int] = field(default_factory=lambda: array("Q"))
    groups: dict[str, array[int]] = field(default_factory=lambda: {})
    names: dict[int, str] = field(default_factory=dict[int, str])
    grouped: dict[int, array[int]] = field(default_factory=lambda: {})
    classes: Counter[tuple[int, str]] = field(default_factory=Counter[tuple[int, str]])
    attributes: Counter[tuple[int, str, str, str]] = field(
        default_factory=Counter[tuple[int, str, str, str]]
    )
    filled: Counter[tuple[int, str]] = field(default_factory=Counter[tuple[int, str]])
    first: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])
    seen: Counter[str] = field(default_factory=Counter[str])
    missing: Counter[str] = field(default_factory=Counter[str])
    texts: Counter[str] = field(default_factory=Counter[str])
    alike: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    lengths: Counter[int] = field(default_factory=Counter[int])
    smallest: Counter[int] = field(default_factory=Counter[int])
    documents: Counter[int] = field(default_factory=Counter[int])
    num_away: int = 0
    num_unopened: int = 0
    num_pages: int = 0
    num_read_pages: int = 0
    num_untracked: int = 0

    @cached_property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for split in self.splits for file in split.files)

    @cached_property
    def split_of_file(self) -> tuple[int, ...]:
        return tuple(i for i, split in enumerate(self.splits) for _ in split.files)

    @cached_property
    def split(self) -> Ints:
        """Of each record the index of its split."""
        return np.array(self.split_of_file, dtype=np.int64)[np.array(self.file, dtype=np.int64)]

    @property
    def num_records(self) -> int:
        return len(self.file)

    def add(self, facts: RecordFacts) -> None:
        """Take in a record; they come in the order of the files."""
        record, split = self.num_records, self.split_of_file[facts.file]
        self.file.append(facts.file)
        self.line.append(facts.line)
        self.offset.append(facts.offset)
        self.id.append(facts.id)
        self.kinds[facts.kind] += 1
        self.is_document.append(facts.kind == "document")
        of_images = zip(facts.images, facts.references, facts.printed, strict=True)
        for place, (image, reference, printed) in enumerate(of_images):
            self.images.add(record, place, image, reference, printed)
            self.num_away += image.is_away
            self.num_unopened += bool(image.problem)
        for case in facts.cases:
            self.cases.extend((record, case.question, case.answer, case.loose))
        self._add_groups(record, facts)
        self._add_names(record, split, facts)
        self._add_measures(split, facts)
        if split == 0:
            for way, length in enumerate(facts.group_lengths):
                self.grouped.setdefault(way, array("q")).extend((length, record))

    def _add_groups(self, record: int, facts: RecordFacts) -> None:
        for key, value in facts.groups:
            hashed = hash_of(value)
            self.groups.setdefault(key, array("Q")).extend((hashed, record))
            if len(self.names) < MOST_NAMES:
                self.names.setdefault(hashed, value[:200])

    def _add_names(self, record: int, split: int, facts: RecordFacts) -> None:
        for label, count in facts.classes.items():
            if self._is_known(("class", label), record):
                self.classes[split, label] += count
        for (label, key, value), count in facts.attributes.items():
            if self._is_known(("attribute", label, key, value), record):
                self.attributes[split, label, key, value] += count
        for path in facts.filled:
            if self._is_known(("field", path), record):
                self.filled[split, path] += 1
        for pair in facts.alike:
            if self._is_known(("alike", *pair), record):
                self.alike[pair] += 1
        self.texts.update(path for path in facts.texts if ("field", path) in self.first)

    def _is_known(self, name: tuple[str, ...], record: int) -> bool:
        """Whether a name is counted; names stand in memory, so there is a most of them."""
        if name not in self.first:
            if len(self.first) >= MOST_NAMES:
                self.num_untracked += 1
                return False
            self.first[name] = record
        return True

    def _add_measures(self, split: int, facts: RecordFacts) -> None:
        self.seen.update(facts.seen)
        self.missing.update(facts.missing)
        if facts.length is not None:
            self.lengths[facts.length] += 1
        if facts.smallest is not None:
            self.smallest[round(10 * facts.smallest)] += 1
        if facts.kind == "document":
            self.documents[split] += 1
            self.num_pages += len(facts.images)
            self.num_read_pages += facts.read_pages

    # Images

    @cached_property
    def image_record(self) -> Ints:
        return np.array(self.images.record, dtype=np.int64)

    @cached_property
    def exact(self) -> Ints:
        """Of each image the first with the same bytes."""
        return groups(len(self.images), equal_pairs(_rows(self.images.digest, DIGEST_BYTES)))

    @cached_property
    def copies(self) -> Ints:
        """Of each image the first that it is a copy of, exactly or nearly."""
        exact = equal_pairs(_rows(self.images.digest, DIGEST_BYTES))
        return groups(len(self.images), np.concatenate([exact, self._near()]))

    def _near(self) -> Pairs:
        known = np.flatnonzero(np.array(self.images.has_look, dtype=np.int64))
        bits = _rows(self.images.bits, NUM_BITS_BYTES)[known]
        pairs = known[near_pairs(bits, COPY_BITS, _PART_BITS)]
        found = np.zeros(len(pairs), dtype=bool)
        # Some at a time: every image may be in many pairs.
        for start in range(0, len(pairs), _PAIRS_A_STEP):
            part = slice(start, start + _PAIRS_A_STEP)
            found[part] = self._are_copies(pairs[part, 0], pairs[part, 1])
        return pairs[found]

    def _are_copies(self, first: Ints, second: Ints) -> npt.NDArray[np.bool_]:
        # Two bills of one vendor look alike from afar: where both have a text, it says.
        texts = np.array(self.images.printed, dtype=np.uint64)
        a, b = texts[first], texts[second]
        same_text = (a == b) | (a == 0) | (b == 0)
        rows = _rows(self.images.tint, NUM_TINT_BYTES)
        differing = np.abs(rows[first].astype(np.int16) - rows[second].astype(np.int16))
        same_colours = differing.max(axis=1) <= COPY_TINT
        return same_text & same_colours & (self.cosine(first, second) >= COPY_COSINE)

    def cosine(self, first: Ints, second: Ints) -> npt.NDArray[np.float64]:
        """How alike images look, by their indices: 1 for the same."""
        rows = _rows(self.images.strengths, NUM_STRENGTHS).view(np.int8)
        a, b = rows[first].astype(np.float64), rows[second].astype(np.float64)
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        return (a * b).sum(axis=1) / np.where(norms == 0, 1, norms)

    @property
    def layout_rows(self) -> Bytes:
        return _rows(self.images.layout, NUM_LAYOUT_BYTES)

    # Records again

    def recall(self, record: int) -> Exam:
        """The record as its line has it, to say what a finding is about."""
        path = self.files[self.file[record]]
        chunk = Chunk(self.file[record], str(path), self.line[record], self.offset[record], 1)
        ((_, line),) = chunk.lines()
        return Exam(line, Tools(self.setup))

    def where(self, record: int) -> str:
        """`train.jsonl:7`; the whole path where two files have that name."""
        file = self.files[self.file[record]]
        alone = [each.name for each in self.files].count(file.name) == 1
        return f"{printable(file.name if alone else file)}:{self.line[record]}"

    def split_name(self, record: int) -> str:
        return self.splits[int(self.split[record])].name

    def finding(
        self,
        check: str,
        severity: Severity,
        what: str,
        remedy: str,
        *subjects: Subject,
    ) -> Finding:
        """A finding about records, at the first of them."""
        record = subjects[0].record
        place = (printable(self.files[self.file[record]]), self.line[record])
        return Finding(check, severity, *place, "", what, remedy, subjects=subjects)

    def completed(self, finding: Finding) -> Finding:
        """The finding with the id of its record, and the pictures of what it is about."""
        if not finding.subjects:
            return finding
        exams = [self.recall(subject.record) for subject in finding.subjects]
        shown = [
            Shown(exam.record.images[subject.image], str(exam.root), self.where(subject.record))
            for exam, subject in zip(exams, finding.subjects, strict=True)
            if exam.record is not None and subject.image < len(exam.record.images)
        ]
        return replace(finding, id=exams[0].id, shown=tuple(shown))

    def case_rows(self) -> Iterator[tuple[int, int, int, int]]:
        """(record, question, answer, loose answer) of every case."""
        values = iter(self.cases)
        yield from zip(values, values, values, values, strict=True)


def _rows(column: bytearray, width: int) -> Bytes:
    return np.frombuffer(bytes(column), dtype=np.uint8).reshape(-1, width)
