"""An evaluation of inspection data as a page: figures, classes, and the worst records drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright import canonical, html, images, logs
from sightwright.draw.colours import class_of, colour_of
from sightwright.draw.overlay import draw_objects
from sightwright.errors import ImageError
from sightwright.evaluate.inspection import (
    DenseMarked,
    InspectionEvaluation,
    InspectionResult,
    SummaryMarked,
    VerdictMarked,
)
from sightwright.evaluate.inspection_figures import (
    figures,
    kind_of,
    kind_rows,
    remarks,
    unread,
    worst_counts,
)
from sightwright.evaluate.inspection_report import latency, loops, refusal
from sightwright.evaluate.inspection_sheets import (
    MAX_ROWS,
    FactRow,
    ObjectRow,
    fact_rows,
    faults_first,
    object_rows,
    summary_head,
    tally,
    verdict_rows,
)
from sightwright.evaluate.side_by_side import ShownCell, visible
from sightwright.inspection_records import DenseObject
from sightwright.metrics.geometry_summary import ObjectScores
from sightwright.metrics.summary_scores import SummaryScores
from sightwright.tasks.inspection import InspectionKind

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_RECORDS = 50
# Pictures of one group, letters of one answer, rows of a table of classes or of wrong records.
MAX_PICTURES = 6
MAX_TEXT = 4000
MAX_CLASSES = 40
MAX_LISTED = 1000
PICTURE_SIDE = 1000
# A small drawing is shown larger, or its numbers could not be read.
_LEAST_SIDE = 480

_NOUNS: dict[InspectionKind, str] = {"dense": "image", "summary": "picture", "verdict": "group"}
_COLUMNS: dict[InspectionKind, tuple[str, ...]] = {
    "dense": ("F1 at 0.5", "with class", "right", "− missed", "+ invented"),
    "summary": ("fact F1", "right", "− missed", "+ invented"),
    "verdict": ("label", "answer"),
}
_EXPLANATIONS: dict[InspectionKind, str] = {
    "dense": "F1 counts objects of the right kind in the right place: overlapping the label's by "
    "at least 0.5, 0.75, or each of 0.50, 0.55, … 0.95 of their union; of lines, as much of their "
    "length. Class and attributes are judged on the pairs at 0.5.",
    "summary": "A fact is a category, an attribute and a value, as often as it is counted. An "
    "answer that is not taken misses every fact of its label.",
    "verdict": "False pass: of the groups that fail, those that were passed. False fail: of those "
    "that pass, the failed ones. An answer without a verdict counts as the one or the other.",
}


@dataclass(frozen=True)
class WrongRecord:
    """One record that is not wholly right; `number` is its place among them, the worst is 1.

    Attributes:
        cells: of its line in the list, under the columns of the task.
    """

    number: int
    result: InspectionResult
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ShownPicture:
    """A picture as a data URL, or why there is none."""

    title: str
    note: str
    url: str
    problem: str = ""


@dataclass(frozen=True)
class ShownObject:
    """A row of objects with the descriptions that give its numbers their colours."""

    row: ObjectRow
    gold_desc: str
    answer_desc: str


@dataclass(frozen=True)
class Card:
    """What is shown of one wrong record; the parts of the other tasks are empty.

    Attributes:
        head: its scores, in words.
        num_pictures: how many it has; at most `MAX_PICTURES` of them are shown.
        hidden_rows: of objects or facts.
        unread: why answered objects could not be read, and how many.
        text: the answer as generated, or its beginning; `label` likewise.
    """

    item: WrongRecord
    head: str
    is_refused: bool
    text: str
    label: str
    pictures: tuple[ShownPicture, ...]
    num_pictures: int
    objects: tuple[ShownObject, ...] = ()
    hidden_rows: int = 0
    unread: tuple[tuple[str, int], ...] = ()
    signs: tuple[tuple[str, bool], ...] = ()
    facts: tuple[FactRow, ...] = ()
    lines: tuple[ShownCell, ...] = ()


def write_page(
    path: Path,
    evaluation: InspectionEvaluation,
    root: Path,
    about: Mapping[str, Any],
    *,
    max_records: int = MAX_RECORDS,
) -> None:
    """Write the page, atomically.

    Args:
        root: the folder that relative image paths start from; images are opened again, those of a
            record at a time.
        about: what was evaluated on what, and how.
        max_records: wrong records shown; the page says how many are left out.
    """
    kind = kind_of(evaluation.scores)
    wrong = [
        WrongRecord(number, result, _cells(result))
        for number, result in enumerate(worst_first(evaluation.results), start=1)
    ]
    shown = wrong[:max_records]
    # One by one as the page is written, so that one record's pictures are in memory at a time.
    cards = logs.progress((_card(item, root) for item in shown), "drawing records", len(shown))
    values = {
        **_head(evaluation, kind, about),
        "columns": _COLUMNS[kind],
        "listed": wrong[:MAX_LISTED],
        "num_wrong": len(wrong),
        "num_shown": len(shown),
        "cards": cards,
    }
    canonical.write_text(path, html.render("inspection.html", values))


def worst_first(results: Sequence[InspectionResult]) -> list[InspectionResult]:
    """The records that are not wholly right, by how little of them is; of verdicts, those that
    were wrongly passed come first."""
    wrong = (result for result in results if not result.marked.mark.exact)
    return sorted(wrong, key=_rightness)


def _rightness(result: InspectionResult) -> tuple[float, float]:
    match result.marked:
        case DenseMarked(mark=mark):
            return mark.all_named.f1_50, mark.all_place.f1_mean
        case SummaryMarked(mark=mark):
            return mark.f1, mark.objects_total
        case VerdictMarked(mark=mark):
            return float(mark.gold), float(mark.answer is None)


def _cells(result: InspectionResult) -> tuple[str, ...]:
    match result.marked:
        case DenseMarked(mark=mark):
            right = mark.all_place.at(0.5)
            scores = (f"{mark.all_place.f1_50:.3f}", f"{mark.all_named.f1_50:.3f}")
            return (*scores, *map(str, (right.tp, right.fn, right.fp)))
        case SummaryMarked(mark=mark):
            return (f"{mark.f1:.3f}", *map(str, (mark.facts.tp, mark.facts.fn, mark.facts.fp)))
        case VerdictMarked(mark=mark):
            words = {True: "pass", False: "fail", None: "–"}
            return words[mark.gold], words[mark.answer]


def _head(
    evaluation: InspectionEvaluation, kind: InspectionKind, about: Mapping[str, Any]
) -> dict[str, Any]:
    scores, results = evaluation.scores, evaluation.results
    looping, noun = loops(results), _NOUNS[kind]
    dense = scores if isinstance(scores, ObjectScores) else None
    counts = scores.per_attribute if isinstance(scores, SummaryScores) else {}
    return {
        "kind": kind,
        "noun": noun,
        "heading": f"Inspection of {len(results)} {noun}{'s' if len(results) != 1 else ''}: {kind}",
        "title": str(about.get("adapters") or about.get("model") or ""),
        "about": {key: value for key, value in about.items() if value is not None},
        "visible": visible,
        "refusal": refusal,
        "colour_of_class": _colour_of_class,
        "figures": figures(scores, evaluation.coco),
        "explanation": _EXPLANATIONS[kind],
        "remarks": remarks(scores),
        "unread": unread(scores),
        "kind_rows": kind_rows(dense) if dense else [],
        "class_rows": worst_counts(dense.classes if dense else counts),
        "max_rows": MAX_CLASSES,
        "latency": latency(results),
        "tokens": sum(result.completion_tokens for result in results),
        "loops": looping,
        "loop_rate": len(looping) / len(results),
        "num_cut": sum(result.loop == "limit" for result in looping),
        "num_records": len(results),
    }


def _colour_of_class(name: str) -> str:
    return colour_of(class_of(name))


def _card(item: WrongRecord, root: Path) -> Card:
    result = item.result
    card = Card(
        item=item,
        head="",
        is_refused=bool(refusal(result)),
        text=_beginning(result.text),
        label=_beginning(result.target),
        pictures=(),
        num_pictures=len(result.record.images),
    )
    match result.marked:
        case DenseMarked() as marked:
            return _dense_card(card, marked, root)
        case SummaryMarked() as marked:
            return _summary_card(card, marked, root)
        case VerdictMarked() as marked:
            return _verdict_card(card, marked, root)


def _dense_card(card: Card, marked: DenseMarked, root: Path) -> Card:
    mark, gold = marked.mark, marked.gold.objects
    answer = marked.parsed.dense_objects if mark.readable else ()
    rows = object_rows(gold, answer, mark.pairs)
    shown = faults_first(rows)
    counts = tally(rows)
    head = (
        f"F1 at 0.5 {mark.all_place.f1_50:.3f}, with class {mark.all_named.f1_50:.3f} · "
        f"{counts['right']} right, {counts['wrong']} in place and described otherwise, "
        f"{counts['missed']} missed, {counts['invented']} invented"
    )
    sides = [("label", gold), ("answer", answer)]
    return replace(
        card,
        head=head,
        pictures=_drawn(card.item.result.record.images[0], root, sides),
        objects=tuple(_coloured(row, gold, answer) for row in shown),
        hidden_rows=len(rows) - len(shown),
        unread=tuple(mark.faults.items()) if mark.readable else (),
    )


def _coloured(
    row: ObjectRow, gold: Sequence[DenseObject], answer: Sequence[DenseObject]
) -> ShownObject:
    return ShownObject(
        row,
        gold[row.gold - 1].desc if row.gold else "",
        answer[row.answer - 1].desc if row.answer else "",
    )


def _summary_card(card: Card, marked: SummaryMarked, root: Path) -> Card:
    mark = marked.mark
    rows = fact_rows(marked.gold, marked.parsed, mark.differences)
    facts = mark.facts
    head = f"fact F1 {mark.f1:.3f} · {facts.tp} right, {facts.fn} missed, {facts.fp} invented"
    return replace(
        card,
        head="an irrelevant picture" if mark.irrelevant else head,
        pictures=_plain(card.item.result.record.images, root),
        facts=tuple(rows[:MAX_ROWS]),
        hidden_rows=max(0, len(rows) - MAX_ROWS),
        signs=tuple(summary_head(marked.gold, mark)),
    )


def _verdict_card(card: Card, marked: VerdictMarked, root: Path) -> Card:
    mark = marked.mark
    wrongly = "false pass" if mark.false_pass else "false fail"
    answer = None if mark.answer is None else marked.parsed.value
    return replace(
        card,
        head=f"no verdict: a {wrongly}" if mark.answer is None else wrongly,
        pictures=_plain(card.item.result.record.images, root),
        lines=tuple(verdict_rows(marked.gold, answer)),
    )


def _drawn(
    source: str, root: Path, sides: Sequence[tuple[str, Sequence[DenseObject]]]
) -> tuple[ShownPicture, ...]:
    """The image once for each side, its objects drawn on it."""
    notes = [f"{len(objects)} object{'s' if len(objects) != 1 else ''}" for _, objects in sides]
    try:
        image = images.open_image(source, root)
    except ImageError as error:
        return tuple(
            ShownPicture(title, note, "", str(error))
            for (title, _), note in zip(sides, notes, strict=True)
        )
    return tuple(
        ShownPicture(title, note, _with_objects(image, objects))
        for (title, objects), note in zip(sides, notes, strict=True)
    )


def _with_objects(image: "Image", objects: Sequence[DenseObject]) -> str:
    drawn = draw_objects(image, objects, max_side=PICTURE_SIDE, min_side=_LEAST_SIDE)
    return html.picture(drawn, PICTURE_SIDE)


def _plain(sources: Sequence[str], root: Path) -> tuple[ShownPicture, ...]:
    return tuple(
        _picture(source, root, f"{number}" if len(sources) > 1 else "")
        for number, source in enumerate(sources[:MAX_PICTURES], start=1)
    )


def _picture(source: str, root: Path, title: str) -> ShownPicture:
    try:
        url = html.picture(images.open_image(source, root), PICTURE_SIDE)
    except ImageError as error:
        return ShownPicture(title, "", "", str(error))
    return ShownPicture(title, "", url)


def _beginning(text: str) -> str:
    more = f" … [{len(text) - MAX_TEXT} letters]" if len(text) > MAX_TEXT else ""
    return visible(text[:MAX_TEXT]) + more
