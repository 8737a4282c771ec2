"""One image, one question, two answers."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sightwright.doctor.checks.page_values import leaves
from sightwright.doctor.corpus import Corpus, Ints
from sightwright.doctor.exam import Exam
from sightwright.doctor.finding import Finding, Severity, Subject
from sightwright.records import ChatRecord

_REMEDY = "decide which answer is right, and keep that record alone"
# Of these it is said in which fields they differ; that reads both lines again.
_MOST_EXPLAINED = 100
_MOST_FIELDS = 6


def check_conflicts(corpus: Corpus) -> Iterator[Finding]:
    """Records that answer otherwise than an earlier one with the same question and images.

    An error where the images are the same files; a warning where they are near copies, whose
    objects are compared without their coordinates.
    """
    spans = _spans(corpus)
    exact, copies = corpus.exact, corpus.copies
    firsts: tuple[dict[tuple[int, ...], tuple[int, int]], ...] = ({}, {})
    explained = 0
    for record, question, answer, loose in corpus.case_rows():
        span = range(spans[record], spans[record + 1])
        if not span:
            continue
        # In a list: files that are the same, then pictures that are.
        sides = ((exact, answer), (copies, loose))
        others: list[tuple[int, Severity]] = []
        for (same, told), first, severity in zip(sides, firsts, ("error", "warning"), strict=True):
            key = (question, *(int(same[image]) for image in span))
            earlier, said = first.setdefault(key, (record, told))
            if said != told:
                others.append((earlier, severity))
        if others:
            earlier, severity = others[0]
            explained += 1
            how = _differences(corpus, record, earlier) if explained <= _MOST_EXPLAINED else ""
            image = "image" if severity == "error" else "picture"
            yield corpus.finding(
                "conflicts", severity,
                f"the same {image} is labelled otherwise at {corpus.where(earlier)}{how}",
                _REMEDY, Subject(record), Subject(earlier),
            )  # fmt: skip


def _spans(corpus: Corpus) -> Ints:
    """Where each record's images begin among all; one more for the end."""
    return np.searchsorted(corpus.image_record, np.arange(corpus.num_records + 1))


def _differences(corpus: Corpus, record: int, earlier: int) -> str:
    here, there = corpus.recall(record), corpus.recall(earlier)
    if here.answer is not None and there.answer is not None:
        return _said(_different_fields(here.answer, there.answer))
    if here.inspection is not None and there.inspection is not None:
        ours, theirs = (_objects(exam) for exam in (here, there))
        return f": {ours} here, {theirs} there"
    answers = [
        f"{exam.answer_text[:60]!r}"
        for exam in (here, there)
        if isinstance(exam.record, ChatRecord)
    ]
    return f": {' here, '.join(answers)} there" if len(answers) == 2 else ""


def _different_fields(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    ours, theirs = _by_path(here), _by_path(there)
    return [
        f"{path} {_values(ours.get(path))} here, {_values(theirs.get(path))} there"
        for path in dict.fromkeys((*ours, *theirs))
        if ours.get(path) != theirs.get(path)
    ]


def _by_path(answer: Mapping[str, Any]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for path, value in leaves(answer):
        if value not in (None, ""):
            found.setdefault(path, []).append(value)
    return found


def _values(values: list[object] | None) -> str:
    return "nothing" if values is None else ", ".join(str(value)[:60] for value in values[:3])


def _said(fields: list[str]) -> str:
    more = f"; and {len(fields) - _MOST_FIELDS} more" if len(fields) > _MOST_FIELDS else ""
    return f": {'; '.join(fields[:_MOST_FIELDS])}{more}" if fields else ""


def _objects(exam: Exam) -> str:
    assert exam.inspection is not None
    count = len(exam.inspection.objects)
    return f"{count} object{'s' if count != 1 else ''}"
