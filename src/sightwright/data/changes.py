"""What training does to a record and its images before it learns from them: augmentation, limits.

Seed, epoch and record decide what happens, whichever of the loader's processes does it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from sightwright.config.fusion import FusedSet
from sightwright.data.augment.curriculum import Progress
from sightwright.data.augment.pipeline import Pipeline
from sightwright.data.dataset import Shown
from sightwright.data.pixels import PatchedImage
from sightwright.inspection_records import InspectionRecord
from sightwright.sampling.caps import limit_objects
from sightwright.sampling.plan import Pick


@dataclass(frozen=True)
class TrainingChange:
    """See the module.

    Attributes:
        pipeline: the augmentation; None for none.
        limits: of an entry of a mixture; None for none.
        objects_fixed: the text to learn speaks of all objects, so none may be dropped or added.
    """

    seed: int
    pipeline: Pipeline | None = None
    limits: FusedSet | None = None
    objects_fixed: bool = False

    def __call__(self, shown: Shown, pick: Pick, /) -> Shown:
        if self.pipeline is not None:
            shown = self._augmented(shown, pick, self.pipeline)
        record = shown.record
        if self.limits is None or not isinstance(record, InspectionRecord):
            return shown
        limited = limit_objects(
            record.objects, self.limits, seed=self.seed, epoch=pick.epoch, key=record.key
        )
        counts = Counter(boxed=limited.num_boxed, left_out=limited.num_left_out)
        return replace(
            shown,
            record=replace(record, objects=limited.objects),
            changes=shown.changes + counts,
        )

    def _augmented(self, shown: Shown, pick: Pick, pipeline: Pipeline) -> Shown:
        record = shown.record
        photograph = record if isinstance(record, InspectionRecord) else None
        name = (record.key if isinstance(record, InspectionRecord) else record.id) or str(
            shown.place
        )
        images = []
        changes = Counter(shown.changes)
        for number, image in enumerate(shown.images):
            assert not isinstance(image, PatchedImage), "patches cannot be turned and stretched"
            result = pipeline.apply(
                image,
                () if photograph is None else photograph.objects,
                seed=self.seed,
                epoch=pick.epoch,
                record_id=name if number == 0 else f"{name}#{number}",
                progress=Progress(pick.progress, pick.step),
                objects_fixed=self.objects_fixed,
            )
            images.append(result.image)
            changes += result.report.counts()
            if photograph is not None:
                width, height = result.image.size
                record = replace(photograph, width=width, height=height, objects=result.objects)
        return replace(shown, record=record, images=tuple(images), changes=changes)
