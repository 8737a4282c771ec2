"""An engine without a model, for tests of what stands around one."""

from collections.abc import Callable, Sequence
from typing import Any

from sightwright.errors import RefusedError
from sightwright.infer.engine import Completion, Request, Watch, check_request
from sightwright.infer.streaming import Teller, raise_if_cancelled
from sightwright.schema import compile_schema

# Near what a byte-level BPE makes of JSON; the exact number means nothing. A token may well end
# inside a character.
BYTES_PER_TOKEN = 4


class FakeEngine:
    """Answers with `answers(request)`, cut like a real answer at `max_tokens`.

    Args:
        before_step: called before each token, as a forward pass would take its time.
        max_length: tokens of a prompt with its answer; more are refused.

    Attributes:
        requests: every request seen, in order.
        schemas: every schema that was checked, in order.
        num_steps: tokens written so far, over all requests.
    """

    def __init__(
        self,
        answers: Callable[[Request], str],
        name: str = "fake",
        *,
        before_step: Callable[[], object] | None = None,
        max_length: int | None = None,
    ) -> None:
        self.name = name
        self.requests: list[Request] = []
        self.schemas: list[dict[str, Any]] = []
        self.num_steps = 0
        self._answers = answers
        self._before_step = before_step
        self._max_length = max_length

    def generate(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        for request in requests:
            self._check(request)
        raise_if_cancelled(watch)
        self.requests += requests
        return [
            self._complete(request, Teller(watch, index), watch)
            for index, request in enumerate(requests)
        ]

    def check_schema(self, json_schema: dict[str, Any]) -> None:
        compile_schema(json_schema, "request")
        self.schemas.append(json_schema)

    def _check(self, request: Request) -> None:
        check_request(request)
        length = _prompt_tokens(request) + request.max_tokens
        if self._max_length is not None and length > self._max_length:
            raise RefusedError(
                f"{length} tokens are more than the {self._max_length} of this engine", status=413
            )

    def _complete(self, request: Request, teller: Teller, watch: Watch | None) -> Completion:
        answer = self._answers(request).encode()
        size = BYTES_PER_TOKEN
        pieces = [answer[i : i + size] for i in range(0, len(answer), size)]
        tokens = tuple(pieces[: request.max_tokens])
        for token in tokens:
            if self._before_step is not None:
                self._before_step()
            raise_if_cancelled(watch)
            self.num_steps += 1
            teller.wrote(token, 0.0)
        teller.ended()
        return Completion(
            text=b"".join(tokens).decode(errors="replace"),
            finish_reason="length" if len(pieces) > request.max_tokens else "stop",
            prompt_tokens=_prompt_tokens(request),
            completion_tokens=len(tokens),
            tokens=tokens,
            logprobs=(0.0,) * len(tokens),
        )


def _prompt_tokens(request: Request) -> int:
    return sum(len(message.text) for message in request.messages) // BYTES_PER_TOKEN
