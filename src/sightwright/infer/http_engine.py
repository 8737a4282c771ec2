"""Any OpenAI-compatible server as an engine: vLLM, ours, a hosted one. No torch.

It needs the `openai` package (`pip install "sightwright[http]"`), which is imported when an engine
is made.
"""

import asyncio
import math
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sightwright import extras
from sightwright.errors import ConfigError, RefusedError, SightwrightError
from sightwright.infer.engine import (
    AnswerCancelledError,
    Completion,
    Delta,
    Request,
    Watch,
    check_request,
)
from sightwright.infer.http_errors import ServerError, error_of
from sightwright.infer.http_wire import completion_of, request_body
from sightwright.infer.loop_thread import LoopThread
from sightwright.schema import compile_schema
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from openai import OpenAIError
    from openai.types.chat.chat_completion_token_logprob import ChatCompletionTokenLogprob

_LOOK_SECONDS = 0.02
# What reading an answer that holds something else ends in: the client checks no shapes.
_MALFORMED = (AttributeError, TypeError, IndexError, ValueError)
_ENVIRONMENT_HEADERS = ("OpenAI-Organization", "OpenAI-Project")


class HttpEngine:
    """Answers by asking a server, several requests at a time. Any thread; `close` it after use.

    Log-probabilities are asked for. A server that refuses that is asked without from then on, and
    one that ignores it is taken as it is: `Completion.tokens` and `logprobs` are empty then. Some
    tell them as they were before the schema's mask. Deltas have text alone. A text that names a
    control token (`<|im_end|>`) is sent as it is; what the server makes of it is the server's.

    Args:
        base_url: of the server, as `http://host:8000/v1`.
        model: the name the server knows it by.
        api_key: sent as a bearer token. No other key is looked for, in the environment either.
        spec: the pixel settings the model was trained with; images are sent at exactly the size
            that they make, so that the server's own resize changes nothing. None sends them as
            they are.
        concurrency: requests asked at a time.
        timeout_seconds: for each attempt.
        retries: further attempts where the server is busy, fails or cannot be reached.

    Raises:
        ConfigError: an address that is none.
        MissingExtraError: `openai` is not installed.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        spec: VisionSpec | None = None,
        concurrency: int = 8,
        timeout_seconds: float = 120.0,
        retries: int = 2,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"{base_url!r} is no http(s) address", remedy="http://host:8000/v1 is expected"
            )
        openai = extras.require("openai", "http")
        self.name = model
        self.base_url = base_url
        self.spec = spec
        self._timeout_seconds = timeout_seconds
        self._with_logprobs = True
        self._slots = asyncio.Semaphore(concurrency)
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            # Those of the environment are meant for another server.
            default_headers=dict.fromkeys(_ENVIRONMENT_HEADERS, openai.Omit()),
            timeout=timeout_seconds,
            max_retries=retries,
        )
        self._thread = LoopThread("http engine")

    def __enter__(self) -> "HttpEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._thread.run(self._client.close())
        self._thread.close()

    def models(self) -> list[str]:
        """The names of the models that the server has.

        Raises:
            ServerError: it cannot be reached, or does not say.
        """
        return self._thread.run(self._models())

    def generate(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Ask for every request; see `Engine.generate`.

        Raises:
            ServerError: the server cannot be reached, wants another key, is busy or fails.
            RefusedError: it refuses a request: 413 too long, 400 or 422 otherwise.
        """
        for request in requests:
            check_request(request)
        return self._thread.run(self._answer_all(requests, watch))

    def check_schema(self, json_schema: dict[str, Any]) -> None:
        """By our own compiler; the server's decoder has the last word, at a request."""
        compile_schema(json_schema, "request")

    async def _models(self) -> list[str]:
        import openai

        try:
            return [model.id async for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise self._our_error(error) from error

    async def _answer_all(
        self, requests: Sequence[Request], watch: Watch | None
    ) -> list[Completion]:
        answering = [
            asyncio.ensure_future(self._answer(index, request, watch))
            for index, request in enumerate(requests)
        ]
        together = asyncio.gather(*answering)
        looking = asyncio.ensure_future(_until_cancelled(watch))
        try:
            await asyncio.wait((together, looking), return_when=asyncio.FIRST_COMPLETED)
            if not together.done():
                raise AnswerCancelledError
            return list(await together)
        finally:
            # Cancelling a request closes its connection, by which its server knows.
            begun: list[asyncio.Future[Any]] = [*answering, together, looking]
            for task in begun:
                task.cancel()
            await asyncio.gather(*begun, return_exceptions=True)

    async def _answer(self, index: int, request: Request, watch: Watch | None) -> Completion:
        async with self._slots:
            logprobs = self._with_logprobs
            try:
                return await self._ask(index, request, watch, logprobs)
            except RefusedError as error:
                if not logprobs or "logprobs" not in error.message:
                    raise
                self._with_logprobs = False
                return await self._ask(index, request, watch, False)

    async def _ask(
        self, index: int, request: Request, watch: Watch | None, logprobs: bool
    ) -> Completion:
        import openai

        # Pictures are encoded beside the loop, which other answers are read in.
        body = await asyncio.to_thread(
            request_body, request, self.name, self.spec, logprobs=logprobs
        )
        try:
            if watch is not None:
                return await self._read_stream(index, body, watch)
            return await self._read_whole(body)
        except openai.OpenAIError as error:
            raise self._our_error(error) from error
        except _MALFORMED as error:
            if isinstance(error, SightwrightError):
                raise
            raise ServerError(
                f"no chat completion came back ({type(error).__name__}: {error})",
                status=None,
                where=self.base_url,
                remedy="check that the address is an OpenAI-compatible server's, with its /v1",
            ) from error

    async def _read_whole(self, body: dict[str, Any]) -> Completion:
        answer: Any = await self._client.chat.completions.create(**body)
        choice = answer.choices[0]
        logprobs = choice.logprobs.content if choice.logprobs else None
        return completion_of(
            _text(choice.message.content),
            choice.finish_reason,
            _usage(answer.usage),
            _tokens(logprobs or ()),
        )

    async def _read_stream(self, index: int, body: dict[str, Any], watch: Watch) -> Completion:
        text, finish_reason, usage = "", None, None
        tokens: list[tuple[bytes, float]] = []
        chunks: Any = await self._client.chat.completions.create(
            **body, stream=True, stream_options={"include_usage": True}
        )
        async with chunks:
            async for chunk in chunks:
                usage = _usage(chunk.usage) or usage
                for choice in chunk.choices[:1]:
                    finish_reason = choice.finish_reason or finish_reason
                    if choice.logprobs and choice.logprobs.content:
                        tokens += _tokens(choice.logprobs.content)
                    if delta := _text(choice.delta.content):
                        text += delta
                        watch.wrote(index, Delta(delta))
        return completion_of(text, finish_reason, usage, tokens)

    def _our_error(self, error: "OpenAIError") -> SightwrightError:
        return error_of(error, self.base_url, self._timeout_seconds)


async def _until_cancelled(watch: Watch | None) -> None:
    while watch is None or not watch.is_cancelled():
        await asyncio.sleep(_LOOK_SECONDS if watch is not None else 3600)


def _text(content: object) -> str:
    if content is None:
        return ""
    if not isinstance(content, str):
        raise TypeError(f"a content of type {type(content).__name__}")
    # Half a surrogate pair can be written in JSON, and is no text.
    content.encode()
    return content


def _usage(usage: Any) -> tuple[int, int] | None:
    if usage is None:
        return None
    return int(usage.prompt_tokens or 0), int(usage.completion_tokens or 0)


def _tokens(content: "Sequence[ChatCompletionTokenLogprob]") -> list[tuple[bytes, float]]:
    return [(_written(entry), _logprob(entry.logprob)) for entry in content]


def _written(entry: "ChatCompletionTokenLogprob") -> bytes:
    return bytes(entry.bytes) if entry.bytes is not None else entry.token.encode()


def _logprob(value: float) -> float:
    if math.isnan(value):
        raise ValueError("a probability that is no number")
    # Rounding makes some a little more likely than certain.
    return min(0.0, value)
