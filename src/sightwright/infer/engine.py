"""What asks a model and what it answers: one protocol for every engine. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sightwright.errors import DataError, SightwrightError
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
            step; one for each completion token, in order. Both are empty where a server elsewhere
            does not tell them.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    tokens: tuple[bytes, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Delta:
    """What one step added to an answer.

    Attributes:
        text: whole characters; the texts of all deltas joined are `Completion.text`.
        tokens, logprobs: of this step, as in `Completion`; empty where the engine learns of them
            at the end. A token that ends inside a character comes at once, its text with the token
            that completes the character.
    """

    text: str
    tokens: tuple[bytes, ...] = ()
    logprobs: tuple[float, ...] = ()


class Watch(Protocol):
    """Looks on while requests are answered. Its calls come one at a time and must return fast."""

    def wrote(self, index: int, delta: Delta) -> None:
        """The answer of request `index` has grown."""
        ...

    def is_cancelled(self) -> bool:
        """Asked between two steps: whether the answers are wanted no longer."""
        ...


class AnswerCancelledError(SightwrightError):
    """A watch said that the answers are wanted no longer; none is given."""

    def __init__(self) -> None:
        super().__init__("cancelled: the answers were wanted no longer")


class Engine(Protocol):
    """Answers requests. `name` says which model it speaks for, in reports and at `/v1/models`."""

    name: str

    def generate(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order.

        Args:
            watch: is told of every step, and may end the work between two of them.

        Raises:
            DataError: images and image places of a request do not agree.
            SchemaError: a schema that cannot be honoured.
            RefusedError: a prompt, with its answer, longer than the model can hold (413).
            AnswerCancelledError: the watch ended it.
        """
        ...

    def check_schema(self, json_schema: dict[str, Any]) -> None:
        """Compile a canonical schema now, so that it is refused at load and not at a request.

        Raises:
            SchemaError: the decoder cannot honour it.
        """
        ...


def check_request(request: Request) -> None:
    """What every engine checks before it answers.

    Raises:
        DataError: images and their places do not agree, or a setting is out of its range.
    """
    num_places = sum(len(message.images) for message in request.messages)
    if num_places != len(request.images):
        raise DataError(
            f"the messages have {num_places} places for images, and {len(request.images)} are given"
        )
    if request.max_tokens < 1 or request.temperature < 0:
        raise DataError(
            f"max_tokens {request.max_tokens} and temperature {request.temperature}: "
            "the one is at least 1, the other at least 0"
        )
