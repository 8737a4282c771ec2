"""What augmentation makes of one record: several versions, their objects drawn, as one picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from sightwright.data.augment.curriculum import Progress
from sightwright.data.augment.pipeline import Augmented, Pipeline
from sightwright.data.augment.report import Report
from sightwright.draw.overlay import draw_objects
from sightwright.inspection_records import DenseObject

END = Progress(share=1.0)

_CAPTION_PX = 30
_TEXT_PX = 12
_GAP_PX = 8
_PAPER = (255, 255, 255)
_INK = (40, 40, 40)


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
    return ContactSheet(_laid_out(pictures, captions), versions)


def caption(report: Report) -> str:
    """What was done, in a line: `rotate, gamma; 1 dropped`."""
    if report.bypassed:
        return "bypassed"
    counts = {"dropped": len(report.dropped), "added": len(report.added)}
    told = [f"{number} {what}" for what, number in counts.items() if number]
    return "; ".join([", ".join(report.applied) or "nothing done", *told])


def _laid_out(pictures: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """In rows, as square a sheet as the pictures make."""
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width = max(picture.width for picture in pictures) + _GAP_PX
    height = max(picture.height for picture in pictures) + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (columns * width + _GAP_PX, rows * height + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT_PX)
    for number, (picture, text) in enumerate(zip(pictures, captions, strict=True)):
        x = _GAP_PX + number % columns * width
        y = _GAP_PX + number // columns * height
        draw.multiline_text((x, y), _wrapped(text, font, width - _GAP_PX), fill=_INK, font=font)
        sheet.paste(picture, (x, y + _CAPTION_PX))
    return sheet


def _wrapped(text: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: int) -> str:
    """On two lines at most; what finds no room there ends in three dots."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines if len(lines) < 3 else [lines[0], f"{lines[1]} ..."])
