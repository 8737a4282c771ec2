"""One request on its way through the gate: its bytes counted, its time kept, its client watched."""

import asyncio
import time
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightwright import canonical
from sightwright.errors import RefusedError
from sightwright.serve.limits import Limits
from sightwright.serve.problems import error_value, problem

_DRAIN_SECONDS = 2.0
_SHOWN_CHARACTERS = 200


class ClientLeftError(Exception):
    """Nobody waits for the answer any more."""


class Visit:
    """Stands between the server and the application; see the module.

    Attributes:
        status: of the answer, once it is begun.
        body_complete: the whole request has arrived.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.status: int | None = None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limits = limits
        self._started = time.monotonic()
        self._arrived_bytes = 0
        self._arrived = asyncio.Event()
        self._left = asyncio.Event()
        self._clock: asyncio.Timeout | None = None
        self._is_stream = False
        self._is_answered = False

    @property
    def body_complete(self) -> bool:
        return self._arrived.is_set()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def declared_bytes(self) -> int:
        length = self.header(b"content-length")
        return int(length) if length.isdigit() else 0

    def header(self, name: bytes) -> bytes:
        """The first header of this name, b"" without one."""
        return next((value for key, value in self._scope["headers"] if key == name), b"")

    def leave_within(self, seconds: float) -> None:
        """Shorten the time that is left."""
        if self._clock is not None and not self._clock.expired():
            end = asyncio.get_running_loop().time() + seconds
            self._clock.reschedule(min(end, self._clock.when() or end))

    async def pass_to(self, app: ASGIApp) -> None:
        """Have `app` answer; its work is cancelled when its client leaves or its time is up.

        Raises:
            TimeoutError: the time is up.
            ClientLeftError: the client left before the answer was whole.
        """
        try:
            async with asyncio.timeout(self._limits.request_seconds) as self._clock:
                await self._answered_by(app)
        finally:
            self._clock = None

    async def _answered_by(self, app: ASGIApp) -> None:
        work = asyncio.ensure_future(_run(app, self._scope, self._read, self._write))
        looking = asyncio.ensure_future(self._look_for_leaving(work))
        try:
            await work
        except asyncio.CancelledError:
            if self._left.is_set():
                raise ClientLeftError from None
            raise
        finally:
            looking.cancel()

    async def _look_for_leaving(self, work: "asyncio.Future[None]") -> None:
        await self._arrived.wait()
        # Behind the whole body nothing can come but the news that the client has left.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._is_answered:
            self._left.set()
            work.cancel()

    async def _read(self) -> Message:
        if self.body_complete:
            await self._left.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request":
            self._arrived_bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                self._arrived.set()
            if self._arrived_bytes > self._limits.max_body_bytes:
                raise RefusedError(self._limits.too_large, status=413)
        return message

    async def _write(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            kinds = [value for key, value in message["headers"] if key == b"content-type"]
            self._is_stream = any(kind.startswith(b"text/event-stream") for kind in kinds)
            await self._drain()
            if not self.body_complete and self._has_body():
                # What is still to come belongs to no next request.
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        else:
            self._is_answered = not message.get("more_body", False)
        await self._send(message)

    async def end(self, status: int, reason: str) -> None:
        """Refuse; or, where a stream was begun, end it with the reason as its last event."""
        if self.status is None:
            await problem(status, reason)(self._scope, self._receive, self._write)
        elif self._is_stream and not self._is_answered:
            event = f"data: {canonical.dumps(error_value(status, reason))}\n\n"
            # Who does not read its stream is not waited for.
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._write({"type": "http.response.body", "body": event.encode()})

    async def _drain(self) -> None:
        """Read on for a moment: who is cut off while sending never sees the answer."""
        left_bytes = self._limits.max_body_bytes
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self.body_complete and left_bytes > 0 and self._has_body():
                    message = await self._receive()
                    left_bytes -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        self._arrived.set()

    def _has_body(self) -> bool:
        # Who asks first ("Expect: 100-continue") has sent nothing yet, and need not.
        return not self.header(b"expect") and (
            self.declared_bytes > 0 or bool(self.header(b"transfer-encoding"))
        )

    @property
    def place(self) -> str:
        """Method and path for the log, on one line whatever a client calls its path."""
        path = self.path if self.path.isprintable() else repr(self.path)
        return f"{self.method} {path[:_SHOWN_CHARACTERS]}"

    def summary(self) -> str:
        """One line for the log: nothing of what was asked or answered."""
        place = self.place
        return f"{place} {self.status} {self._arrived_bytes} bytes in, {self.seconds:.3f} s"


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)
