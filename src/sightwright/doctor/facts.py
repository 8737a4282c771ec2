"""What is kept of a record once it has been looked at: hashes and counts, a few hundred bytes."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, cast

from sightwright import canonical, images
from sightwright.doctor.checks.lengths import group_lengths_of, length_of
from sightwright.doctor.checks.page_values import fields_seen, leaves
from sightwright.doctor.checks.resolution import shrinking, smallest_side, smallest_text
from sightwright.doctor.exam import Exam
from sightwright.doctor.looking import Looked
from sightwright.doctor.page_text import squeezed
from sightwright.errors import DataError, ImageError
from sightwright.geometry_json import flat
from sightwright.ingest.words import FROM_PDF, PageWords
from sightwright.inspection_records import InspectionRecord
from sightwright.metrics.descriptions import NOTE, TEXT, read_description
from sightwright.metrics.normalise import read_date
from sightwright.records import ChatRecord

Kind = Literal["document", "conversation", "inspection", "unread"]

# A shorter text stands under two keys by chance.
_LEAST_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """A question about a record's images, and its answer, as hashes.

    Attributes:
        loose: of what should be the same on a copy of the image, too: without coordinates.
    """

    question: int
    answer: int
    loose: int


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """One record.

    Attributes:
        offset: where its line begins in the file, in bytes.
        id: hash of its id; 0 without one.
        references: of each image the hash of its whole path or address.
        printed: of each image the hash of its page's text layer; 0 where there is none.
        groups: (key, value) of what should not stand in two splits.
        classes: how many objects of each class.
        attributes: how many objects have a (class, key, value).
        filled: keys of the answer that hold something.
        seen, missing: values looked for in the text of the pages, and those not found, by field.
        alike: pairs of keys that hold the same text; `pairs` those that could.
        length: in tokens; None where it cannot be told.
        group_lengths: as a group by itself, in each way that groups are learnt; else empty.
        smallest: the lowest text, or the smallest side of an object, at the pixel budget.
        read_pages: pages whose words are known.
    """

    file: int
    line: int
    offset: int
    kind: Kind
    id: int = 0
    images: tuple[Looked, ...] = ()
    references: tuple[int, ...] = ()
    printed: tuple[int, ...] = ()
    cases: tuple[Case, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    classes: Counter[str] = field(default_factory=Counter[str])
    attributes: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    filled: tuple[str, ...] = ()
    seen: Counter[str] = field(default_factory=Counter[str])
    missing: Counter[str] = field(default_factory=Counter[str])
    texts: tuple[str, ...] = ()
    alike: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    group_lengths: tuple[int, ...] = ()
    smallest: float | None = None
    read_pages: int = 0


def facts_of(exam: Exam, file: int, offset: int) -> RecordFacts:
    """Everything that the checks across records go by."""
    place = (file, exam.line.number, offset)
    record = exam.record
    if record is None:
        return RecordFacts(*place, "unread", hash_of(exam.id) if exam.id else 0)
    common: dict[str, Any] = {
        "id": hash_of(exam.id) if exam.id else 0,
        "images": exam.images,
        "references": tuple(_reference_of(exam, image) for image in exam.images),
        "printed": tuple(map(_printed, exam.words)),
        "groups": tuple(_groups(record.meta, exam.tools.setup.group_by)),
        **_lengths(exam),
        "smallest": _smallest(exam),
        "read_pages": sum(words is not None for words in exam.words) if exam.answer else 0,
    }
    if isinstance(record, InspectionRecord):
        return RecordFacts(*place, "inspection", **common, **_inspection(exam, record))
    if exam.answer is None:
        return RecordFacts(*place, "conversation", **common, cases=tuple(_talk(exam, record)))
    return RecordFacts(*place, "document", **common, **_document(exam, record, exam.answer))


def hash_of(text: str) -> int:
    """Eight bytes that stand for a text; never 0."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


def _reference_of(exam: Exam, image: Looked) -> int:
    if images.is_elsewhere(image.reference):
        return hash_of(image.reference)
    try:
        return hash_of(str(images.resolve_path(image.reference, exam.root).absolute()))
    except ImageError:
        return hash_of(image.reference)


def _printed(words: PageWords | None) -> int:
    # What an engine reads of a scan differs from reading to reading.
    if words is None or words.source != FROM_PDF:
        return 0
    return hash_of("".join(squeezed(word.text) for word in words.words))


def _groups(meta: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for key in keys:
        value: Any = {"meta": meta, "metadata": meta}
        for part in key.split("."):
            value = cast("Mapping[str, Any]", value).get(part) if isinstance(value, dict) else None
        if value not in (None, ""):
            yield key, value if isinstance(value, str) else canonical.dumps(value)


def _lengths(exam: Exam) -> dict[str, Any]:
    try:
        return {"length": length_of(exam), "group_lengths": group_lengths_of(exam)}
    except DataError:
        return {}


def _smallest(exam: Exam) -> float | None:
    setup, record = exam.tools.setup, exam.inspection
    if record is not None:
        scale = shrinking(record.width, record.height, setup)
        return min((smallest_side(each.geometry) * scale for each in record.objects), default=None)
    heights = [
        (word.box[3] - word.box[1]) * shrinking(words.width, words.height, setup)
        for words in exam.words
        if words is not None and (word := smallest_text(words)) is not None
    ]
    return min(heights, default=None)


def _talk(exam: Exam, record: ChatRecord) -> Iterator[Case]:
    """A conversation: the same turns about the same images."""
    if record.messages[-1].role == "assistant":
        answer = hash_of(" ".join(exam.answer_text.split()))
        yield Case(_question(record), answer, answer)


def _question(record: ChatRecord) -> int:
    return hash_of("\0".join(f"{turn.role}\0{turn.text}" for turn in record.messages[:-1]))


def _document(exam: Exam, record: ChatRecord, answer: dict[str, Any]) -> dict[str, Any]:
    held = [(path, value) for path, value in leaves(answer) if value not in (None, "")]
    # In any order: keys of one object are a set.
    told = hash_of(canonical.dumps(_in_order(answer)))
    seen = fields_seen(exam)
    texts = dict(_telling_texts(held))
    return {
        "cases": (Case(_question(record), told, told),),
        "filled": tuple(sorted({path for path, _ in held})),
        "seen": Counter(field.path for field in seen),
        "missing": Counter(field.path for field in seen if not field.is_there),
        "texts": tuple(sorted(texts)),
        "alike": tuple(_alike(texts)),
    }


def _in_order(value: Any) -> Any:
    """The same JSON with its keys in order, and without those that hold nothing."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return {key: _in_order(held) for key, held in sorted(members) if held not in (None, "")}
    return (
        [_in_order(held) for held in cast("list[Any]", value)] if isinstance(value, list) else value
    )


def _telling_texts(held: list[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """Fields that occur once and hold a text which names something: no amounts, no dates."""
    for path, value in held:
        if "[]" in path or not isinstance(value, str) or read_date(value) is not None:
            continue
        text = squeezed(value)
        if len(text) >= _LEAST_LETTERS and not text.isdecimal():
            yield path, text


def _alike(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    by_text: dict[str, list[str]] = {}
    for path in sorted(texts):
        by_text.setdefault(texts[path], []).append(path)
    for paths in by_text.values():
        # Neighbours: three keys that are alike are two pairs.
        yield from pairwise(paths)


def _inspection(exam: Exam, record: InspectionRecord) -> dict[str, Any]:
    classes: Counter[str] = Counter()
    attributes: Counter[tuple[str, str, str]] = Counter()
    for each in record.objects:
        read = read_description(each.desc)
        classes[read.label] += 1
        for key, values in read.attributes.items():
            # What somebody read from a label, or noted, is different each time.
            if key not in (TEXT, NOTE):
                attributes.update((read.label, key, value) for value in values)
    # A shape that cannot be was left out: the rest is not what the record says.
    cases = () if exam.faulty_shapes else tuple(_inspection_cases(record))
    return {"classes": classes, "attributes": attributes, "cases": cases}


def _inspection_cases(record: InspectionRecord) -> Iterator[Case]:
    if record.objects:
        objects = sorted((each.desc, flat(each.geometry)) for each in record.objects)
        labels = [desc for desc, _ in objects]
        yield Case(
            hash_of("objects"), hash_of(canonical.dumps(objects)), hash_of(canonical.dumps(labels))
        )
    if record.summary is not None:
        told = hash_of(record.summary)
        yield Case(hash_of("summary"), told, told)
