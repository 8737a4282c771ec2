"""Calibrate a model's confidences on an evaluation, and say how well that works.

The evaluated records are the hold-out: the model must not have been trained on them, nor chosen by
them. What is said of the result is counted on documents that the judging function did not see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sightwright import certificate, jsonl
from sightwright.certificate import Calibration
from sightwright.errors import DataError, ModelError
from sightwright.evaluate.report import PREDICTIONS_NAME, REPORT_NAME
from sightwright.evaluate.stored import read_report
from sightwright.evaluate.weights import Weights, file_digest, refuse_other_weights, weights_in
from sightwright.metrics import calibration
from sightwright.metrics.calibration import Calibrator, Case, Floats, Threshold
from sightwright.schema import compile_schema

MIN_CASES, MIN_WRONG, MIN_DOCUMENTS = 100, 5, 20
"""What a hold-out must have before anything is said of it."""

_RIGHT = {"right": True, "absent": True, "wrong": False, "missed": False, "invented": False}


@dataclass(frozen=True)
class Holdout:
    """The judged values of an evaluation.

    Attributes:
        about: the evaluation's `report.json`.
        num_silent: values for which the engine told no confidence; they are no cases.
        num_failed: documents without a usable answer; they have no values to be sure of.
    """

    cases: tuple[Case, ...]
    num_silent: int
    num_failed: int
    about: dict[str, Any]


@dataclass(frozen=True)
class FieldLine:
    """How one field does; `name` is None for all together.

    Attributes:
        is_own: the field has knots of its own.
        reviewed, risk: share under the threshold, and share wrong of those at or above it.
    """

    name: str | None
    num_cases: int
    num_wrong: int
    is_own: bool
    ece_before: float
    ece_after: float
    reviewed: float
    risk: float | None


@dataclass(frozen=True)
class Calibrated:
    """A calibration and its figures.

    Attributes:
        honest: score of each case by a calibrator that did not see its document.
        lines: all together first, then the fields in order of appearance.
    """

    cases: tuple[Case, ...]
    calibrator: Calibrator
    honest: Floats
    threshold: Threshold | None
    target_risk: float
    lines: tuple[FieldLine, ...]


def read_holdout(folder: Path) -> Holdout:
    """The cases of an evaluation's folder.

    Raises:
        DataError: no evaluation, one of an older version, or a file that is not as written.
    """
    about = read_report(folder / REPORT_NAME)
    if missing := [key for key in ("model", "data", "schema") if key not in about]:
        raise DataError(
            f"the report does not name {' and '.join(missing)}",
            where=str(folder / REPORT_NAME),
            remedy="evaluate again",
        )
    cases: list[Case] = []
    num_silent = num_failed = 0
    for line, value in jsonl.read_values(folder / PREDICTIONS_NAME):
        try:
            document, cells, failed = str(value["id"]), value["cells"], value["answer"] is None
            read = [(str(c["field"]), c["confidence"], _RIGHT[c["outcome"]]) for c in cells]
            told = [(f, float(p), hit) for f, p, hit in read if p is not None]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"not a line of an evaluation of this version: {error!r}",
                where=line.where,
                remedy="evaluate again",
            ) from None
        if not all(0 <= p <= 1 for _, p, _ in told):
            raise DataError("a confidence outside 0..1", where=line.where)
        cases += [Case(document, name, confidence, hit) for name, confidence, hit in told]
        num_silent += len(read) - len(told)
        num_failed += failed
    return Holdout(tuple(cases), num_silent, num_failed, about)


def calibrate(cases: Sequence[Case], target_risk: float) -> Calibrated:
    """Fit on all cases; judge by cross-fitting; choose the threshold.

    Raises:
        DataError: too few cases to say anything, with the counts.
    """
    _refuse_few(cases)
    calibrator = calibration.fit(cases)
    honest = calibration.cross_fitted(cases)
    scores = calibration.calibrated(calibrator, cases)
    threshold = calibration.choose_threshold(cases, scores, honest, target_risk)
    lines = [_line(None, cases, honest, calibrator, threshold)]
    for name in calibration.by_field(cases):
        of_field = np.array([case.field == name for case in cases])
        group = [case for case in cases if case.field == name]
        lines.append(_line(name, group, honest[of_field], calibrator, threshold))
    return Calibrated(tuple(cases), calibrator, honest, threshold, target_risk, tuple(lines))


def _refuse_few(cases: Sequence[Case]) -> None:
    num_wrong = sum(not case.is_right for case in cases)
    num_documents = len({case.document for case in cases})
    if len(cases) < MIN_CASES or num_wrong < MIN_WRONG or num_documents < MIN_DOCUMENTS:
        raise DataError(
            f"too little to calibrate on: {len(cases)} values with a confidence, {num_wrong} of "
            f"them wrong, from {num_documents} documents",
            remedy=f"evaluate more documents, or harder ones: at least {MIN_CASES} values, "
            f"{MIN_WRONG} wrong, {MIN_DOCUMENTS} documents",
        )


def _line(
    name: str | None,
    cases: Sequence[Case],
    honest: Floats,
    calibrator: Calibrator,
    threshold: Threshold | None,
) -> FieldLine:
    told = [case.confidence for case in cases]
    right = np.array([case.is_right for case in cases])
    # Without a threshold that keeps the target, nothing is accepted.
    kept = honest >= threshold.value if threshold else np.zeros(len(cases), dtype=bool)
    return FieldLine(
        name=name,
        num_cases=len(cases),
        num_wrong=int(np.sum(~right)),
        is_own=name in calibrator.per_field,
        ece_before=calibration.calibration_error(told, right),
        ece_after=calibration.calibration_error(honest, right),
        reviewed=float(np.mean(~kept)),
        risk=float(np.mean(~right[kept])) if kept.any() else None,
    )


def to_store(found: Calibrated, holdout: Holdout, weights: Weights) -> Calibration:
    """What goes into a model's certificate."""
    about, total, chosen = holdout.about, found.lines[0], found.threshold
    data = Path(str(about["data"]))
    return Calibration(
        schema_name=str(about["schema"]),
        schema_digest=certificate.digest_of(compile_schema(about["json_schema"], "evaluated")),
        pooled=found.calibrator.pooled,
        per_field=dict(found.calibrator.per_field),
        threshold=chosen.value if chosen else None,
        target_risk=found.target_risk,
        coverage=chosen.coverage if chosen else None,
        risk=chosen.risk if chosen else None,
        risk_bound=chosen.risk_bound if chosen else None,
        ece_before=total.ece_before,
        ece_after=total.ece_after,
        num_cases=total.num_cases,
        num_wrong=total.num_wrong,
        num_documents=len({case.document for case in found.cases}),
        data=data.name,
        data_digest=file_digest(data) if data.is_file() else None,
        base_model=weights.base,
        adapter_digest=weights.adapter_digest,
    )


def store(folder: Path, calibration: Calibration, *, other_weights: bool = False) -> Path:
    """Put a calibration into a folder's certificate, atomically, in place of an older one.

    Args:
        other_weights: accept a calibration of other weights than the folder holds.

    Returns:
        The certificate's file.

    Raises:
        ModelError: a folder without certificate, or one with other weights.
    """
    recorded = certificate.read(folder)
    if recorded is None:
        raise ModelError(
            f"no {certificate.FILE_NAME}: a calibration is stored in what training or merge wrote",
            where=str(folder),
        )
    if not other_weights:
        refuse_other_weights(calibration, weights_in(folder), folder)
    return certificate.write(folder, replace(recorded, calibration=calibration))


def differences(about: Mapping[str, Any], folder: Path) -> list[str]:
    """How the evaluation asked otherwise than the folder's service will; one line each."""
    recorded = certificate.read(folder)
    found: list[str] = []
    if about.get("constrained") is False:
        found.append("evaluated without the grammar; the service's probabilities are masked by it")
    if recorded is not None and recorded.pixels is not None:
        pixels = recorded.pixels
        found += _differs(about, "min_pixels", pixels.min_pixels)
        found += _differs(about, "max_pixels", pixels.max_pixels)
    if recorded is not None and recorded.task is not None:
        task = recorded.task
        found += _differs(about, "order", task.order)
        found += _differs(about, "prompt_has_schema", task.prompt_has_schema)
        evaluated = certificate.digest_of(compile_schema(about["json_schema"], "evaluated"))
        if task.json_schema and certificate.digest_of(task.json_schema.compiled()) != evaluated:
            found.append("evaluated by another schema than the model was taught")
    return found


def _differs(about: Mapping[str, Any], key: str, recorded: object) -> list[str]:
    asked = about.get(key, recorded)
    return [] if asked == recorded else [f"evaluated with {key} {asked}, taught with {recorded}"]
