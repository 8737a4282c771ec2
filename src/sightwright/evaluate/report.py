"""An evaluation as a table for people and as files for machines; `page` makes the HTML."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sightwright import canonical, jsonl
from sightwright.certificate import StoredSchema
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
        "anls": scores.anls,
        "json_valid": scores.json_valid,
        "schema_valid": scores.schema_valid,
        "cut_by_limit": scores.cut,
        "loops": _loops_value(evaluation),
        "intervals_95": {name: [i.low, i.high] for name, i in scores.intervals.items()},
        "per_field": {path: _counts_value(counts) for path, counts in scores.per_field.items()},
        "completion_tokens": sum(document.completion_tokens for document in documents),
        "latency_seconds": latency(evaluation),
        "generation_seconds": round(sum(evaluation.batch_seconds), 3),
        "batch_seconds": [round(seconds, 4) for seconds in evaluation.batch_seconds],
        "seconds": round(evaluation.seconds, 3),
        "json_schema": StoredSchema.of(evaluation.schema).schema,
    }


def latency(evaluation: Evaluation) -> dict[str, float]:
    """Seconds of generation a document, each its share of its batch: the middle and the tail."""
    middle, tail = np.percentile([d.seconds for d in evaluation.documents], [50, 95]).tolist()
    return {"p50": round(middle, 4), "p95": round(tail, 4)}


def _loops_value(evaluation: Evaluation) -> dict[str, Any]:
    looping = [document for document in evaluation.documents if document.loop is not None]
    return {
        "rate": evaluation.loop_rate,
        "reached_limit": sum(document.loop == "limit" for document in looping),
        "repeats": sum(document.loop == "repeats" for document in looping),
        "ids": [document.id for document in looping],
    }


def write_report(folder: Path, evaluation: Evaluation, about: Mapping[str, Any]) -> list[Path]:
    """Write `predictions.jsonl` and then `report.json` into `folder`, each atomically.

    Returns:
        Both files, the report first.
    """
    predictions, report = folder / PREDICTIONS_NAME, folder / REPORT_NAME
    jsonl.write_all(predictions, map(_prediction, evaluation.documents))
    canonical.write_json(report, report_value(evaluation, about))
    return [report, predictions]


def score_table(evaluation: Evaluation) -> "Table":
    """Fields in rows; the totals with their 95 % intervals below."""
    scores = evaluation.scores
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
    table.caption = "\n".join(_totals(evaluation))
    table.caption_justify = "left"
    return table


def _totals(evaluation: Evaluation) -> list[str]:
    # Short lines: they are folded at the width of the table.
    scores = evaluation.scores
    return [
        f"documents wholly right {scores.document_exact:.1%}{_of_95(scores, 'document_exact')}",
        f"ANLS* {scores.anls:.3f}{_of_95(scores, 'anls')}",
        f"valid JSON {scores.json_valid:.1%} · of the schema {scores.schema_valid:.1%}",
        f"cut by the output limit {scores.cut} · loop rate {evaluation.loop_rate:.1%}",
    ]


def _of_95(scores: FieldScores, name: str) -> str:
    return f" (95 %: {_interval(scores, name)})" if name in scores.intervals else ""


def _interval(scores: FieldScores, name: str) -> str:
    interval = scores.intervals.get(name)
    return f"{interval.low:.3f} to {interval.high:.3f}" if interval else ""


def _cells(counts: Counts) -> tuple[str, ...]:
    if not counts.occurs:
        return ("–", "–", "–", "0")
    values = (counts.precision, counts.recall, counts.f1)
    return (*(f"{value:.3f}" for value in values), str(counts.support))


def _counts_value(counts: Counts) -> dict[str, float | int]:
    return {**counts.to_json(), "support": counts.support}


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
        "anls": document.mark.anls,
        "wrong": wrong,
        "finish_reason": document.finish_reason,
        "loop": document.loop,
        "error": document.error,
        "seconds": round(document.seconds, 4),
        "completion_tokens": document.completion_tokens,
        "gold": document.gold,
        "answer": document.answer,
        "text": document.text,
        "cells": [
            {
                "field": cell.field,
                "place": cell.answer_place,
                "outcome": cell.outcome,
                "confidence": document.confidences.get(cell.answer_place),
            }
            for cell in document.mark.cells
            if cell.answer_place is not None
        ],
    }
