"""How `sightwright data show` looks at records: as they are stored, or as a run learns them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightwright.config.fusion import FusedSet
    from sightwright.config.schema import Config
    from sightwright.data.encode import Arrange
    from sightwright.data.show import How


@dataclass(frozen=True)
class View:
    """
    Attributes:
        about: for the head of a sheet.
        max_length: of a training sequence; None where nothing says.
    """

    how: "How"
    about: dict[str, str]
    max_length: int | None = None


def as_stored(model: str, max_pixels: int | None) -> View:
    """The records' own turns, in a model's tokens."""
    import sys

    from sightwright.data.encode import Encoder, arrange_chat
    from sightwright.data.show import How
    from sightwright.model.load import load_chat_tokenizer, load_vision_spec, resolve_folder
    from sightwright.vision import PixelPolicy

    folder = resolve_folder(model)
    spec = load_vision_spec(folder)
    if max_pixels is not None:
        pixels = PixelPolicy(min(spec.pixels.min_pixels, max_pixels), max_pixels)
        spec = load_vision_spec(folder, pixels)
    tokenizer = load_chat_tokenizer(folder)
    encoder = Encoder(tokenizer, spec, arrange_chat(None), max_length=sys.maxsize)
    return View(
        How(encoder), {"model": model, "pixels": f"at most {spec.pixels.max_pixels:,} an image"}
    )


def as_trained(config: "Config", path: Path, file: Path, num_versions: int) -> View:
    """What the run of a YAML makes of the records of a file, and its length limit.

    Args:
        path: of the YAML.
        num_versions: of augmentation, to be drawn of each record; 0 for none.
    """
    import sys

    from sightwright.data.conversations import pixels_of
    from sightwright.data.encode import Encoder
    from sightwright.data.mixture_entries import entry_holding
    from sightwright.data.show import How
    from sightwright.data.show_versions import versions_of
    from sightwright.errors import ConfigError
    from sightwright.model.load import load_chat_tokenizer, load_vision_spec, resolve_folder

    if config.model.model is None:
        raise ConfigError(
            "no model, so no tokens", where=f"{path}: model.model", remedy="name one, e.g. tiny"
        )
    folder = resolve_folder(config.model.model, config.model.model_revision)
    spec = load_vision_spec(folder, pixels_of(config, load_vision_spec(folder).pixels))
    entry = entry_holding(config, file)
    encoder = Encoder(
        load_chat_tokenizer(folder),
        spec,
        _arrange(config, entry),
        max_length=sys.maxsize,
        supervise=config.template.supervise,
    )
    about = {
        "config": str(path),
        "task": config.task.type if entry is None else f"{entry.learns}, as {entry.name}",
        "model": config.model.model,
        "pixels": f"at most {spec.pixels.max_pixels:,} an image",
    }
    how = How(
        encoder,
        asks_photographs=True,
        ordering=config.custom.object_ordering_policy,
        versions=versions_of(config, num_versions, entry) if num_versions else None,
    )
    return View(how, about, config.template.max_length)


def _arrange(config: "Config", entry: "FusedSet | None") -> "Arrange":
    """The conversation that a run, or the data set of its mixture, makes of a record."""
    from functools import partial

    from sightwright.data.conversations import arrange_of, task_of
    from sightwright.data.mixture_entries import arrange_entry, within_limits

    if entry is not None:
        return partial(within_limits, entry, arrange_entry(config, entry))
    # Records keep their own instruction, so which one is the commonest changes nothing here.
    return arrange_of(config, task_of(config, None))
