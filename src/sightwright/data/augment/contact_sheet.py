"""What augmentation makes of one record: several versions, their objects drawn, as one picture."""

import sys
from dataclasses import dataclass

from PIL import Image

from sightwright.data.augment.curriculum import Progress
from sightwright.data.augment.pipeline import Augmented, Pipeline
from sightwright.data.augment.report import Report
from sightwright.draw.overlay import draw_objects
from sightwright.draw.tiles import laid_out
from sightwright.inspection_records import DenseObject

END = Progress(share=1.0, step=sys.maxsize)
"""Behind every phase of a curriculum, be it in shares or in steps."""


@dataclass(frozen=True)
class ContactSheet:
    """The picture, and the versions on it after the record itself."""

    image: Image.Image
    versions: tuple[Augmented, ...]


def contact_sheet(
    image: Image.Image,
    objects: tuple[DenseObject, ...],
    pipeline: Pipeline,
    *,
    count: int,
    seed: int,
    record_id: str,
    progress: Progress = END,
    objects_fixed: bool = False,
    tile_px: int = 420,
    labels: bool = True,
) -> ContactSheet:
    """Draw a record as it is, and as it is met in the first `count` epochs.

    Args:
        image: RGB.
        count: versions, 1 and above.
        progress: of the run, for a curriculum; its end by default, where it is strongest.
        tile_px: longest side of each version.
    """
    versions = tuple(
        pipeline.apply(
            image, objects, seed=seed, epoch=epoch, record_id=record_id, progress=progress,
            objects_fixed=objects_fixed,
        )
        for epoch in range(count)
    )  # fmt: skip
    pictures = [draw_objects(image, objects, labels=labels, max_side=tile_px)]
    pictures += [
        draw_objects(each.image, each.objects, labels=labels, max_side=tile_px) for each in versions
    ]
    captions = ["as it is", *(f"epoch {i}: {caption(v.report)}" for i, v in enumerate(versions))]
    return ContactSheet(laid_out(pictures, captions, lines=2), versions)


def caption(report: Report) -> str:
    """What was done, in a line: `rotate, gamma; 1 dropped`."""
    if report.bypassed:
        return "bypassed"
    counts = {"dropped": len(report.dropped), "added": len(report.added)}
    told = [f"{number} {what}" for what, number in counts.items() if number]
    return "; ".join([", ".join(report.applied) or "nothing done", *told])
