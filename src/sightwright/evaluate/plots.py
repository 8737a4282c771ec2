"""The two pictures of a calibration as coordinates for `templates/calibration.html`.

Reliability: of values told so sure, how many are right. Risk and coverage: keeping the surest share
of the values, how many of them are wrong.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sightwright.metrics import calibration
from sightwright.metrics.calibration import Case, Floats, RiskCurve, Threshold

WIDTH, HEIGHT = 420, 320
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 14, 22, 44
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_MAX_TICKS = 6
_MAX_POINTS = 200


@dataclass(frozen=True)
class _Axes:
    """Data ranges of a plot, and their places on the drawing in px from its top left."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 2)

    def y(self, value: float) -> float:
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 2)

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """The points as the coordinates of an SVG polyline."""
        return " ".join(f"{self.x(x):g},{self.y(y):g}" for x, y in points)

    def values(self) -> dict[str, Any]:
        x_ticks = [(self.x(tick), label) for tick, label in _ticks(self.x_low, self.x_high)]
        y_ticks = [(self.y(tick), label) for tick, label in _ticks(self.y_low, self.y_high)]
        frame = {"left": _LEFT, "right": WIDTH - _RIGHT, "top": _TOP, "bottom": HEIGHT - _BOTTOM}
        return {"width": WIDTH, "height": HEIGHT, **frame, "x_ticks": x_ticks, "y_ticks": y_ticks}


def plot_values(
    cases: Sequence[Case],
    calibrated: Floats | None = None,
    threshold: Threshold | None = None,
    target_risk: float | None = None,
) -> dict[str, Any]:
    """What the macro `plots` of `templates/calibration.html` draws.

    Args:
        cases: at least one.
        calibrated: their calibrated confidences, by calibrators that did not see their documents;
            without, only the confidences as told are drawn.
        threshold: where values are accepted, on the curve of the calibrated ones.
    """
    right = [case.is_right for case in cases]
    scores = [("told", [case.confidence for case in cases])]
    if calibrated is not None:
        scores.append(("calibrated", calibrated.tolist()))
    curves = {name: calibration.risk_coverage(told, right) for name, told in scores}
    return {
        "num_cases": len(cases),
        "num_wrong": right.count(False),
        "num_documents": len({case.document for case in cases}),
        "figures": [
            {
                "name": name,
                "ece": calibration.calibration_error(told, right),
                "brier": calibration.brier(told, right),
                "area": curves[name].area,
            }
            for name, told in scores
        ],
        "reliability": _reliability(scores, right),
        "risk": _risk(curves, threshold, target_risk),
    }


def _reliability(
    scores: Sequence[tuple[str, Sequence[float]]], right: Sequence[bool]
) -> dict[str, Any]:
    bins = {name: calibration.reliability(told, right) for name, told in scores}
    lowest = min(min(part.confidence, part.low) for parts in bins.values() for part in parts)
    # Sure models crowd at the top: the axes begin where the cases do.
    low = _floor(lowest)
    axes = _Axes(low, 1.0, low, 1.0)
    series = [
        {
            "name": name,
            "path": axes.path([(part.confidence, part.right) for part in parts]),
            "dots": [
                {
                    "x": axes.x(part.confidence),
                    "y": axes.y(part.right),
                    "low": axes.y(part.low),
                    "high": axes.y(part.high),
                    "title": f"{part.count} values told {part.confidence:.1%}: "
                    f"{part.right:.1%} right (95 %: {part.low:.1%} to {part.high:.1%})",
                }
                for part in parts
            ],
        }
        for name, parts in bins.items()
    ]
    return {**axes.values(), "series": series, "diagonal": axes.path([(low, low), (1, 1)])}


def _risk(
    curves: dict[str, RiskCurve], threshold: Threshold | None, target_risk: float | None
) -> dict[str, Any]:
    highest = max(*(max(curve.risk) for curve in curves.values()), (target_risk or 0) * 1.2, 0.005)
    axes = _Axes(0.0, 1.0, 0.0, _ceiling(highest))
    series = [{"name": name, "path": axes.path(_thinned(curve))} for name, curve in curves.items()]
    chosen = threshold and {
        "x": axes.x(threshold.coverage),
        "y": axes.y(threshold.risk),
        "title": f"confidence {threshold.value:.3f} and above: {threshold.coverage:.1%} of the "
        f"values, {threshold.risk:.2%} of them wrong (at most {threshold.risk_bound:.2%})",
    }
    target = None if target_risk is None else axes.y(target_risk)
    return {**axes.values(), "series": series, "target": target, "threshold": chosen}


def _thinned(curve: RiskCurve) -> list[tuple[float, float]]:
    points = list(zip(curve.coverage, curve.risk, strict=True))
    step = max(1, math.ceil(len(points) / _MAX_POINTS))
    return [*points[:-1:step], points[-1]]


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round values of an axis, with their labels in per cent."""
    step = next((s for s in _STEPS if (high - low) / s < _MAX_TICKS), _STEPS[-1])
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = 1 if step < 0.01 else 0
    return [(n * step, f"{n * step:.{digits}%}") for n in range(first, last + 1)]


def _floor(value: float) -> float:
    """A round value below, no nearer to 1 than 0.9."""
    return max(0.0, min(0.9, math.floor(value * 10 - 1e-9) / 10))


def _ceiling(value: float) -> float:
    """A round value at or above, at most 1."""
    step = next((s for s in _STEPS if value <= 5 * s), 0.2)
    return min(1.0, math.ceil(value / step - 1e-9) * step)
