"""The scores of an inspection task as figures, tables and JSON; a report puts them together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sightwright.evaluate.inspection import Scores
from sightwright.geometry import Kind
from sightwright.metrics.bootstrap import Interval
from sightwright.metrics.coco import CocoScores
from sightwright.metrics.fields import Counts
from sightwright.metrics.geometry import Found
from sightwright.metrics.geometry_summary import ObjectScores
from sightwright.metrics.matching import THRESHOLDS
from sightwright.metrics.shares import Share
from sightwright.metrics.summary_scores import SummaryScores
from sightwright.metrics.verdict import VerdictScores
from sightwright.tasks.inspection import InspectionKind

if TYPE_CHECKING:
    from rich.table import Table

KIND_NAMES: dict[Kind, str] = {"bbox_2d": "boxes", "poly": "polygons", "line": "lines"}
# Rows of the console's table of classes or facts; report.json has all.
MAX_TABLE_ROWS = 20


@dataclass(frozen=True)
class Figure:
    """One score.

    Attributes:
        value: 0 to 1; None where there is nothing to score.
        of: what it is a share of, in words.
        interval: 95 % over resampled records.
        is_cost: less of it is better.
    """

    name: str
    value: float | None
    of: str
    interval: Interval | None = None
    is_cost: bool = False


def kind_of(scores: Scores) -> InspectionKind:
    match scores:
        case ObjectScores():
            return "dense"
        case SummaryScores():
            return "summary"
        case VerdictScores():
            return "verdict"


def num_records(scores: Scores) -> int:
    match scores:
        case ObjectScores():
            return scores.num_images
        case SummaryScores():
            return scores.num_records
        case VerdictScores():
            return scores.num_groups


def figures(scores: Scores, coco: CocoScores | None = None) -> list[Figure]:
    """The scores of the head of a report, the most telling first."""
    match scores:
        case ObjectScores():
            return _dense_figures(scores) + ([] if coco is None else _coco_figures(coco))
        case SummaryScores():
            return _summary_figures(scores)
        case VerdictScores():
            return _verdict_figures(scores)


def _dense_figures(scores: ObjectScores) -> list[Figure]:
    place, named, spans = scores.all_place, scores.all_named, scores.intervals
    objects = f"{_plural(place.gold, 'object')}, {place.answered} answered"
    pairs = f"{_plural(scores.pairs, 'pair')} at 0.5"
    images = _plural(scores.num_images, "image")
    right = scores.header_right
    header = [] if right is None else [Figure("header", right, images)]
    class_span, key_span = spans.get("class_accuracy"), spans.get("attribute_accuracy")
    keys = f"{_plural(scores.attributes, 'attribute')} of the pairs"
    return [
        Figure("F1 at 0.5", place.f1_50, objects, spans.get("place_f1_50")),
        Figure("F1 at 0.75", place.f1_75, objects, spans.get("place_f1_75")),
        Figure("F1 at 0.5 to 0.95", place.f1_mean, objects, spans.get("place_f1_mean")),
        Figure("place and class", named.f1_50, "F1 at 0.5", spans.get("named_f1_50")),
        Figure("class right", scores.class_accuracy, pairs, class_span),
        Figure("attributes right", scores.attribute_accuracy, keys, key_span),
        Figure("wholly right", scores.exact, images),
        Figure("readable", scores.readable, images),
        *header,
    ]


def _coco_figures(coco: CocoScores) -> list[Figure]:
    lines = f" ({_plural(coco.lines, 'line')} left out)" if coco.lines else ""
    of = f"boxes and polygons{lines}"
    return [Figure("COCO AP", coco.ap, of), Figure("COCO AR", coco.ar, of)]


def _summary_figures(scores: SummaryScores) -> list[Figure]:
    spans = scores.intervals
    cells = scores.facts.tp + scores.facts.fn
    span = spans.get("fact_f1") if scores.facts.occurs else None
    return [
        Figure("fact F1", scores.fact_f1, _plural(cells, "fact"), span),
        _figure("fact F1, mean", scores.content_f1, "picture", spans.get("content_f1")),
        _figure("wholly right", scores.exact, "picture", spans.get("exact")),
        _figure("form", scores.well_formed, "picture"),
        _figure("header", scores.header, "picture"),
        _figure("dataset", scores.dataset, "picture"),
        _figure("total, nearness", scores.objects_total, "picture"),
        _figure("irrelevant, called so", scores.irrelevant, "irrelevant picture"),
        _figure("called irrelevant, and is not", scores.wrongly_irrelevant, "picture", cost=True),
    ]


def _verdict_figures(scores: VerdictScores) -> list[Figure]:
    right, passed, failed = map(scores.intervals.get, ("accuracy", "false_pass", "false_fail"))
    return [
        _figure("accuracy", scores.accuracy, "group", right),
        _figure("false pass", scores.false_pass, "failing group", passed, cost=True),
        _figure("false fail", scores.false_fail, "passing group", failed, cost=True),
        _figure("no verdict", scores.invalid, "group", cost=True),
    ]


def _figure(
    name: str, share: Share, of: str, interval: Interval | None = None, *, cost: bool = False
) -> Figure:
    whole = isinstance(share.count, int) or float(share.count).is_integer()
    count = f"{share.count:.0f} of " if whole and share.of else ""
    return Figure(name, share.value, f"{count}{_plural(share.of, of)}", interval, cost)


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


# Tables


def tables(scores: Scores, coco: CocoScores | None = None) -> "list[Table]":
    """The scores for a console: the figures, then what they are made of."""
    found = [_figure_table(scores, coco)]
    match scores:
        case ObjectScores():
            found += [_kind_table(scores), _counts_table("class", scores.classes)]
        case SummaryScores():
            found += [_counts_table("facts", scores.per_attribute)]
        case VerdictScores():
            pass
    return [table for table in found if table.row_count]


def _figure_table(scores: Scores, coco: CocoScores | None) -> "Table":
    nouns = {"dense": "image", "summary": "picture", "verdict": "group"}
    from rich.text import Text

    title = _plural(num_records(scores), nouns[kind_of(scores)])
    table = _table(title, "score", "value", "of", "95 %")
    for figure in figures(scores, coco):
        interval = figure.interval
        span = f"{interval.low:.3f} to {interval.high:.3f}" if interval else ""
        table.add_row(figure.name, shown(figure.value), figure.of, span)
    lines = remarks(scores) + [f"not read: {line}" for line in unread(scores)]
    # As text: what an answer says is no markup.
    table.caption, table.caption_justify = Text("\n".join(lines)), "left"
    return table


def _kind_table(scores: ObjectScores) -> "Table":
    columns = ("F1 at 0.5", "at 0.75", "0.5 to 0.95", "with class", "in labels", "answered")
    table = _table("right in place, by geometry", "", *columns)
    for name, place, named in kind_rows(scores):
        f1 = (place.f1_50, place.f1_75, place.f1_mean, named.f1_50)
        counts = (str(place.gold), str(place.answered))
        table.add_row(name, *(f"{value:.3f}" for value in f1), *counts)
    return table


def kind_rows(scores: ObjectScores) -> list[tuple[str, Found, Found]]:
    """Each kind of geometry that occurs: its name, right in place, right in place and class."""
    return [
        (KIND_NAMES[kind], found, scores.named.get(kind, Found()))
        for kind, found in scores.place.items()
    ]


def _counts_table(first: str, counts: Mapping[str, Counts]) -> "Table":
    from rich.text import Text

    hidden = len(counts) - MAX_TABLE_ROWS
    more = f" (the worst {MAX_TABLE_ROWS}; {hidden} more in report.json)" if hidden > 0 else ""
    columns = ("precision", "recall", "F1", "in labels", "answered")
    table = _table(f"{first}, the worst first{more}", first, *columns)
    for name, some in worst_counts(counts)[:MAX_TABLE_ROWS]:
        values = (f"{value:.3f}" for value in (some.precision, some.recall, some.f1))
        table.add_row(Text(name), *values, str(some.support), str(some.tp + some.fp))
    return table


def worst_counts(counts: Mapping[str, Counts]) -> list[tuple[str, Counts]]:
    """By F1; of equals, those with more faults first."""
    return sorted(counts.items(), key=lambda item: (item[1].f1, -item[1].fp - item[1].fn, item[0]))


def _table(title: str, first: str, *others: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(first, overflow="fold")
    for column in others:
        table.add_column(column, justify="left" if column == "of" else "right")
    return table


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def remarks(scores: Scores) -> list[str]:
    """What else is to be known of the scores, a short line each."""
    lines: list[str] = []
    if isinstance(scores, ObjectScores):
        error, bias = scores.count_error, scores.count_bias
        lines.append(f"objects off by {error:.2f} an image, {bias:+.2f} on average")
        lines += [f"{count} × {note} (costs nothing)" for note, count in scores.notes.items()]
    if scores.cut:
        lines.append(f"cut by the output limit {scores.cut}")
    return lines


def unread(scores: Scores) -> list[str]:
    """Why answered objects, or whole answers, could not be read, and how many."""
    if not isinstance(scores, ObjectScores):
        return []
    return [f"{count} × {fault}" for fault, count in scores.faults.items()]


# JSON


def scores_value(scores: Scores) -> dict[str, Any]:
    """The scores as JSON."""
    match scores:
        case ObjectScores():
            value = _dense_value(scores)
        case SummaryScores():
            value = _summary_value(scores)
        case VerdictScores():
            value = _verdict_value(scores)
    spans = {name: [span.low, span.high] for name, span in scores.intervals.items()}
    return {**value, "cut_by_limit": scores.cut, "intervals_95": spans}


def _dense_value(scores: ObjectScores) -> dict[str, Any]:
    return {
        "images": scores.num_images,
        "place": _found_by_kind(scores.all_place, scores.place),
        "place_and_class": _found_by_kind(scores.all_named, scores.named),
        "regions": found_value(scores.regions),
        "class_accuracy": scores.class_accuracy,
        "attribute_accuracy": scores.attribute_accuracy,
        "pairs": scores.pairs,
        "attributes": scores.attributes,
        "count_error": scores.count_error,
        "count_bias": scores.count_bias,
        "image_exact": scores.exact,
        "readable": scores.readable,
        "header_right": scores.header_right,
        "faults": scores.faults,
        "notes": scores.notes,
        "per_class": {name: counts.to_json() for name, counts in scores.classes.items()},
    }


def _found_by_kind(total: Found, by_kind: Mapping[Kind, Found]) -> dict[str, Any]:
    return {"all": found_value(total)} | {kind: found_value(f) for kind, f in by_kind.items()}


def found_value(found: Found) -> dict[str, Any]:
    """F1 at the thresholds, and the counts that they follow from."""
    hits = {f"{t:.2f}": hits for t, hits in zip(THRESHOLDS, found.hits, strict=True)}
    return {
        "f1_50": found.f1_50,
        "f1_75": found.f1_75,
        "f1_50_95": found.f1_mean,
        "in_labels": found.gold,
        "answered": found.answered,
        "right_at": hits,
    }


def _summary_value(scores: SummaryScores) -> dict[str, Any]:
    names = (
        *("exact", "well_formed", "header", "valid_json", "dataset", "objects_total"),
        *("content_f1", "content", "irrelevant", "wrongly_irrelevant"),
    )
    return {
        "pictures": scores.num_records,
        **{name: _share_value(getattr(scores, name)) for name in names},
        "facts": scores.facts.to_json(),
        "per_attribute": {name: c.to_json() for name, c in scores.per_attribute.items()},
    }


def _verdict_value(scores: VerdictScores) -> dict[str, Any]:
    names = ("accuracy", "false_pass", "false_fail", "invalid")
    rates = {name: _share_value(getattr(scores, name)) for name in names}
    return {"groups": scores.num_groups, **rates}


def _share_value(share: Share) -> dict[str, Any]:
    return {"value": share.value, "count": share.count, "of": share.of}
