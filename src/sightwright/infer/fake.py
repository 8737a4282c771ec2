"""An engine without a model, for tests of what stands around one."""

from collections.abc import Callable, Sequence
from typing import Any

from sightwright.infer.engine import Completion, Request
from sightwright.schema import compile_schema

# Near what a byte-level BPE makes of JSON; the exact number means nothing.
CHARACTERS_PER_TOKEN = 4


class FakeEngine:
    """Answers with `answers(request)`, cut like a real answer at `max_tokens`.

    Attributes:
        requests: every request seen, in order.
        schemas: every schema that was checked, in order.
    """

    def __init__(self, answers: Callable[[Request], str], name: str = "fake") -> None:
        self.name = name
        self.requests: list[Request] = []
        self.schemas: list[dict[str, Any]] = []
        self._answers = answers

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.requests += requests
        return [_complete(request, self._answers(request)) for request in requests]

    def check_schema(self, json_schema: dict[str, Any]) -> None:
        compile_schema(json_schema, "request")
        self.schemas.append(json_schema)


def _complete(request: Request, answer: str) -> Completion:
    size = CHARACTERS_PER_TOKEN
    pieces = [answer[i : i + size] for i in range(0, len(answer), size)]
    tokens = tuple(piece.encode() for piece in pieces[: request.max_tokens])
    cut = len(pieces) > request.max_tokens
    prompt = sum(len(message.text) for message in request.messages)
    return Completion(
        text=b"".join(tokens).decode(),
        finish_reason="length" if cut else "stop",
        prompt_tokens=prompt // size,
        completion_tokens=len(tokens),
        tokens=tokens,
        logprobs=(0.0,) * len(tokens),
    )
