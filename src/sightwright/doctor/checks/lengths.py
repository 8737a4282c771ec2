"""Records that reach the length limit of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sightwright.doctor.exam import Exam
from sightwright.doctor.finding import Finding
from sightwright.errors import DataError

if TYPE_CHECKING:
    from sightwright.data.encode import Encoder
    from sightwright.record_formats import Record


def check_lengths(exam: Exam) -> Iterator[Finding]:
    """Only with a YAML: without one nobody knows the tokens."""
    try:
        length = length_of(exam)
        group_lengths_of(exam)
    except DataError as error:
        yield exam.finding(
            "lengths", "error", f"the run cannot learn from it: {error.message}",
            error.remedy or "mend the record, or the task in the YAML",
        )  # fmt: skip
        return
    trained = exam.tools.trained
    if length is not None and trained is not None and length >= trained.max_length:
        yield exam.finding(
            "lengths", "error",
            f"{length} tokens reach the limit of {trained.max_length}",
            "raise global_max_length, lower template.max_pixels, or split the document",
        )  # fmt: skip


def length_of(exam: Exam) -> int | None:
    """Tokens of the conversation that the run makes of a record, the longest where it makes several
    (its objects, and its summary); None where it cannot be told.

    Raises:
        DataError: the run could not learn from it.
    """
    trained, record = exam.tools.trained, exam.record
    if trained is None or record is None or exam.faulty_shapes:
        return None
    found = [_length(exam, record, encoder) for encoder in trained.encoders(exam.line.path)]
    known = [length for length in found if length is not None]
    return max(known, default=None)


def group_lengths_of(exam: Exam) -> tuple[int, ...]:
    """Tokens of a record as a group by itself, in each way that groups of `legacy_pairing` learn;
    empty where it is learnt in none, or cannot be told.

    Raises:
        DataError: groups of the run could not learn from it.
    """
    trained, record = exam.tools.trained, exam.record
    if trained is None or record is None or exam.faulty_shapes:
        return ()
    found = [_length(exam, record, each) for each in trained.group_encoders(exam.line.path)]
    known = [length for length in found if length is not None]
    return tuple(known) if len(known) == len(found) else ()


def _length(exam: Exam, record: Record, encoder: Encoder) -> int | None:
    from sightwright.data.encode import Place

    sizes = {image.reference: image.size for image in exam.images}
    place = Place(exam.line.path.name, exam.line.number, exam.id)
    messages = encoder.messages(record, place)
    wanted = [sizes.get(reference) for message in messages for reference in message.images]
    known = [size for size in wanted if size is not None]
    return encoder.encode(messages, known, place).length if len(known) == len(wanted) else None
