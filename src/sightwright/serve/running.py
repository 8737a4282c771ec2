"""A server under way: on a socket of its own, in the foreground or beside the caller."""

import math
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

import uvicorn

from sightwright.errors import ConfigError, SightwrightError
from sightwright.serve.app import create_app
from sightwright.serve.gate import Traffic
from sightwright.serve.service import Service

GRACE_SECONDS = 30.0
_START_SECONDS = 60.0


def bind(host: str, port: int) -> socket.socket:
    """A socket that holds the address; port 0 takes a free one.

    It does not listen yet: until the server does, a probe is refused instead of kept waiting.

    Raises:
        ConfigError: the address is in use or is none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
        return bound
    except OSError as error:
        raise ConfigError(
            f"cannot listen: {error.strerror}",
            where=f"{host}:{port}",
            remedy="choose another --port; 0 takes a free one",
        ) from None


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def running_server(service: Service, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread for as long as the block lasts; gives the base URL, without `/v1`.

    The service is closed with the server.

    Raises:
        ConfigError: the address cannot be had.
    """
    with bind(host, port) as listening, closing(service):
        service.start()
        server = _Server(service, GRACE_SECONDS)
        thread = threading.Thread(target=server.run, args=([listening],), name="server")
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield url_of(listening)
        finally:
            server.should_exit = True
            thread.join()


def serve_until_stopped(
    service: Service,
    listening: socket.socket,
    on_ready: Callable[[str], None],
    grace_seconds: float = GRACE_SECONDS,
) -> None:
    """Serve in this thread until SIGINT or SIGTERM; a second signal ends the process at once.

    Args:
        on_ready: told the base URL once requests are taken.
        grace_seconds: for the requests in hand to be answered; then they are told to come again.
    """
    with closing(service), _signals_end_nothing():
        service.start()
        server = _Server(service, grace_seconds)
        beside = threading.Thread(target=_tell_when_started, args=(server, listening, on_ready))
        beside.start()
        try:
            server.run([listening])
        finally:
            server.should_exit = True
            beside.join()


class _Server(uvicorn.Server):
    """uvicorn's, which ends its requests in time and itself at a second signal."""

    def __init__(self, service: Service, grace_seconds: float) -> None:
        self._traffic = Traffic()
        self._grace_seconds = grace_seconds
        config = uvicorn.Config(
            create_app(service, self._traffic),
            lifespan="on",
            log_level="warning",
            access_log=False,
            # The gate ends every request within the grace; this is for what it cannot end.
            timeout_graceful_shutdown=math.ceil(grace_seconds) + 5,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._traffic.stop(self._grace_seconds)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, signal.SIG_DFL)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise SightwrightError("the server did not start", remedy="see its log above")
        time.sleep(0.01)


def _tell_when_started(
    server: uvicorn.Server, listening: socket.socket, on_ready: Callable[[str], None]
) -> None:
    while not (server.started or server.should_exit):
        time.sleep(0.01)
    if server.started:
        on_ready(url_of(listening))


@contextmanager
def _signals_end_nothing() -> Iterator[None]:
    """Either signal is how a server is ended, and no fault of it: the process goes on to its end.

    uvicorn takes them while it serves, and raises them again when it has ended; a server that is
    still starting is ended by them at once.
    """
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, previous)
