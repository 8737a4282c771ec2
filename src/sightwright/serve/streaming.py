"""A chat answer as server-sent events, in the chunks that OpenAI's clients read."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Response
from starlette.types import Receive, Scope, Send

from sightwright import canonical
from sightwright.errors import SightwrightError
from sightwright.infer.engine import Completion, Delta, Request
from sightwright.serve.chat_answer import logprobs_value, usage_value
from sightwright.serve.problems import error_value, status_of, text_of
from sightwright.serve.service import Service

log = logging.getLogger(__name__)

DONE = "[DONE]"
# Allowed in JSON as they are; but many a client splits events into lines at them.
_LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class EventStream(Response):
    """Sends events as they come; an error among them ends the stream as its last event."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        # The length is not known, and a first body of nothing has none.
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with aclosing(self._events) as events:
            async for event in events:
                await send(_body(event))
        await send({"type": "http.response.body", "body": b""})


def _body(event: str) -> dict[str, Any]:
    data = f"data: {event.translate(_LINE_ENDS)}\n\n".encode()
    return {"type": "http.response.body", "body": data, "more_body": True}


async def chat_stream(
    service: Service, request: Request, *, with_usage: bool, with_logprobs: bool
) -> EventStream:
    """The stream of one answer, its first token already there.

    What goes wrong before the first token is raised, and so becomes an ordinary refusal.

    Raises:
        DataError: as `Engine.generate`.
    """
    events = _events(service, request, with_usage=with_usage, with_logprobs=with_logprobs)
    first = await anext(events)
    return EventStream(_with_first(first, events))


async def _with_first(first: str, rest: AsyncGenerator[str]) -> AsyncGenerator[str]:
    async with aclosing(rest):
        try:
            yield first
            async for event in rest:
                yield event
        except SightwrightError as error:
            log.warning("a stream ended early: %s", error)
            yield canonical.dumps(error_value(status_of(error), text_of(error)))


async def _events(
    service: Service, request: Request, *, with_usage: bool, with_logprobs: bool
) -> AsyncGenerator[str]:
    chunks = _Chunks(service.engine.name, with_usage, with_logprobs)
    # None: no delta follows.
    deltas: asyncio.Queue[Delta | None] = asyncio.Queue()
    answering = asyncio.ensure_future(service.generate(request, deltas.put_nowait))
    answering.add_done_callback(lambda _: deltas.put_nowait(None))
    try:
        delta = await deltas.get()
        if delta is None:
            # Nothing written: an empty answer, or what went wrong instead.
            await answering
        yield chunks.opening()
        while delta is not None:
            if (chunk := chunks.of(delta)) is not None:
                yield chunk
            delta = await deltas.get()
        completion = (await answering).result
        yield chunks.closing(completion)
        if with_usage:
            yield chunks.usage(completion)
        yield DONE
    finally:
        answering.cancel()


class _Chunks:
    """Writes the chunks of one answer."""

    def __init__(self, model: str, with_usage: bool, with_logprobs: bool) -> None:
        self._with_logprobs = with_logprobs
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        # With usage wanted, every chunk but the last says that it has none.
        self._tail: dict[str, Any] = {"usage": None} if with_usage else {}

    def opening(self) -> str:
        return self._chunk({"role": "assistant", "content": ""})

    def of(self, delta: Delta) -> str | None:
        """The chunk of a delta; None where it has nothing to say yet."""
        if not delta.text and not self._with_logprobs:
            return None
        logprobs = logprobs_value(delta.tokens, delta.logprobs) if self._with_logprobs else None
        return self._chunk({"content": delta.text}, logprobs=logprobs)

    def closing(self, completion: Completion) -> str:
        return self._chunk({}, finish_reason=completion.finish_reason)

    def usage(self, completion: Completion) -> str:
        return canonical.dumps({**self._head, "choices": [], "usage": usage_value(completion)})

    def _chunk(
        self,
        delta: dict[str, Any],
        *,
        logprobs: dict[str, Any] | None = None,
        finish_reason: str | None = None,
    ) -> str:
        choice = {
            "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason,
        }  # fmt: skip
        return canonical.dumps({**self._head, "choices": [choice], **self._tail})
