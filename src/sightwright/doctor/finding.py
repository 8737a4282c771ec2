"""What the doctor says of a data set: one finding is one fault at one place, and what to do."""

from dataclasses import dataclass
from typing import Any, Literal

from sightwright.geometry import Geometry
from sightwright.geometry_json import flat

Severity = Literal["error", "warning"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning")


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that shows a finding.

    Attributes:
        reference: of the image, as the record has it; relative ones start at `root`.
        marks: shapes to be drawn on it, in pixels of an image of `size`.
        caption: what it is, in few words.
    """

    reference: str
    root: str
    caption: str
    marks: tuple[Geometry, ...] = ()
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A record that a finding across records is about, by its index, and which of its images."""

    record: int
    image: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Attributes:
        severity: an error would stop training or make its scores untrue; a warning is worth a look.
        line: of the file, from 1; 0 where the file, or several, are meant.
        what: what is wrong, with the offending value.
        remedy: what to do about it.
        subjects: what it is about, where `id` and `shown` are read only if it is listed.
    """

    check: str
    severity: Severity
    file: str
    line: int
    id: str
    what: str
    remedy: str
    shown: tuple[Shown, ...] = ()
    subjects: tuple[Subject, ...] = ()

    @property
    def where(self) -> str:
        """`file:line (id)`."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} ({self.id})" if self.id else place

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "severity": self.severity, "file": self.file, "line": self.line, "id": self.id,
            "what": self.what, "remedy": self.remedy,
        }  # fmt: skip
        marks = [{mark.kind: flat(mark)} for shown in self.shown for mark in shown.marks]
        return value | ({"marks": marks} if marks else {})
