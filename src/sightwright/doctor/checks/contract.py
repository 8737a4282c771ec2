"""Lines that training would refuse: no JSON, no record, an answer that is none, no id."""

from collections.abc import Iterator

from sightwright.doctor.exam import Exam
from sightwright.doctor.finding import Finding
from sightwright.errors import SchemaError
from sightwright.ingest.summary_schema import summary_problems
from sightwright.records import ChatRecord

_REMEDY = "`sightwright data validate` names every such line"


def check_contract(exam: Exam) -> Iterator[Finding]:
    """Breaches of the contract; shapes are `check_geometry`'s, files `check_images`'."""
    if (breach := exam.breach) is not None:
        yield exam.finding("contract", "error", breach.message, breach.remedy or _REMEDY)
    elif (record := exam.inspection) is not None:
        if record.summary is not None and not exam.faulty_shapes:
            for what in summary_problems(record.summary):
                yield exam.finding("contract", "error", what, _REMEDY)
    elif isinstance(exam.record, ChatRecord):
        for what in _answer_problems(exam, exam.record):
            yield exam.finding("contract", "error", what, _REMEDY, image=None)


def _answer_problems(exam: Exam, record: ChatRecord) -> Iterator[str]:
    if record.messages[-1].role != "assistant":
        yield f"the last message is the {record.messages[-1].role}'s, so there is nothing to learn"
        return
    if not _is_document(exam):
        return
    if not exam.id:
        yield "no 'id', which a document's record needs"
    if not record.images:
        yield "no image"
    if exam.answer is None:
        yield "the answer is not a JSON object only"
    elif exam.tools.schema is not None:
        try:
            exam.tools.schema.conform(exam.answer)
        except SchemaError as error:
            yield f"the answer: {error.message}"


def _is_document(exam: Exam) -> bool:
    """As the YAML says; without one, what begins as JSON is meant to be a document."""
    if exam.tools.trained is not None:
        return exam.tools.schema is not None
    return exam.answer_text.lstrip().startswith("{")
