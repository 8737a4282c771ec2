"""What asks a model and what it answers: one protocol for every engine. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sightwright.records import Message

if TYPE_CHECKING:
    from PIL.Image import Image

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Request:
    """One question to a model.

    Attributes:
        messages: the turns up to the question; the engine opens the assistant's turn.
        images: the opened images, in the order in which the messages refer to them.
        json_schema: canonical schema (`DocumentSchema.json_schema`) that the answer is held to.
        max_tokens: limit of the answer in tokens, the end of its turn not counted; an answer cut
            by it finishes with "length".
        temperature: 0 takes the likeliest token each time.
        seed: of the draw, when the temperature is above 0; each request has its own stream.
    """

    messages: tuple[Message, ...]
    images: "tuple[Image, ...]" = ()
    json_schema: dict[str, Any] | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Completion:
    """What the model answered.

    Attributes:
        text: the answer, control tokens left out.
        finish_reason: "stop" when the model ended its turn, "length" when the limit cut it.
        prompt_tokens: image tokens included.
        completion_tokens: tokens of the answer, the end of its turn not counted.
        tokens: the bytes of each completion token, in order; joined they are `text` in UTF-8. A
            token may end inside a character.
        logprobs: natural log of the probability of each chosen token among those allowed at its
            step; one for each completion token, in order.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    tokens: tuple[bytes, ...]
    logprobs: tuple[float, ...]


class Engine(Protocol):
    """Answers requests. `name` says which model it speaks for, in reports and at `/v1/models`."""

    name: str

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in order.

        Raises:
            DataError: images and image places of a request do not agree.
            SchemaError: a schema that cannot be honoured.
            RefusedError: a prompt, with its answer, longer than the model can hold (413).
        """
        ...

    def check_schema(self, json_schema: dict[str, Any]) -> None:
        """Compile a canonical schema now, so that it is refused at load and not at a request.

        Raises:
            SchemaError: the decoder cannot honour it.
        """
        ...
