"""Images that cannot be opened, and records that tell another size than their image has."""

from collections.abc import Iterator

from sightwright.doctor.exam import Exam
from sightwright.doctor.finding import Finding


def check_images(exam: Exam) -> Iterator[Finding]:
    """Missing, empty, broken or oversized files; recorded size ≠ real size."""
    for image in exam.images:
        if image.problem:
            yield exam.finding(
                "images", "error", f"{image.reference[:200]}: {image.problem}",
                "mend the path or the file, or take the record out", image=None,
            )  # fmt: skip
    if (record := exam.inspection) is None or (size := exam.images[0].size) is None:
        return
    recorded = (record.width, record.height)
    if recorded == size:
        return
    what = f"the record says {recorded[0]}x{recorded[1]} pixels, its image has {size[0]}x{size[1]}"
    if recorded == exam.images[0].stored:
        what += " once it is turned upright as its EXIF orientation says"
    marks = tuple(each.geometry for each in record.objects)
    yield exam.finding(
        "images", "error", what,
        "bring width, height and every geometry to the upright image's pixels: "
        "`sightwright ingest annotations` does", marks=marks, size=recorded,
    )  # fmt: skip
