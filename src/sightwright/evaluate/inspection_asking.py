"""How a model is to be asked about photographs: as it was taught, unless told otherwise.

What it was taught stands in the `sightwright.json` beside its weights; the YAML of a run says the
same before there is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sightwright.certificate import Certificate
from sightwright.config.load import load_config
from sightwright.config.schema import Config
from sightwright.data import conversations
from sightwright.errors import ConfigError
from sightwright.evaluate.asking import DEFAULT_MAX_TOKENS, pixels_asked
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record
from sightwright.tasks.extract import ExtractTask, Order
from sightwright.tasks.inspection import (
    Asking,
    InspectionKind,
    InspectionTask,
    default_prompt,
    kind_of,
    photograph_task,
)
from sightwright.tasks.prompts import Prompt
from sightwright.tasks.taught import inspection_task_of
from sightwright.tasks.verdict import VerdictTask
from sightwright.vision import PixelPolicy

_KINDS: tuple[InspectionKind, ...] = ("dense", "summary", "verdict")


@dataclass(frozen=True)
class InspectionWishes:
    """What the command line says; None leaves it to what the model was taught.

    Attributes:
        kind: what is asked for.
        config: YAML of a run: ask as it does.
        prompt: question in place of the taught one; the system turn stays.
        max_pixels: most pixels of an image.
        max_tokens: output limit.
    """

    kind: InspectionKind | None = None
    config: Path | None = None
    prompt: str | None = None
    order: Order | None = None
    max_pixels: int | None = None
    max_tokens: int | None = None


@dataclass(frozen=True)
class InspectionAsking:
    """All that an evaluation needs beside the model and the records."""

    task: InspectionTask
    pixels: PixelPolicy
    max_tokens: int


def is_inspection(
    wishes: InspectionWishes, known: Certificate | None, records: Sequence[Record]
) -> bool:
    """Whether records are to be answered as inspection: by what is asked, then by what was taught,
    then by what the records are."""
    if wishes.kind is not None or wishes.config is not None:
        return True
    if any(isinstance(record, InspectionRecord) for record in records):
        return True
    return known is not None and known.task is not None and known.task.type in _KINDS


def decide(
    wishes: InspectionWishes,
    known: Certificate | None,
    own: PixelPolicy,
    records: Sequence[Record],
) -> InspectionAsking:
    """Put wishes and what the model was taught together.

    Args:
        known: the model's certificate, where it has one.
        own: the pixel budget of the checkpoint's own files.
        records: where nothing else says what is asked for, records without objects are asked for
            their summary, others for their objects.

    Raises:
        ConfigError: a YAML of another task, or nothing says how many pixels.
        ModelError: a model that was taught no task of photographs.
    """
    config = load_config(wishes.config).config if wishes.config is not None else None
    task = _configured(config, wishes) if config is not None else _taught(wishes, known, records)
    if config is None:
        pixels = pixels_asked(wishes.max_pixels, known, own)
    else:
        pixels = _of_size(conversations.pixels_of(config, own), wishes.max_pixels)
    return InspectionAsking(
        _as_wished(task, wishes), pixels, wishes.max_tokens or _limit(config, known)
    )


def _of_size(pixels: PixelPolicy, most: int | None) -> PixelPolicy:
    return pixels if most is None else PixelPolicy(min(pixels.min_pixels, most), most)


def _limit(config: Config | None, known: Certificate | None) -> int:
    if config is not None:
        return config.task.max_output_tokens
    return known.task.max_output_tokens if known and known.task else DEFAULT_MAX_TOKENS


def _configured(config: Config, wishes: InspectionWishes) -> InspectionTask:
    """The task of a run; of another kind, asked in the run's manner."""
    if wishes.kind in ("dense", "summary") and config.task.type != wishes.kind:
        asking = conversations.asking_of(config)
        return photograph_task(wishes.kind, default_prompt(wishes.kind, asking), asking)
    task = conversations.task_of(config, None) if config.task.type in _KINDS else None
    if task is None or isinstance(task, ExtractTask) or wishes.kind not in (None, kind_of(task)):
        raise ConfigError(
            f"task.type is {config.task.type}, and {wishes.kind or 'inspection'} is asked for",
            where=str(wishes.config),
            remedy="give the YAML of a run with task.type dense, summary or verdict",
        )
    return task


def _taught(
    wishes: InspectionWishes, known: Certificate | None, records: Sequence[Record]
) -> InspectionTask:
    taught = known.task if known else None
    kind = wishes.kind or (taught.type if taught and taught.type in _KINDS else _kind_in(records))
    if taught is not None and (wishes.kind is None or wishes.kind == taught.type):
        return inspection_task_of(taught)
    if kind == "verdict":
        return VerdictTask()
    how = taught.inspection if taught else None
    # What it was taught beside its main task, it was taught in the same manner.
    asking = (
        Asking(how.header_format, how.domain, how.norm, how.ordering, taught.order)
        if taught is not None and how is not None
        else Asking()
    )
    return photograph_task(kind, default_prompt(kind, asking), asking)


def _kind_in(records: Sequence[Record]) -> InspectionKind:
    photographs = [record for record in records if isinstance(record, InspectionRecord)]
    return "dense" if any(record.objects for record in photographs) else "summary"


def _as_wished(task: InspectionTask, wishes: InspectionWishes) -> InspectionTask:
    if wishes.order is not None:
        task = replace(task, order=wishes.order)
    if wishes.prompt is None:
        return task
    system = task.prompt.system if task.prompt is not None else None
    return replace(task, prompt=Prompt(system, wishes.prompt))
