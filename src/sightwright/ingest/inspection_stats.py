"""What a file's photographs hold, in numbers."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sightwright.geometry import Kind
from sightwright.ingest.spread import Spread
from sightwright.inspection_records import InspectionRecord
from sightwright.metrics.descriptions import label_of

# Descriptions that are no vocabulary have a class each: so many are told apart.
MOST_CLASSES = 10_000


@dataclass
class InspectionStats:
    """Numbers of the photographs of one file.

    Attributes:
        num_summaries: records that have a summary, whether objects are beside it or not.
        geometries: objects by the kind of their geometry.
        classes: objects by class; those of classes that came after the first 10,000 are
            `num_of_other_classes`.
        points: how many a polygon or a line has.
        pixels: of the photographs, in thousands.
    """

    num_records: int = 0
    num_summaries: int = 0
    num_of_other_classes: int = 0
    geometries: Counter[Kind] = field(default_factory=Counter[Kind])
    classes: Counter[str] = field(default_factory=Counter[str])
    objects: Spread = field(default_factory=Spread)
    points: Spread = field(default_factory=Spread)
    desc_characters: Spread = field(default_factory=Spread)
    summary_characters: Spread = field(default_factory=Spread)
    pixels: Spread = field(default_factory=Spread)

    def add(self, record: InspectionRecord) -> None:
        self.num_records += 1
        self.pixels.add(round(record.width * record.height / 1000))
        self.objects.add(len(record.objects))
        if record.summary is not None:
            self.num_summaries += 1
            self.summary_characters.add(len(record.summary))
        for item in record.objects:
            self.desc_characters.add(len(item.desc))
            self.geometries[item.geometry.kind] += 1
            if item.geometry.kind != "bbox_2d":
                self.points.add(len(item.geometry.points))
            self._add_class(label_of(item.desc))

    def _add_class(self, name: str) -> None:
        if name in self.classes or len(self.classes) < MOST_CLASSES:
            self.classes[name] += 1
        else:
            self.num_of_other_classes += 1

    def value(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "records": self.num_records,
            "summaries": self.num_summaries,
            "objects": self.objects.value(),
            "objects_total": self.geometries.total(),
            "geometries": dict(self.geometries.most_common()),
            "classes": dict(self.classes.most_common()),
            "of_other_classes": self.num_of_other_classes,
            "points": self.points.value(),
            "desc_characters": self.desc_characters.value(),
            "summary_characters": self.summary_characters.value(),
            "kilopixels": self.pixels.value(),
        }
