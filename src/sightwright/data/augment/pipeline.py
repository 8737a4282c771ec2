"""The operations of `custom.augmentation`, done to an image and its objects.

    pipeline = Pipeline.of(config.custom.effective_augmentation)
    result = pipeline.apply(
        image, record.objects, seed=42, epoch=0, record_id=record.id, progress=Progress(0.25)
    )
    result.image, result.objects, result.report

What happens to a record in an epoch follows from (seed, epoch, record id) and the settings alone:
not from the worker, the batch, or the records before it. Each operation has a stream of random
numbers of its own, so that one more of them leaves the others' numbers as they were.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sightwright.config.sections.augmentation import CHANGES_OBJECTS, Augmentation
from sightwright.config.sections.augmentation_ops import (
    AffineStep,
    BarrierStep,
    ColourStep,
    ExpandToFitAffine,
    PadToMultiple,
    ResizeByScale,
    ScanStep,
    SmallObjectZoomPaste,
    Step,
)
from sightwright.data.augment.affine import map_of
from sightwright.data.augment.canvas import Canvas
from sightwright.data.augment.colour import recoloured
from sightwright.data.augment.crop import crop
from sightwright.data.augment.curriculum import START, Progress, Schedule, Strengths, strengthened
from sightwright.data.augment.paste import zoom_paste
from sightwright.data.augment.report import Report, Skipped
from sightwright.data.augment.scans import scanned
from sightwright.data.augment.sizes import expand_to_fit_affine, pad_to_multiple, resize_by_scale
from sightwright.errors import DataError
from sightwright.inspection_records import DenseObject

OBJECTS_ARE_FIXED = "would drop or add objects, and a text about all of them is learnt"


@dataclass(frozen=True)
class Augmented:
    """An image after the pipeline, its objects in its own pixels, and what was done."""

    image: Image.Image
    objects: tuple[DenseObject, ...]
    report: Report


@dataclass(frozen=True)
class Pipeline:
    """What training images go through; holds settings alone, so that workers can be sent it."""

    steps: tuple[Step, ...]
    streams: tuple[str, ...]
    bypass_prob: float
    schedule: Schedule | None

    @classmethod
    def of(cls, settings: Augmentation) -> "Pipeline":
        """The pipeline of `custom.effective_augmentation`."""
        names = [step.name for step in settings.ops]
        streams = tuple(f"{name}/{names[:i].count(name)}" for i, name in enumerate(names))
        return cls(settings.ops, streams, settings.bypass_prob, Schedule.of(settings))

    def skipped_when_fixed(self) -> tuple[str, ...]:
        """Operations that are left out for records whose objects must stay as they are."""
        names = (step.name for step in self.steps if step.name in CHANGES_OBJECTS)
        return tuple(dict.fromkeys(names))

    def strengths(self, progress: Progress) -> Strengths:
        """Of a point of the run."""
        return (
            Strengths(self.bypass_prob, {}) if self.schedule is None else self.schedule.at(progress)
        )

    def apply(
        self,
        image: Image.Image,
        objects: tuple[DenseObject, ...] = (),
        *,
        seed: int,
        epoch: int,
        record_id: str,
        progress: Progress = START,
        objects_fixed: bool = False,
    ) -> Augmented:
        """Do to an image, and its objects with it, what this epoch has for the record.

        Args:
            image: RGB, upright; it is not changed.
            objects: in its pixels, valid.
            progress: read by a curriculum alone.
            objects_fixed: a summary is learnt: no object may be dropped or added.

        Returns:
            The image with its objects in whole pixels and canonical form, in the given order,
            copies at the end. Where nothing moved, the objects are as they came.

        Raises:
            DataError: an image that is not RGB.
        """
        if image.mode != "RGB":
            raise DataError(f"augmentation takes RGB images, not {image.mode}", where=record_id)
        streams = Streams(seed, epoch, record_id)
        canvas = Canvas.of(image, objects, objects_fixed)
        strengths = self.strengths(progress)
        bypassed = streams.of("bypass").random() < strengths.bypass_prob
        if not bypassed:
            self._run(canvas, strengths, streams)
        canvas.finish(objects)
        return _result(canvas, bypassed)

    def _run(self, canvas: Canvas, strengths: Strengths, streams: "Streams") -> None:
        deferred: list[tuple[ColourStep | ScanStep, np.random.Generator]] = []
        steps = strengthened(self.steps, strengths)
        for step, stream in zip(steps, self.streams, strict=True):
            rng = streams.of(stream)
            if not _fires(step, rng):
                continue
            if canvas.objects_fixed and step.name in CHANGES_OBJECTS:
                canvas.log.skipped.append(Skipped(step.name, OBJECTS_ARE_FIXED))
            elif isinstance(step, AffineStep):
                canvas.gather(map_of(step, canvas.size, rng), step.name)
            elif isinstance(step, ColourStep | ScanStep):
                deferred.append((step, rng))
            else:
                _draw(canvas, step, rng)
        canvas.flush()
        for step, rng in deferred:
            if isinstance(step, ScanStep):
                canvas.image = scanned(canvas.image, step, rng)
            else:
                canvas.image = recoloured(canvas.image, step, rng)
            canvas.log.applied.append(step.name)


class Streams:
    """Random numbers of one record in one epoch, a stream for each operation."""

    def __init__(self, seed: int, epoch: int, record_id: str) -> None:
        self._base = hashlib.blake2b(f"{seed}/{epoch}/{record_id}".encode(), digest_size=32)

    def of(self, name: str) -> np.random.Generator:
        hashed = self._base.copy()
        hashed.update(f"\n{name}".encode())
        entropy = int.from_bytes(hashed.digest(), "little")
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def _fires(step: Step, rng: np.random.Generator) -> bool:
    if isinstance(step, ExpandToFitAffine | PadToMultiple):
        return True
    return rng.random() < step.params.prob


def _draw(
    canvas: Canvas, step: BarrierStep | SmallObjectZoomPaste, rng: np.random.Generator
) -> None:
    """The operations before which everything gathered is drawn."""
    match step:
        case ResizeByScale(params=params):
            resize_by_scale(canvas, params, rng)
        case ExpandToFitAffine(params=params):
            expand_to_fit_affine(canvas, params)
        case PadToMultiple(params=params):
            pad_to_multiple(canvas, params)
        case SmallObjectZoomPaste(params=params):
            zoom_paste(canvas, params, rng)
        case _:
            crop(canvas, step, rng)


def _result(canvas: Canvas, bypassed: bool) -> Augmented:
    log = canvas.log
    report = Report(
        bypassed=bypassed,
        applied=tuple(log.applied),
        sources=tuple(each.index for each in canvas.objects),
        coverages=tuple(each.coverage for each in canvas.objects),
        dropped=tuple(log.dropped),
        added=tuple(log.added),
        skipped=tuple(log.skipped),
        reshaped=tuple(log.reshaped),
        partial=tuple(log.partial),
        width=canvas.image.width,
        height=canvas.image.height,
        padding_ratio=canvas.padding_ratio,
    )
    return Augmented(canvas.image, tuple(each.item for each in canvas.objects), report)
