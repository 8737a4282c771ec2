"""How a model is asked for a document: as it was taught, unless told otherwise. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from sightwright.certificate import Certificate
from sightwright.errors import ConfigError
from sightwright.records import Message
from sightwright.schema import DocumentSchema
from sightwright.tasks.extract import DEFAULT_PROMPT, ExtractTask, Order
from sightwright.tasks.prompts import Prompt
from sightwright.vision import PixelPolicy

DEFAULT_OUTPUT_TOKENS = 512


@dataclass(frozen=True)
class TextQuestion:
    """A question that is answered in free text."""

    prompt: str
    order: Order
    system: str | None = None

    def messages(self, images: Sequence[str]) -> tuple[Message, ...]:
        return Prompt(self.system, self.prompt).messages(images, self.order)


def question_of(
    known: Certificate | None, schema: DocumentSchema | None, prompt: str | None
) -> ExtractTask | TextQuestion:
    """What a model is asked about pages: for a document where there is a schema, else for text.

    Raises:
        ConfigError: neither a schema nor a prompt, given or recorded.
    """
    task = task_of(known, schema, prompt)
    if task is not None:
        return task
    taught = known.task if known else None
    text = prompt or (taught.prompt if taught else "")
    if not text:
        without = (
            "no sightwright.json says what the model was taught"
            if taught is None
            else ("it was taught no prompt")
        )
        raise ConfigError(
            f"nothing to ask: {without}", remedy="give --schema FILE or --prompt TEXT"
        )
    photographs = taught.inspection if taught else None
    return TextQuestion(
        text,
        taught.order if taught else "image_first",
        system=photographs.system if photographs else None,
    )


def pixels_of(known: Certificate | None, max_pixels: int | None) -> PixelPolicy | None:
    """How large the model's images are; None leaves it to the checkpoint's own files.

    Args:
        max_pixels: instead of the recorded most.
    """
    trained = known.pixels if known else None
    if max_pixels is not None:
        fewest = trained.min_pixels if trained else 1
        return PixelPolicy(min(fewest, max_pixels), max_pixels)
    return PixelPolicy(trained.min_pixels, trained.max_pixels) if trained else None


def output_tokens_of(known: Certificate | None) -> int:
    """The limit of an answer that none was given for."""
    return known.task.max_output_tokens if known and known.task else DEFAULT_OUTPUT_TOKENS


def task_of(
    known: Certificate | None, schema: DocumentSchema | None, prompt: str | None
) -> ExtractTask | None:
    """What the model is asked; None for one that was taught no documents.

    Args:
        known: what is recorded with the model.
        schema, prompt: instead of the recorded ones.
    """
    taught = known.task if known else None
    if schema is None and taught is not None and taught.json_schema is not None:
        schema = taught.json_schema.compiled()
    if schema is None:
        return None
    if taught is None or taught.type != "extract":
        return ExtractTask(schema, prompt or DEFAULT_PROMPT)
    return ExtractTask(schema, prompt or taught.prompt, taught.order, taught.prompt_has_schema)
