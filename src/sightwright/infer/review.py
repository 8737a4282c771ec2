"""Which values of a document a person should look at. No torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightwright.certificate import Calibration
from sightwright.metrics.calibration import Calibrator
from sightwright.schema import DocumentSchema

_ROW = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Judged:
    """How sure a document's values are, and which need review.

    Attributes:
        confidences: place → 0..1; calibrated where `is_calibrated`, else as the model told.
        threshold: a value under it needs review; None where there is none: without a calibration no
            value is marked, with one that could not keep its target every value is.
    """

    confidences: Mapping[str, float]
    is_calibrated: bool
    threshold: float | None

    def needs_review(self, place: str) -> bool:
        if self.threshold is None:
            return self.is_calibrated
        return self.confidences[place] < self.threshold

    def value(self) -> dict[str, Any]:
        """As JSON: `fields`, `calibrated`, `review_threshold`."""
        return {
            "fields": {
                place: {"confidence": round(value, 6), "review": self.needs_review(place)}
                for place, value in self.confidences.items()
            },
            "calibrated": self.is_calibrated,
            "review_threshold": self.threshold,
        }


def judged(
    confidences: Mapping[str, float], schema: DocumentSchema, calibration: Calibration | None
) -> Judged:
    """Calibrate what the model told; a calibration of another schema says nothing here."""
    if calibration is None or not calibration.is_for(schema):
        return Judged(dict(confidences), False, None)
    calibrator = Calibrator(calibration.pooled, calibration.per_field)
    true = {
        place: float(calibrator.apply(_ROW.sub("[]", place), [told])[0])
        for place, told in confidences.items()
    }
    return Judged(true, True, calibration.threshold)
