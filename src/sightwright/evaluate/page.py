"""An evaluation as a page for people: scores, worst fields, wrong documents beside their pages."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightwright import canonical, html, images, logs
from sightwright.errors import ImageError
from sightwright.evaluate.plots import plot_values
from sightwright.evaluate.report import latency
from sightwright.evaluate.run import DocumentResult, Evaluation
from sightwright.evaluate.side_by_side import Sheet, lay_out, visible
from sightwright.metrics.calibration import Case
from sightwright.metrics.fields import Counts, Outcome
from sightwright.records import ChatRecord

PAGE_NAME = "report.html"
MAX_DOCUMENTS = 50
# Of one document: pictures, and letters of an answer that was not taken (and of its label).
MAX_PICTURES = 6
MAX_TEXT = 4000
# Lines of the list of wrong documents.
MAX_LISTED = 1000
PICTURE_SIDE = 1200


@dataclass(frozen=True)
class FieldRow:
    """One field over all documents; `outcomes` counts its cells by what came of them."""

    name: str
    counts: Counts
    outcomes: Counter[Outcome]


@dataclass(frozen=True)
class WrongDocument:
    """One document that is not wholly right; `number` is its place among them, the worst is 1."""

    number: int
    result: DocumentResult
    outcomes: Counter[Outcome]


@dataclass(frozen=True)
class Refusals:
    """The answers that were not taken; every cell of their labels counts as missed.

    Attributes:
        reasons: how many, by what was wrong with them.
        num_missed: the cells of their labels.
        others_f1: micro F1 of the answers that were taken; None where none was.
    """

    reasons: Counter[str]
    num_missed: int
    others_f1: float | None


@dataclass(frozen=True)
class Picture:
    """A page: its data URL, or why there is none."""

    url: str
    problem: str


@dataclass(frozen=True)
class ShownDocument:
    """What the card of one wrong document holds.

    Attributes:
        num_pages: how many it has; at most `MAX_PICTURES` of them are in `pictures`.
        sheet: label and answer side by side; None where no answer was taken.
        text: the answer as generated, or its beginning.
        label: likewise, as JSON for people.
    """

    wrong: WrongDocument
    pictures: tuple[Picture, ...]
    num_pages: int
    sheet: Sheet | None
    text: str
    label: str


def write_page(
    path: Path,
    evaluation: Evaluation,
    records: Sequence[ChatRecord],
    root: Path,
    about: Mapping[str, Any],
    *,
    max_documents: int = MAX_DOCUMENTS,
) -> None:
    """Write the page, atomically.

    Args:
        records: those that were evaluated; their images are opened again, a document at a time.
        root: the folder that relative image paths start from.
        about: what was evaluated on what, and how.
        max_documents: wrong documents shown; the page says how many are left out.
    """
    wrong = [
        WrongDocument(number, result, Counter(cell.outcome for cell in result.mark.cells))
        for number, result in enumerate(worst_first(evaluation.documents), start=1)
    ]
    record_of = {record.id: record for record in records}
    shown = wrong[:max_documents]
    documents = (_shown(item, record_of[item.result.id], root, evaluation) for item in shown)
    values = {
        **_summary(evaluation, about),
        "wrong": wrong[:MAX_LISTED],
        "num_wrong": len(wrong),
        "num_shown": len(shown),
        # One by one as the page is written, so that one document's images are open at a time.
        "shown": logs.progress(documents, "drawing wrong documents", len(shown)),
    }
    canonical.write_text(path, html.render("evaluation.html", values))


def worst_first(documents: Sequence[DocumentResult]) -> list[DocumentResult]:
    """The documents that are not wholly right, by F1 and then by ANLS*."""
    wrong = [document for document in documents if not document.mark.exact]
    return sorted(wrong, key=lambda document: (document.mark.total.f1, document.mark.anls))


def _summary(evaluation: Evaluation, about: Mapping[str, Any]) -> dict[str, Any]:
    scores = evaluation.scores
    cases = list(confidence_cases(evaluation.documents))
    fields = _fields(evaluation)
    return {
        "visible": visible,
        "title": str(about.get("adapters") or about.get("model") or ""),
        "about": {key: value for key, value in about.items() if value is not None},
        "scores": scores,
        "tiles": [
            ("micro F1", scores.micro.f1, scores.intervals.get("micro_f1")),
            ("macro F1", scores.macro_f1, scores.intervals.get("macro_f1")),
            ("wholly right", scores.document_exact, scores.intervals.get("document_exact")),
            ("ANLS*", scores.anls, scores.intervals.get("anls")),
        ],
        "refusal": refusal,
        "refusals": _refusals(evaluation.documents),
        "num_missed": sum(row.outcomes["missed"] for row in fields),
        "loop_rate": evaluation.loop_rate,
        "loops": [document for document in evaluation.documents if document.loop is not None],
        "latency": latency(evaluation),
        "tokens": sum(document.completion_tokens for document in evaluation.documents),
        "generation_seconds": sum(evaluation.batch_seconds),
        "fields": fields,
        "silent_fields": [name for name, counts in scores.per_field.items() if not counts.occurs],
        "calibration": plot_values(cases) if cases else None,
    }


def refusal(document: DocumentResult) -> str:
    """Why an answer was not taken, in few words; nothing where it was."""
    if document.mark.valid_schema:
        return ""
    if document.mark.cut:
        return "cut by the output limit"
    return "against the schema" if document.mark.valid_json else "not JSON"


def _refusals(documents: Sequence[DocumentResult]) -> Refusals | None:
    """None where every answer was taken."""
    taken = [document.mark.total for document in documents if not refusal(document)]
    if len(taken) == len(documents):
        return None
    refused = [document for document in documents if refusal(document)]
    return Refusals(
        reasons=Counter(map(refusal, refused)),
        num_missed=sum(document.mark.total.fn for document in refused),
        others_f1=sum(taken, Counts()).f1 if taken else None,
    )


def _fields(evaluation: Evaluation) -> list[FieldRow]:
    """The fields that occur, the worst first."""
    outcomes: dict[str, Counter[Outcome]] = {}
    for document in evaluation.documents:
        for cell in document.mark.cells:
            outcomes.setdefault(cell.field, Counter())[cell.outcome] += 1
    rows = [
        FieldRow(name, counts, outcomes[name])
        for name, counts in evaluation.scores.per_field.items()
        if counts.occurs
    ]
    return sorted(rows, key=lambda row: (row.counts.f1, -row.counts.fp - row.counts.fn))


def confidence_cases(documents: Sequence[DocumentResult]) -> Iterator[Case]:
    """Every value that was answered with a confidence; rightly saying nothing is right too."""
    for document in documents:
        for cell in document.mark.cells:
            confidence = document.confidences.get(cell.answer_place or "")
            if cell.answer_place is not None and confidence is not None:
                yield Case(document.id, cell.field, confidence, not cell.is_fault)


def _shown(
    wrong: WrongDocument, record: ChatRecord, root: Path, evaluation: Evaluation
) -> ShownDocument:
    result, sheet = wrong.result, None
    if result.answer is not None:
        sheet = lay_out(evaluation.schema.root, result.mark.cells, result.confidences)
    return ShownDocument(
        wrong=wrong,
        pictures=tuple(_picture(source, root) for source in record.images[:MAX_PICTURES]),
        num_pages=len(record.images),
        sheet=sheet,
        text=_beginning(result.text),
        label=_beginning(json.dumps(result.gold, ensure_ascii=False, indent=2)),
    )


def _beginning(text: str) -> str:
    more = f" … [{len(text) - MAX_TEXT} letters]" if len(text) > MAX_TEXT else ""
    return visible(text[:MAX_TEXT]) + more


def _picture(source: str, root: Path) -> Picture:
    try:
        return Picture(html.picture(images.open_image(source, root), PICTURE_SIDE), "")
    except ImageError as error:
        return Picture("", str(error))
