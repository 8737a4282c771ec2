"""Our requests and completions as OpenAI's chat completions write them. No client, no network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sightwright.errors import DataError
from sightwright.images import encode_data_url, smart_resize
from sightwright.infer.engine import Completion, FinishReason, Request
from sightwright.records import Message, Text
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from PIL.Image import Image

# What other servers add behind the text: the end of the turn, and the end of all.
_MOST_ENDING_TOKENS = 2


def request_body(
    request: Request, model: str, spec: VisionSpec | None, *, logprobs: bool
) -> dict[str, Any]:
    """The body of `POST /chat/completions`.

    Args:
        spec: images are sent on its exact grid, so that the server's resize changes nothing; None
            sends them as they are.
    """
    images = iter(request.images)
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, images, spec) for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
    }
    if request.json_schema is not None:
        schema = {"name": "document", "schema": request.json_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if logprobs:
        body["logprobs"] = True
    return body


def on_grid(image: "Image", spec: VisionSpec) -> "Image":
    """The image at the size at which the model sees it.

    Resized by Pillow, which differs from our own resampler by at most 2 in 255: nothing here may
    need torch.

    Raises:
        ImageError: a size that no grid fits.
    """
    from PIL import Image

    height, width = smart_resize(
        image.height,
        image.width,
        factor=spec.factor,
        min_pixels=spec.pixels.min_pixels,
        max_pixels=spec.pixels.max_pixels,
    )
    if image.size == (width, height):
        return image
    return image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


def _message(message: Message, images: Any, spec: VisionSpec | None) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    return {
        "role": message.role,
        "content": [
            {"type": "text", "text": item.text}
            if isinstance(item, Text)
            else _image_part(next(images), spec)
            for item in message.content
        ],
    }


def _image_part(image: "Image", spec: VisionSpec | None) -> dict[str, Any]:
    url = encode_data_url(on_grid(image, spec) if spec is not None else image)
    return {"type": "image_url", "image_url": {"url": url}}


def completion_of(
    text: str,
    finish_reason: str | None,
    usage: tuple[int, int] | None,
    logprobs: Sequence[tuple[bytes, float]],
) -> Completion:
    """What a server's answer is to us.

    Args:
        usage: tokens of the prompt and of the answer; None where the server does not say.
        logprobs: each token with its natural log of probability; empty where it does not say.

    Raises:
        DataError: the answer ended otherwise than by its own end or the limit.
        ValueError: it does not say how it ended, as one that broke off.
    """
    ended: FinishReason
    match finish_reason:
        case "stop" | "length":
            ended = finish_reason
        case None:
            raise ValueError("without a finish_reason it may have broken off")
        case _:
            raise DataError(f"the server ended its answer with {finish_reason!r}")
    tokens = _of_text(logprobs, text)
    prompt_tokens, completion_tokens = usage or (0, 0)
    return Completion(
        text=text,
        finish_reason=ended,
        prompt_tokens=prompt_tokens,
        # Some servers count the end of the turn; where the tokens are known, they are counted.
        completion_tokens=len(tokens) or completion_tokens,
        tokens=tuple(token for token, _ in tokens),
        logprobs=tuple(logprob for _, logprob in tokens),
    )


def _of_text(logprobs: Sequence[tuple[bytes, float]], text: str) -> Sequence[tuple[bytes, float]]:
    """Those that wrote `text`, without the end of the turn; none where they wrote another."""
    for num_ending in range(min(_MOST_ENDING_TOKENS, len(logprobs)) + 1):
        kept = logprobs[: len(logprobs) - num_ending]
        if b"".join(token for token, _ in kept).decode(errors="replace") == text:
            return kept
    return ()
