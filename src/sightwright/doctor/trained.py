"""Records as a YAML's run would learn them: for their lengths in tokens, and what answers must fit.

Images are not changed and objects not capped: a mixture that does either learns no more than this.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright.config.fusion import load_fusion
from sightwright.config.load import load_config
from sightwright.config.schema import Config
from sightwright.data.conversations import (
    arrange_groups_of,
    arrange_of,
    pixels_of,
    task_of,
)
from sightwright.data.encode import Arrange, ArrangeGroup, Encoder, photograph_of
from sightwright.data.mixture_entries import arrange_entry
from sightwright.errors import ConfigError
from sightwright.record_formats import Record
from sightwright.records import Message
from sightwright.tasks.dense import GroupMode, group_modes
from sightwright.tasks.extract import ExtractTask

if TYPE_CHECKING:
    from sightwright.schema import DocumentSchema


@dataclass(frozen=True)
class Grouped:
    """How `custom.legacy_pairing` learns.

    Attributes:
        size: records of a group.
        encoders: a record as a group by itself, in each way that groups learn.
        held_out: the file whose records are asked one by one; None where there is none.
    """

    size: int
    encoders: tuple[Encoder, ...]
    held_out: Path | None


@dataclass(frozen=True)
class Trained:
    """How a run learns.

    Attributes:
        by_file: of the files of a mixture, the way of each entry that learns from it.
        other: of any other file.
        max_length: a record that reaches it is refused.
        grouped: None where every record is learnt by itself.
    """

    by_file: Mapping[Path, tuple[Encoder, ...]]
    other: Encoder
    schema: "DocumentSchema | None"
    max_length: int
    grouped: Grouped | None = None

    def encoders(self, file: Path) -> tuple[Encoder, ...]:
        return self.by_file.get(file.resolve(), (self.other,))

    def group_encoders(self, file: Path) -> tuple[Encoder, ...]:
        if self.grouped is None or file.resolve() == self.grouped.held_out:
            return ()
        return self.grouped.encoders


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
    limit = config.template.max_length or sys.maxsize
    return Trained(by_file, other, schema, limit, _grouped(config, other))


def _grouped(config: Config, other: Encoder) -> Grouped | None:
    pairing = config.custom.legacy_pairing
    if pairing is None:
        return None
    arrange = arrange_groups_of(config)
    encoders = tuple(
        replace(other, arrange=partial(_alone, arrange, mode))
        for mode in group_modes(pairing.summary_ratio)
    )
    train, held_out = (
        None if file is None else Path(file).resolve()
        for file in (config.custom.train_jsonl, config.custom.val_jsonl)
    )
    return Grouped(pairing.group_size, encoders, None if held_out == train else held_out)


def _alone(
    arrange: ArrangeGroup, mode: GroupMode, record: Record, epoch: int | None = None, /
) -> tuple[Message, ...]:
    return arrange([photograph_of(record)], mode)


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
