"""COCO's average precision and recall of answered objects, as a second number beside F1.

A detector ranks its boxes; a model that writes objects ranks them by how sure it was of their
tokens (`infer.object_scores`). Boxes and polygons count; COCO knows no lines, so they are left out
and counted. Computed by faster-coco-eval, whose numbers are pycocotools'.

A class that no label holds has no average precision, and by COCO's rule is left out of the mean:
what an answer invents of it costs nothing here. F1 counts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightwright.geometry import Line, area, bounds
from sightwright.inspection_records import DenseObject
from sightwright.metrics.descriptions import label_of

Overlap = Literal["bbox", "segm"]


@dataclass(frozen=True)
class ScoredImage:
    """One image's objects, wanted and answered, in pixels.

    Attributes:
        scores: how sure the model was of each answered object, 0 to 1.
    """

    gold: tuple[DenseObject, ...]
    answer: tuple[DenseObject, ...]
    scores: tuple[float, ...]
    width: int
    height: int


@dataclass(frozen=True)
class CocoScores:
    """COCO's numbers; None where no label holds a box or polygon.

    Attributes:
        ap: over IoU 0.50:0.05:0.95, mean over classes; `ap_50` and `ap_75` at one IoU.
        ar: average recall, over the same IoUs.
        classes: class → AP; those that labels hold.
        lines: lines of labels and answers, left out.
        beyond_limit: answered objects left out because an image had more than `max_detections` of
            one class.
    """

    ap: float | None
    ap_50: float | None
    ap_75: float | None
    ar: float | None
    classes: dict[str, float]
    lines: int
    beyond_limit: int


def coco_scores(
    images: Sequence[ScoredImage], overlap: Overlap = "segm", *, max_detections: int = 100
) -> CocoScores:
    """Average precision and recall over images.

    Args:
        overlap: IoU of outlines (`segm`, a box being one of four corners), or of bounding boxes.
        max_detections: of one class in an image, the surest first; 100 as COCO has it.

    Raises:
        ValueError: scores that are not one for each answered object.
    """
    if any(len(image.scores) != len(image.answer) for image in images):
        raise ValueError("one score for each answered object")
    labels = _labels(images)
    gold, answers, lines = _annotations(images, {label: i for i, label in enumerate(labels, 1)})
    beyond = _beyond_limit(answers, max_detections)
    if not gold:
        return CocoScores(None, None, None, None, {}, lines, beyond)
    precision_TRK, recall_TK = _evaluated(images, labels, gold, answers, overlap, max_detections)
    per_class = {
        label: float(precision_TRK[:, :, k].mean())
        for k, label in enumerate(labels)
        if (precision_TRK[:, :, k] > -1).all()
    }
    return CocoScores(
        ap=_mean(precision_TRK),
        ap_50=_mean(precision_TRK[0]),
        ap_75=_mean(precision_TRK[5]),
        ar=_mean(recall_TK),
        classes=per_class,
        lines=lines,
        beyond_limit=beyond,
    )


def _labels(images: Sequence[ScoredImage]) -> list[str]:
    return sorted({label_of(each.desc) for image in images for each in image.gold + image.answer})


def _annotations(
    images: Sequence[ScoredImage], numbers: dict[str, int]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """COCO's annotations of the labels and of the answers, and how many lines are left out."""
    gold: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    lines = 0
    for image_id, image in enumerate(images, start=1):
        for each in image.gold:
            if isinstance(each.geometry, Line):
                lines += 1
                continue
            made = _annotation(each, image_id, numbers, image)
            gold.append({**made, "id": len(gold) + 1, "iscrowd": 0})
        for each, score in zip(image.answer, image.scores, strict=True):
            if isinstance(each.geometry, Line):
                lines += 1
                continue
            answers.append({**_annotation(each, image_id, numbers, image), "score": score})
    return gold, answers, lines


def _annotation(
    each: DenseObject, image_id: int, numbers: dict[str, int], image: ScoredImage
) -> dict[str, Any]:
    from faster_coco_eval import mask  # pyright: ignore[reportMissingTypeStubs]

    box = bounds(each.geometry)
    ring = [float(number) for point in each.geometry.points for number in point]
    coded: Any = mask
    return {
        "image_id": image_id,
        "category_id": numbers[label_of(each.desc)],
        "bbox": [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1],
        "segmentation": coded.merge(coded.frPyObjects([ring], image.height, image.width)),
        "area": area(each.geometry),
    }


def _beyond_limit(answers: Sequence[dict[str, Any]], max_detections: int) -> int:
    counts: dict[tuple[int, int], int] = {}
    for each in answers:
        place = (each["image_id"], each["category_id"])
        counts[place] = counts.get(place, 0) + 1
    return sum(max(0, count - max_detections) for count in counts.values())


def _evaluated(
    images: Sequence[ScoredImage],
    labels: Sequence[str],
    gold: list[dict[str, Any]],
    answers: list[dict[str, Any]],
    overlap: Overlap,
    max_detections: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision [IoU, recall step, class] and recall [IoU, class]; -1 where no label is."""
    import faster_coco_eval  # pyright: ignore[reportMissingTypeStubs]

    library: Any = faster_coco_eval
    described: dict[str, Any] = {
        "info": {},
        "images": [
            {"id": i, "width": image.width, "height": image.height}
            for i, image in enumerate(images, start=1)
        ],
        "categories": [{"id": i, "name": label} for i, label in enumerate(labels, start=1)],
        "annotations": gold,
    }
    wanted = library.COCO(described)
    run = library.COCOeval_faster(
        wanted, wanted.loadRes(answers), overlap, print_function=_say_nothing, rle_iou_max_workers=1
    )
    run.params.maxDets = [max_detections]
    run.evaluate()
    run.accumulate()
    # Axes of the library: IoU, recall step, class, range of areas (all first), detections.
    precision, recall = np.asarray(run.eval["precision"]), np.asarray(run.eval["recall"])
    return precision[:, :, :, 0, 0], recall[:, :, 0, 0]


def _say_nothing(*_: object) -> None:
    """The library reports its progress; the caller has its own."""


def _mean(values: NDArray[np.float64]) -> float | None:
    some = values[values > -1]
    return float(some.mean()) if some.size else None
