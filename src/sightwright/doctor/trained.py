"""Records as a YAML's run would learn them: for their lengths in tokens, and what answers must fit.

Images are not changed and objects not capped: a mixture that does either learns no more than this.
Groups of `legacy_pairing` are longer; training adds their lengths up before its first step.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright.config.fusion import load_fusion
from sightwright.config.load import load_config
from sightwright.config.schema import Config
from sightwright.data.conversations import (
    arrange_of,
    pixels_of,
    task_of,
)
from sightwright.data.encode import Arrange, Encoder
from sightwright.data.mixture_entries import arrange_entry
from sightwright.errors import ConfigError
from sightwright.tasks.extract import ExtractTask

if TYPE_CHECKING:
    from sightwright.schema import DocumentSchema


@dataclass(frozen=True)
class Trained:
    """How a run learns.

    Attributes:
        by_file: of the files of a mixture, the way of each entry that learns from it.
        other: of any other file.
        max_length: a record that reaches it is refused.
    """

    by_file: Mapping[Path, tuple[Encoder, ...]]
    other: Encoder
    schema: "DocumentSchema | None"
    max_length: int

    def encoders(self, file: Path) -> tuple[Encoder, ...]:
        return self.by_file.get(file.resolve(), (self.other,))


def as_trained(path: Path) -> Trained:
    """Read a YAML as training does.

    Raises:
        SightwrightError: a YAML, a model, a mixture or a schema that cannot be used.
    """
    from sightwright.model.load import load_chat_tokenizer, load_vision_spec, resolve_folder

    config = load_config(path).config
    if config.model.model is None:
        raise ConfigError(
            "no model, so no tokens", where=f"{path}: model.model", remedy="name one, e.g. tiny"
        )
    folder = resolve_folder(config.model.model, config.model.model_revision)
    spec = load_vision_spec(folder, pixels_of(config, load_vision_spec(folder).pixels))
    # Records keep their own instruction, so which one is the commonest changes nothing here.
    task = task_of(config, None)
    other = Encoder(
        load_chat_tokenizer(folder), spec, arrange_of(config, task),
        max_length=sys.maxsize, supervise=config.template.supervise,
    )  # fmt: skip
    by_file = {
        file: tuple(replace(other, arrange=arrange) for arrange in arranges)
        for file, arranges in _arranges(config).items()
    }
    schema = task.schema if isinstance(task, ExtractTask) else None
    return Trained(by_file, other, schema, config.template.max_length or sys.maxsize)


def _arranges(config: Config) -> dict[Path, list[Arrange]]:
    """Of each file of a mixture, what is made of its records."""
    if config.custom.fusion_config is None:
        return {}
    found: dict[Path, list[Arrange]] = {}
    for each in load_fusion(Path(config.custom.fusion_config)).sets:
        for file in (each.train_jsonl, each.val_jsonl):
            if file is not None:
                arrange = arrange_entry(config, each, measures=True)
                found.setdefault(file.resolve(), []).append(arrange)
    return found
