"""How a model is to be asked: as it was taught, unless told otherwise.

What it was taught stands in the `sightwright.json` beside its weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightwright.certificate import Certificate
from sightwright.errors import ConfigError
from sightwright.records import ChatRecord
from sightwright.schema import DocumentSchema, load_schema
from sightwright.tasks.extract import DEFAULT_PROMPT, ExtractTask, Order
from sightwright.vision import PixelPolicy

DEFAULT_MAX_TOKENS = 512


@dataclass(frozen=True)
class Wishes:
    """What the command line says; None leaves it to what the model was taught.

    Attributes:
        schema: a JSON Schema file.
        prompt: instruction in place of the records' own.
        max_pixels: most pixels of an image.
        max_tokens: output limit.
    """

    schema: Path | None = None
    prompt: str | None = None
    order: Order | None = None
    prompt_has_schema: bool | None = None
    max_pixels: int | None = None
    max_tokens: int | None = None


@dataclass(frozen=True)
class Asking:
    """All that an evaluation needs beside the model and the records."""

    task: ExtractTask
    pixels: PixelPolicy
    max_tokens: int


def decide(wishes: Wishes, known: Certificate | None, own: PixelPolicy) -> Asking:
    """Put wishes and what the model was taught together.

    Args:
        known: the model's certificate, where it has one.
        own: the pixel budget of the checkpoint's own files; its minimum is used where no training
            is known.

    Raises:
        ConfigError: neither says which schema or how many pixels.
        SchemaError: a schema file that cannot be honoured.
    """
    taught = known.task if known else None
    has_schema = wishes.prompt_has_schema
    if has_schema is None:
        has_schema = taught.prompt_has_schema if taught else False
    task = ExtractTask(
        _schema(wishes.schema, known),
        prompt=wishes.prompt or (taught.prompt if taught else "") or DEFAULT_PROMPT,
        order=wishes.order or (taught.order if taught else "image_first"),
        prompt_has_schema=has_schema,
        replace_prompt=wishes.prompt is not None,
    )
    max_tokens = wishes.max_tokens or (taught.max_output_tokens if taught else DEFAULT_MAX_TOKENS)
    return Asking(task, pixels_asked(wishes.max_pixels, known, own), max_tokens)


def _schema(wished: Path | None, known: Certificate | None) -> DocumentSchema:
    if wished is not None:
        return load_schema(wished)
    if known is not None and known.task is not None and known.task.json_schema is not None:
        return known.task.json_schema.compiled()
    without = "no sightwright.json with the model" if known is None else "it was taught free text"
    raise ConfigError(
        f"nothing says which fields to mark: {without}",
        remedy="give --schema FILE, or --task verdict for groups of photographs",
    )


def pixels_asked(wished: int | None, known: Certificate | None, own: PixelPolicy) -> PixelPolicy:
    """The pixel budget: as wished, else as trained.

    Raises:
        ConfigError: neither says how many pixels an image may have.
    """
    trained = known.pixels if known else None
    fewest = trained.min_pixels if trained else own.min_pixels
    if wished is not None:
        return PixelPolicy(min(fewest, wished), wished)
    if trained is None:
        raise ConfigError(
            "nothing says how large images were in training: no sightwright.json with the model",
            remedy="give --max-pixels, as template.max_pixels of the training",
        )
    return PixelPolicy(trained.min_pixels, trained.max_pixels)


def num_asked_otherwise(
    records: Sequence[ChatRecord], task: ExtractTask, known: Certificate | None
) -> int:
    """How many records ask in other words than the model was taught; it answers those worse."""
    taught = known.task.prompt if known and known.task else ""
    if not taught or task.replace_prompt:
        return 0
    asked = ([turn.text for turn in record.messages if turn.role == "user"] for record in records)
    return sum(texts[-1] != taught for texts in asked)
