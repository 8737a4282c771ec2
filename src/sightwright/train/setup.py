"""From a configuration to what a trainer needs: records first, because they are checked in seconds;
weights after them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn
from transformers import PreTrainedModel, set_seed

from sightwright.certificate import Certificate, Pixels, StoredSchema, Task, write
from sightwright.chat import ChatTokenizer
from sightwright.config.schema import Config
from sightwright.data.conversations import (
    arrange_of,
    asked_with,
    extract_task_of,
    pixels_of,
    prompts_of,
)
from sightwright.data.dataset import Lengths, RecordDataset, TrainingRecords
from sightwright.data.encode import Encoder
from sightwright.model.adapters import prepare_model
from sightwright.model.attention import attend_by_document
from sightwright.model.load import (
    load_chat_tokenizer,
    load_model,
    load_vision_spec,
    resolve_attention,
    resolve_folder,
)
from sightwright.records import ChatRecord
from sightwright.train.precision import Precision
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from sightwright.tasks.extract import ExtractTask

T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """Everything of a run but its trainer.

    Attributes:
        model: frozen and adapted as the YAML says.
        task: None where answers are free text.
        lengths: of the training records.
        notes: where what runs differs from what the YAML says.
    """

    base_folder: Path
    model: nn.Module
    tokenizer: ChatTokenizer
    spec: VisionSpec
    task: ExtractTask | None
    train: TrainingRecords
    lengths: Lengths
    held_out: RecordDataset | None
    certificate: Certificate
    notes: tuple[str, ...]

    def stamp(self, folder: Path) -> None:
        """Write what a checkpoint of this run says of itself into its folder."""
        write(folder, self.certificate)


def prepare(config: Config, precision: Precision) -> Prepared:
    """Check every record, then load and adapt the model.

    Raises:
        ConfigError, DataError, ModelError: as `sft.train` lists them.
    """
    base_folder = resolve_folder(_given(config.model.model), config.model.model_revision)
    tokenizer = load_chat_tokenizer(base_folder)
    own_pixels = load_vision_spec(base_folder).pixels
    spec = load_vision_spec(base_folder, pixels_of(config, own_pixels))
    path = Path(_given(config.custom.train_jsonl))
    prompts = prompts_of(path)
    task = extract_task_of(config, prompts) if config.task.type == "extract" else None
    encoder = Encoder(
        tokenizer,
        spec,
        arrange_of(config, task),
        max_length=_given(config.template.max_length),
        supervise=config.template.supervise,
    )
    train, lengths = RecordDataset.open(path, encoder, limit=config.custom.limit("train"))
    held_out = _held_out(config, encoder)
    set_seed(config.training.seed)  # Adapters are drawn here, and before every trainer exists.
    model = _model(config, precision, base_folder)
    return Prepared(
        base_folder=base_folder,
        model=model,
        tokenizer=tokenizer,
        spec=spec,
        task=task,
        train=train,
        lengths=lengths,
        held_out=held_out,
        certificate=_certificate(config, spec, task),
        notes=tuple(_notes(config, precision, task, prompts)),
    )


def _notes(
    config: Config, precision: Precision, task: ExtractTask | None, prompts: Counter[str]
) -> Iterator[str]:
    attention = resolve_attention(config.model.attn_impl)
    yield from (reason for reason in (precision.reason, attention.reason) if reason)
    if task is not None and config.task.prompt is None and len(prompts) > 1:
        yield (
            f"the records ask in {len(prompts)} ways; the certificate stores the commonest: "
            f"{task.prompt[:60]!r}"
        )


def held_out_records(config: Config, dataset: RecordDataset) -> Sequence[ChatRecord]:
    """The records that evaluation during training answers: the first `eval.max_records`."""
    limit = config.eval.max_records
    count = len(dataset) if limit is None else min(limit, len(dataset))
    return [asked_with(config.task.prompt, dataset.record(index)) for index in range(count)]


def _held_out(config: Config, encoder: Encoder) -> RecordDataset | None:
    if config.custom.val_jsonl is None or config.training.eval_strategy == "no":
        return None
    path = Path(config.custom.val_jsonl)
    dataset, _ = RecordDataset.open(path, encoder, limit=config.custom.limit("val"))
    return dataset


def _model(config: Config, precision: Precision, folder: Path) -> nn.Module:
    model: PreTrainedModel = load_model(
        folder,
        precision.weights,
        config.model.attn_impl,
        _device(config),
        quantization=config.quantization if config.quantizes_base else None,
    )
    if config.data.batching.type == "padding_free":
        attend_by_document(model)
    model.config.use_cache = False
    return prepare_model(model, config.tuner, resume_from=config.tuner.resume_from_checkpoint)


def _device(config: Config) -> str | None:
    """Each process of torchrun takes a GPU of its own; None leaves the choice to the loader."""
    if config.training.use_cpu:
        return "cpu"
    rank = os.environ.get("LOCAL_RANK")
    return None if rank is None or not torch.cuda.is_available() else f"cuda:{rank}"


def _certificate(config: Config, spec: VisionSpec, task: ExtractTask | None) -> Certificate:
    pixels = Pixels(min_pixels=spec.pixels.min_pixels, max_pixels=spec.pixels.max_pixels)
    return Certificate(
        base_model=_given(config.model.model), pixels=pixels, task=_stored_task(config, task)
    )


def _stored_task(config: Config, task: ExtractTask | None) -> Task:
    return Task(
        type="chat" if task is None else "extract",
        prompt="" if task is None else task.prompt,
        order=config.task.order,
        json_schema=None if task is None else StoredSchema.of(task.schema),
        prompt_has_schema=config.task.prompt_has_schema,
        max_output_tokens=config.task.max_output_tokens,
    )


def _given(value: T | None) -> T:
    """A setting that `require_trainable` has made sure of."""
    assert value is not None
    return value
