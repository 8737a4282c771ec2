"""What one request may take, and the gate that holds every request to it."""

import asyncio
import logging
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightwright.errors import RefusedError
from sightwright.serve.problems import problem

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a server takes on.

    Attributes:
        max_body_bytes: of a request, counted as it arrives.
        max_pages: of a document, or images of a request.
        window_pages: pages that the model is shown at once; a longer document is read in windows.
        max_image_pixels: area of an image as it is sent, before it is resized.
        max_output_tokens: the most that a request may ask for.
        request_seconds: from the first byte to the answer.
        render_seconds: drawing one PDF.
        max_waiting: requests taken in while another is being answered.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    max_pages: int = 20
    window_pages: int = 8
    max_image_pixels: int = 100_000_000
    max_output_tokens: int = 4096
    request_seconds: float = 120.0
    render_seconds: float = 30.0
    max_waiting: int = 64


class Gate:
    """ASGI middleware: size, time and number of the requests that carry a body.

    A body over the limit is refused by its Content-Length or, without one, when the count of bytes
    passes the limit. A request that finds the house full is turned away before its body is read.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, receive, send, self._limits)
        if scope["method"] != "POST":
            await self._answer(visit)
        elif visit.declared_bytes > self._limits.max_body_bytes:
            await visit.refuse(413, _too_large(self._limits))
        elif self._inside > self._limits.max_waiting:
            await visit.refuse(503, f"{self._inside} requests are being answered or are waiting")
        else:
            self._inside += 1
            try:
                await self._answer(visit)
            finally:
                self._inside -= 1
        log.info("%s", visit.summary())

    async def _answer(self, visit: "_Visit") -> None:
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                await self._app(visit.scope, visit.receive, visit.send)
        except TimeoutError:
            if visit.status is not None:
                raise
            seconds = f"{self._limits.request_seconds:g} s"
            if visit.body_complete:
                await visit.refuse(504, f"no answer within {seconds}")
            else:
                await visit.refuse(408, f"the body did not arrive within {seconds}")
        except Exception:
            # A bug costs the request that met it, and not the server nor the connection; the
            # client learns nothing of our inside.
            if visit.status is not None:
                raise
            log.exception("a bug, met by %s", visit.scope["path"])
            await visit.refuse(500, "an error of the server's own; its log has the traceback")


class _Visit:
    """One request on its way through the gate."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._limits = limits
        self._arrived_bytes = 0
        self._started = time.monotonic()
        self.body_complete = False
        self.status: int | None = None

    @property
    def declared_bytes(self) -> int:
        lengths = [value for name, value in self.scope["headers"] if name == b"content-length"]
        return int(lengths[0]) if lengths and lengths[0].isdigit() else 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._arrived_bytes += len(message.get("body", b""))
            self.body_complete = not message.get("more_body", False)
            if self._arrived_bytes > self._limits.max_body_bytes:
                raise RefusedError(_too_large(self._limits), status=413)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            await self._drain()
        await self._send(message)

    async def refuse(self, status: int, reason: str) -> None:
        await problem(status, reason)(self.scope, self._receive, self.send)

    async def _drain(self) -> None:
        """Read on for a moment: who is cut off while sending never sees the answer."""
        left_bytes = self._limits.max_body_bytes
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self.body_complete and left_bytes > 0 and self._has_body():
                    message = await self._receive()
                    left_bytes -= len(message.get("body", b""))
                    self.body_complete = not message.get("more_body", False)
        except TimeoutError:
            pass

    def _has_body(self) -> bool:
        headers = dict(self.scope["headers"])
        # Who asks first ("Expect: 100-continue") has sent nothing yet, and need not.
        return b"expect" not in headers and (
            self.declared_bytes > 0 or b"transfer-encoding" in headers
        )

    def summary(self) -> str:
        """One line for the log: nothing of what was asked or answered."""
        seconds = time.monotonic() - self._started
        place = f"{self.scope['method']} {self.scope['path']}"
        return f"{place} {self.status} {self._arrived_bytes} bytes in, {seconds:.3f} s"


_DRAIN_SECONDS = 2.0


def _too_large(limits: Limits) -> str:
    return f"the body is over the limit of {limits.max_body_bytes} bytes"
