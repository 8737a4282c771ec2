"""Objects off their image, and shapes that cover nothing or cross themselves."""

from collections.abc import Iterator

from sightwright.doctor.exam import Exam
from sightwright.doctor.finding import Finding


def check_geometry(exam: Exam) -> Iterator[Finding]:
    """One finding an object."""
    for shape in exam.faulty_shapes:
        yield exam.finding(
            "geometry",
            "error",
            f"object {shape.number} ({shape.desc[:60]}): {'; '.join(shape.faults)}",
            "mend the annotation, or have `sightwright ingest annotations` clip it to its image",
            marks=() if shape.geometry is None else (shape.geometry,),
        )
