"""An evaluation of inspection data as files for machines; `inspection_page` makes the HTML, and
`inspection_figures` the tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sightwright import canonical, jsonl
from sightwright.evaluate.inspection import (
    DenseMarked,
    InspectionEvaluation,
    InspectionResult,
    SummaryMarked,
    VerdictMarked,
)
from sightwright.evaluate.inspection_figures import found_value, kind_of, scores_value, tables
from sightwright.evaluate.report import PREDICTIONS_NAME, REPORT_NAME
from sightwright.inspection_records import DenseObject, write_object
from sightwright.metrics.coco import CocoScores
from sightwright.metrics.summary import IRRELEVANT, SummaryGold
from sightwright.tasks.summary import says_irrelevant
from sightwright.tasks.verdict import FAIL, PASS, Verdict

if TYPE_CHECKING:
    from rich.table import Table


def report_value(evaluation: InspectionEvaluation, about: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON value of `report.json`; `about` says what was evaluated on what, and how."""
    results, coco = evaluation.results, evaluation.coco
    return {
        **about,
        "task": kind_of(evaluation.scores),
        "records": len(results),
        **scores_value(evaluation.scores),
        **({} if coco is None else {"coco": _coco_value(coco)}),
        "loops": _loops_value(results),
        "completion_tokens": sum(result.completion_tokens for result in results),
        "latency_seconds": latency(results),
        "generation_seconds": round(sum(evaluation.batch_seconds), 3),
        "batch_seconds": [round(seconds, 4) for seconds in evaluation.batch_seconds],
        "seconds": round(evaluation.seconds, 3),
    }


def score_tables(evaluation: InspectionEvaluation) -> "list[Table]":
    """The scores for a console."""
    return tables(evaluation.scores, evaluation.coco)


def write_report(
    folder: Path, evaluation: InspectionEvaluation, about: Mapping[str, Any]
) -> list[Path]:
    """Write `predictions.jsonl` and then `report.json` into `folder`, each atomically.

    Returns:
        Both files, the report first.
    """
    predictions, report = folder / PREDICTIONS_NAME, folder / REPORT_NAME
    jsonl.write_all(predictions, map(prediction, evaluation.results))
    canonical.write_json(report, report_value(evaluation, about))
    return [report, predictions]


def latency(results: Sequence[InspectionResult]) -> dict[str, float]:
    """Seconds of generation a record, each its share of its batch: the middle and the tail."""
    middle, tail = np.percentile([result.seconds for result in results], [50, 95]).tolist()
    return {"p50": round(middle, 4), "p95": round(tail, 4)}


def loops(results: Sequence[InspectionResult]) -> list[InspectionResult]:
    """The records whose answers count as loops."""
    return [result for result in results if result.loop is not None]


def refusal(result: InspectionResult) -> str:
    """Why nothing of an answer counts, in few words; "" where something does."""
    if result.was_cut:
        return "cut by the output limit"
    match result.marked:
        case DenseMarked(parsed=parsed):
            return parsed.error or ""
        case SummaryMarked(mark=mark) | VerdictMarked(mark=mark):
            return mark.error


def prediction(result: InspectionResult) -> dict[str, Any]:
    """One line of `predictions.jsonl`; coordinates are pixels."""
    return {
        "id": result.id,
        "images": list(result.record.images),
        **_marked_value(result),
        "finish_reason": result.finish_reason,
        "loop": result.loop,
        "error": refusal(result) or None,
        "seconds": round(result.seconds, 4),
        "completion_tokens": result.completion_tokens,
        "text": result.text,
    }


def _marked_value(result: InspectionResult) -> dict[str, Any]:
    match result.marked:
        case DenseMarked() as marked:
            return _dense_value(marked)
        case SummaryMarked() as marked:
            return _summary_value(marked, result)
        case VerdictMarked(mark=mark) as marked:
            taken = None if mark.answer is None else marked.parsed.value
            return {
                "exact": mark.exact,
                "false_pass": mark.false_pass,
                "false_fail": mark.false_fail,
                "gold": _verdict_value(marked.gold),
                "answer": None if taken is None else _verdict_value(taken),
            }


def _dense_value(marked: DenseMarked) -> dict[str, Any]:
    mark = marked.mark
    answer = marked.parsed.dense_objects if mark.readable else ()
    surety = (marked.surety or ()) if mark.readable else ()
    return {
        "exact": mark.exact,
        "place": found_value(mark.all_place),
        "place_and_class": found_value(mark.all_named),
        "pairs": [
            {
                "gold": pair.gold,
                "answer": pair.answer,
                "similarity": round(pair.similarity, 4),
                "class_right": pair.label_right,
                "attributes_right": pair.attributes_right,
                "attributes": pair.attributes,
            }
            for pair in mark.pairs
        ],
        "faults": mark.faults,
        "notes": mark.notes,
        "header_right": mark.header_right,
        "gold": [write_object(each) for each in marked.gold.objects],
        "answer": _answered(answer, surety),
    }


def _answered(objects: Sequence[DenseObject], surety: Sequence[float]) -> list[dict[str, Any]]:
    written = [write_object(each) for each in objects]
    if len(surety) != len(written):
        return written
    return [
        {**value, "confidence": round(sure, 4)} for value, sure in zip(written, surety, strict=True)
    ]


def _summary_value(marked: SummaryMarked, result: InspectionResult) -> dict[str, Any]:
    mark = marked.mark
    taken = IRRELEVANT if says_irrelevant(result.text) else marked.parsed.content
    return {
        "exact": mark.exact,
        "fact_f1": mark.f1,
        "objects_total": mark.objects_total,
        "header_right": mark.header,
        "differences": [
            {"fact": list(each.fact), "gold": each.gold, "answer": each.answer}
            for each in mark.differences
        ],
        "gold": _summary_label(marked.gold),
        "answer": None if mark.cut else taken,
    }


def _summary_label(gold: SummaryGold) -> Any:
    return IRRELEVANT if gold.irrelevant else gold.summary


def _verdict_value(verdict: Verdict) -> dict[str, str]:
    return {"verdict": PASS if verdict.passes else FAIL, "reason": verdict.reason}


def _loops_value(results: Sequence[InspectionResult]) -> dict[str, Any]:
    looping = loops(results)
    return {
        "rate": len(looping) / len(results),
        "reached_limit": sum(result.loop == "limit" for result in looping),
        "repeats": sum(result.loop == "repeats" for result in looping),
        "ids": [result.id for result in looping],
    }


def _coco_value(coco: CocoScores) -> dict[str, Any]:
    return {
        "ap": coco.ap,
        "ap_50": coco.ap_50,
        "ap_75": coco.ap_75,
        "ar": coco.ar,
        "per_class": coco.classes,
        "lines_left_out": coco.lines,
        "beyond_limit": coco.beyond_limit,
    }
