"""From a configuration to what a trainer needs: records first, because they are checked in seconds;
weights after them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from transformers import PreTrainedModel, set_seed

from sightwright.certificate import Certificate, Pixels, StoredSchema, write
from sightwright.certificate import Task as StoredTask
from sightwright.chat import ChatTokenizer
from sightwright.config.schema import Config
from sightwright.data.conversations import pixels_of
from sightwright.data.encode import Arrange, Encoder
from sightwright.data.training_sets import TrainingSets, open_sets
from sightwright.model.adapters import prepare_model
from sightwright.model.attention import attend_by_document
from sightwright.model.load import (
    load_chat_tokenizer,
    load_model,
    load_vision_spec,
    resolve_attention,
    resolve_folder,
)
from sightwright.model.processor import copy_processor_files
from sightwright.model.qwen3_vl import compile_layers
from sightwright.tasks.extract import ExtractTask
from sightwright.tasks.inspection import kind_of
from sightwright.tasks.taught import stored
from sightwright.tasks.verdict import VerdictTask
from sightwright.train.best_metric import require_known_metric
from sightwright.train.precision import Precision
from sightwright.train.sharding import sharding_of
from sightwright.vision import VisionSpec

T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """Everything of a run but its trainer.

    Attributes:
        model: frozen and adapted as the YAML says.
        sets: the records, and what is asked about them.
        notes: where what runs differs from what the YAML says.
    """

    base_folder: Path
    model: nn.Module
    tokenizer: ChatTokenizer
    spec: VisionSpec
    sets: TrainingSets
    certificate: Certificate
    notes: tuple[str, ...]

    def stamp(self, folder: Path) -> None:
        """Write what a checkpoint of this run says of itself into its folder.

        Whole weights get the base's tokenizer and processor files too: they are a model then, that
        can be evaluated and served as it lies.
        """
        write(folder, self.certificate)
        if (folder / "config.json").is_file():  # an adapter's folder has none
            copy_processor_files(self.base_folder, folder, self.spec.pixels)


def prepare(config: Config, precision: Precision) -> Prepared:
    """Check every record, then load and adapt the model.

    Raises:
        ConfigError, DataError, ModelError: as `sft.train` lists them.
    """
    base_folder = resolve_folder(_given(config.model.model), config.model.model_revision)
    tokenizer = load_chat_tokenizer(base_folder)
    own_pixels = load_vision_spec(base_folder).pixels
    spec = load_vision_spec(base_folder, pixels_of(config, own_pixels))

    def make_encoder(arrange: Arrange) -> Encoder:
        return Encoder(
            tokenizer,
            spec,
            arrange,
            max_length=_given(config.template.max_length),
            supervise=config.template.supervise,
        )

    sets = open_sets(config, make_encoder)
    require_known_metric(config, sets.held_out)
    set_seed(config.training.seed)  # Adapters are drawn here, and before every trainer exists.
    model = _model(config, precision, base_folder)
    return Prepared(
        base_folder=base_folder,
        model=model,
        tokenizer=tokenizer,
        spec=spec,
        sets=sets,
        certificate=_certificate(config, spec, sets),
        notes=(*_notes(config, precision, sets), *sets.notes),
    )


def _notes(config: Config, precision: Precision, sets: TrainingSets) -> Iterator[str]:
    attention = resolve_attention(config.model.attn_impl)
    yield from (reason for reason in (precision.reason, attention.reason) if reason)
    task = sets.task
    if isinstance(task, ExtractTask) and config.task.prompt is None and len(sets.prompts) > 1:
        yield (
            f"the records ask in {len(sets.prompts)} ways; the certificate stores the commonest: "
            f"{task.prompt[:60]!r}"
        )


def _model(config: Config, precision: Precision, folder: Path) -> nn.Module:
    model: PreTrainedModel = load_model(
        folder,
        precision.weights,
        config.model.attn_impl,
        _device(config),
        quantization=config.quantization if config.quantizes_base else None,
    )
    if config.data.batching.type != "padded":
        attend_by_document(model)
    model.config.use_cache = False
    prepared = prepare_model(model, config.tuner, resume_from=config.tuner.resume_from_checkpoint)
    if config.model.compile_layers:
        compile_layers(prepared)
    return prepared


def _device(config: Config) -> str | None:
    """Each process of torchrun takes a GPU of its own; None leaves the choice to the loader."""
    # What will lie in shards has no room on a GPU as a whole.
    if config.training.use_cpu or sharding_of(config).shards_weights:
        return "cpu"
    rank = os.environ.get("LOCAL_RANK")
    return None if rank is None or not torch.cuda.is_available() else f"cuda:{rank}"


def _certificate(config: Config, spec: VisionSpec, sets: TrainingSets) -> Certificate:
    pixels = Pixels(min_pixels=spec.pixels.min_pixels, max_pixels=spec.pixels.max_pixels)
    return Certificate(
        base_model=_given(config.model.model), pixels=pixels, task=_stored_task(config, sets)
    )


def _stored_task(config: Config, sets: TrainingSets) -> StoredTask:
    task = sets.task
    schema = inspection = None
    match task:
        case None:
            kind, question = "chat", ""
        case ExtractTask():
            kind, question, schema = "extract", task.prompt, StoredSchema.of(task.schema)
        case VerdictTask(prompt=own):
            kind, question = "verdict", sets.commonest_prompt if own is None else own.user
            inspection = None if own is None else stored(own, sets.asking)
        case _:
            kind, question = kind_of(task), task.prompt.user
            inspection = stored(task.prompt, sets.asking)
    return StoredTask(
        type=kind,
        prompt=question,
        order=config.task.order,
        json_schema=schema,
        prompt_has_schema=config.task.prompt_has_schema,
        max_output_tokens=config.task.max_output_tokens,
        inspection=inspection,
    )


def _given(value: T | None) -> T:
    """A setting that `require_trainable` has made sure of."""
    assert value is not None
    return value
