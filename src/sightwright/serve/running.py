"""A server under way: on a socket of its own, in the foreground or beside the caller."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn

from sightwright.errors import ConfigError, SightwrightError
from sightwright.serve.app import create_app
from sightwright.serve.service import Service

_GRACE_SECONDS = 30
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
        server = _server(service)
        thread = threading.Thread(target=server.run, args=([listening],), name="server")
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield url_of(listening)
        finally:
            server.should_exit = True
            thread.join()


def serve_until_stopped(
    service: Service, listening: socket.socket, on_ready: Callable[[str], None]
) -> None:
    """Serve in this thread until SIGINT or SIGTERM; requests in hand are answered first.

    Args:
        on_ready: told the base URL once requests are taken.
    """
    with closing(service), _signals_end_nothing():
        service.start()
        server = _server(service)
        beside = threading.Thread(target=_tell_when_started, args=(server, listening, on_ready))
        beside.start()
        try:
            server.run([listening])
        finally:
            server.should_exit = True
            beside.join()


def _server(service: Service) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(service),
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


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
    """uvicorn ends at a signal and then raises it again; the process is to end by itself."""

    def taken(number: int, frame: object) -> None: ...

    previous = {kind: signal.signal(kind, taken) for kind in (signal.SIGTERM,)}
    try:
        yield
    except KeyboardInterrupt:
        # Ctrl-C is how a server is ended, and by now it has.
        pass
    finally:
        for kind, handler in previous.items():
            signal.signal(kind, handler)
