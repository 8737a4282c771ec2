"""An evaluation as a table for people and as files for machines."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright import canonical, jsonl
from sightwright.evaluate.run import DocumentResult, Evaluation
from sightwright.metrics.fields import Counts, FieldScores

if TYPE_CHECKING:
    from rich.table import Table

REPORT_NAME = "report.json"
PREDICTIONS_NAME = "predictions.jsonl"


def report_value(evaluation: Evaluation, about: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON value of `report.json`; `about` says what was evaluated on what, and how."""
    scores, documents = evaluation.scores, evaluation.documents
    return {
        **about,
        "documents": scores.num_documents,
        "micro": _counts_value(scores.micro),
        "macro": {
            "precision": scores.macro_precision,
            "recall": scores.macro_recall,
            "f1": scores.macro_f1,
        },
        "document_exact": scores.document_exact,
        "json_valid": scores.json_valid,
        "schema_valid": scores.schema_valid,
        "cut_by_limit": scores.cut,
        "intervals_95": {name: [i.low, i.high] for name, i in scores.intervals.items()},
        "per_field": {path: _counts_value(counts) for path, counts in scores.per_field.items()},
        "completion_tokens": sum(document.completion_tokens for document in documents),
        "generation_seconds": round(sum(evaluation.batch_seconds), 3),
        "batch_seconds": [round(seconds, 4) for seconds in evaluation.batch_seconds],
        "seconds": round(evaluation.seconds, 3),
    }


def write_report(folder: Path, evaluation: Evaluation, about: Mapping[str, Any]) -> None:
    """Write `predictions.jsonl` and then `report.json` into `folder`, each atomically."""
    jsonl.write_all(folder / PREDICTIONS_NAME, map(_prediction, evaluation.documents))
    canonical.write_json(folder / REPORT_NAME, report_value(evaluation, about))


def score_table(scores: FieldScores) -> "Table":
    """Fields in rows; the totals with their 95 % intervals below."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"{scores.num_documents} documents", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("field", overflow="fold")
    for column in ("precision", "recall", "F1", "in labels", "95 % of F1"):
        table.add_column(column, justify="right", no_wrap=True)
    for path, counts in scores.per_field.items():
        # As text: `lines[].price` is no markup.
        table.add_row(Text(path), *_cells(counts), "")
    table.add_section()
    table.add_row("micro", *_cells(scores.micro), _interval(scores, "micro_f1"), style="bold")
    macro = (scores.macro_precision, scores.macro_recall, scores.macro_f1)
    table.add_row("macro", *(f"{value:.3f}" for value in macro), "", _interval(scores, "macro_f1"))
    table.caption = "\n".join(_totals(scores))
    table.caption_justify = "left"
    return table


def _totals(scores: FieldScores) -> list[str]:
    exact = f"documents wholly right {scores.document_exact:.1%}"
    if "document_exact" in scores.intervals:
        exact += f" (95 %: {_interval(scores, 'document_exact')})"
    valid = f"valid JSON {scores.json_valid:.1%} · of the schema {scores.schema_valid:.1%}"
    return [exact, f"{valid} · cut by the output limit {scores.cut}"]


def _interval(scores: FieldScores, name: str) -> str:
    interval = scores.intervals.get(name)
    return f"{interval.low:.3f} to {interval.high:.3f}" if interval else ""


def _cells(counts: Counts) -> tuple[str, ...]:
    if not counts.occurs:
        return ("–", "–", "–", "0")
    values = (counts.precision, counts.recall, counts.f1)
    return (*(f"{value:.3f}" for value in values), str(counts.support))


def _counts_value(counts: Counts) -> dict[str, float | int]:
    return {
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "support": counts.support,
    }


def _prediction(document: DocumentResult) -> dict[str, Any]:
    wrong = {
        path: {"fp": counts.fp, "fn": counts.fn}
        for path, counts in document.mark.counts.items()
        if counts.fp or counts.fn
    }
    return {
        "id": document.id,
        "exact": document.mark.exact,
        "f1": document.mark.total.f1,
        "wrong": wrong,
        "finish_reason": document.finish_reason,
        "error": document.error,
        "seconds": round(document.seconds, 4),
        "gold": document.gold,
        "answer": document.answer,
        "text": document.text,
    }
