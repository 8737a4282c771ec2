"""What augmentation makes of a record, drawn for a sheet."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sightwright.config.fusion import FusedSet
from sightwright.config.schema import Config
from sightwright.errors import ConfigError
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record

if TYPE_CHECKING:
    from PIL.Image import Image

DrawVersions = Callable[["Image", Record], "Image"]


def versions_of(config: Config, count: int, entry: FusedSet | None = None) -> DrawVersions:
    """Draws a record as it is, and as training would meet it in its first epochs.

    Args:
        count: of epochs.
        entry: the data set of the run's mixture that the record is of.

    Raises:
        ConfigError: the configuration augments nothing, or not this data set.
    """
    from sightwright.data.augment.contact_sheet import contact_sheet
    from sightwright.data.augment.pipeline import Pipeline

    settings = config.custom.effective_augmentation
    if settings is None:
        raise ConfigError(
            "no augmentation to show",
            where="custom.augmentation",
            remedy="give it operations and enabled: true",
        )
    if entry is not None and not entry.augmentation:
        raise ConfigError(
            f"the mixture leaves the images of {entry.name} as they are",
            where=config.custom.fusion_config,
            remedy="augmentation_enabled: true in its entry",
        )
    if entry is not None and not entry.curriculum:
        settings = settings.model_copy(update={"curriculum": None})
    pipeline, own_seed = Pipeline.of(settings), config.training.data_seed
    learns = config.task.type if entry is None else entry.learns

    def draw(image: "Image", record: Record) -> "Image":
        is_photograph = isinstance(record, InspectionRecord)
        return contact_sheet(
            image,
            record.objects if is_photograph else (),
            pipeline,
            count=count,
            seed=config.training.seed if own_seed is None else own_seed,
            record_id=record.key if is_photograph else record.id,
            objects_fixed=learns == "summary",
        ).image

    return draw
