"""The gate that every request passes: who may enter, how much, for how long, and until when.

A client that leaves, and one whose time is up, cancels its work: the task that answers it is
cancelled, and with it what waits for the engine or runs on it.
"""

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from sightwright.serve.service import Service
from sightwright.serve.visit import ClientLeftError, Visit

log = logging.getLogger(__name__)


class Traffic:
    """The requests inside, and how they are hurried out when the server stops."""

    def __init__(self) -> None:
        self.inside: set[Visit] = set()
        self.is_stopping = False

    def stop(self, grace_seconds: float) -> None:
        """No request enters any more; those inside get at most so much time."""
        self.is_stopping = True
        for visit in self.inside:
            visit.leave_within(grace_seconds)


class Gate:
    """ASGI middleware: key, size, time and number of the requests that carry a body.

    A body over the limit is refused by its Content-Length or, without one, when the count of bytes
    passes the limit. A request without a key, or that finds the house full, is turned away before
    its body is read.
    """

    def __init__(self, app: ASGIApp, service: Service, traffic: Traffic) -> None:
        self._app = app
        self._service = service
        self._limits = service.limits
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit(scope, receive, send, self._limits)
        try:
            if (refusal := self._refusal(visit)) is not None:
                await visit.end(*refusal)
            elif visit.method != "POST":
                await self._answer(visit)
            else:
                await self._answer_inside(visit)
        finally:
            self._service.telemetry.answered(visit.path, visit.status or 500, visit.seconds)
        log.info("%s", visit.summary())

    def _refusal(self, visit: Visit) -> tuple[int, str] | None:
        """Status and reason for a request that may not enter."""
        if not self._service.access.allows(visit.path, visit.header(b"authorization")):
            return 401, "an API key is needed: Authorization: Bearer KEY"
        if visit.method != "POST":
            return None
        if self._traffic.is_stopping or not self._service.is_ready:
            return 503, "the server is stopping" if self._traffic.is_stopping else "not ready yet"
        if visit.declared_bytes > self._limits.max_body_bytes:
            return 413, self._limits.too_large
        if (num_inside := len(self._traffic.inside)) > self._limits.max_waiting:
            return 429, f"{num_inside} requests are being answered or are waiting"
        return None

    async def _answer_inside(self, visit: Visit) -> None:
        self._traffic.inside.add(visit)
        with self._service.telemetry.in_flight.track_inprogress():
            try:
                await self._answer(visit)
            finally:
                self._traffic.inside.discard(visit)

    async def _answer(self, visit: Visit) -> None:
        try:
            await visit.pass_to(self._app)
        except TimeoutError:
            await visit.end(*self._lateness(visit))
        except ClientLeftError:
            visit.status = 499
        except Exception:
            # A bug costs the request that met it, and not the server nor the connection; the
            # client learns nothing of our inside.
            log.exception("a bug, met by %s", visit.place)
            await visit.end(500, "an error of the server's own; its log has the traceback")

    def _lateness(self, visit: Visit) -> tuple[int, str]:
        if self._traffic.is_stopping:
            return 503, "the server stopped before the answer was ready"
        seconds = f"{self._limits.request_seconds:g} s"
        if visit.body_complete:
            return 504, f"no answer within {seconds}"
        return 408, f"the body did not arrive within {seconds}"
