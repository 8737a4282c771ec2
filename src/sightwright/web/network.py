"""Connections that go where they were checked to go.

A name is resolved once, every address it has is judged, and the socket is opened to one of those
very addresses, so that a name which changes its mind between the check and the connection (DNS
rebinding) gains nothing. Certificates and the `Host` header still go by the name. Every wait, the
resolver's included, ends at one deadline.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import httpcore

T = TypeVar("T")

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text; raises `OSError` (`socket.gaierror`) where it has none."""

Dial = Callable[[str, int, float], httpcore.NetworkStream]
"""Connects to an address and a port within so many seconds."""

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Beside what `ipaddress` knows in every Python: 6to4, which carries an IPv4 address in its prefix,
# and its relays; protocol assignments; documentation.
_SPECIAL_V4 = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))
_SPECIAL_V6 = tuple(map(ipaddress.IPv6Network, ("2002::/16", "3fff::/20")))


class NotPublicError(Exception):
    """A host with an address outside the public internet."""


class UnresolvedError(Exception):
    """A host without an address; `transient` where asking again may help."""

    def __init__(self, *, transient: bool) -> None:
        super().__init__("the host has no address")
        self.transient = transient


def is_public(address: str) -> bool:
    """Whether an IP address belongs to one host on the public internet.

    False for private, loopback, link-local, carrier-grade NAT, multicast, reserved and
    documentation addresses, and for IPv6 ones that stand for an IPv4 address (mapped, 6to4,
    NAT64, Teredo), whatever that is.

    >>> is_public("1.1.1.1"), is_public("100.64.0.1"), is_public("::ffff:1.1.1.1")
    (True, False, False)
    """
    ip = ipaddress.ip_address(address)
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in special for special in _SPECIAL_V4)
    return ip in _GLOBAL_UNICAST and not any(ip in special for special in _SPECIAL_V6)


def system_addresses(host: str, port: int) -> list[str]:
    """What the system's resolver says, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def open_stream(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
    """A TCP connection to an IP address."""
    return httpcore.SyncBackend().connect_tcp(address, port, timeout=seconds)


@dataclass(frozen=True)
class CheckedNetwork(httpcore.NetworkBackend):
    """The network as `httpcore` sees it, for the requests of one fetch.

    Attributes:
        allow_private: dial any address; else every one the host has must be public.
        deadline: on the monotonic clock; nothing waits past it.
    """

    resolve: Resolve
    dial: Dial
    allow_private: bool
    deadline: float

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the host at an address that was checked.

        Raises:
            UnresolvedError, NotPublicError: before anything is dialled.
            httpcore.ConnectError, httpcore.ConnectTimeout: none of the addresses answers.
        """
        addresses = self._addresses(host, port)
        if not self.allow_private and not all(map(is_public, addresses)):
            raise NotPublicError
        return _DeadlineStream(self._first_that_answers(addresses, port), self.deadline)

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        if _is_address(host):
            return [host]
        try:
            addresses = _within(self.deadline, lambda: self.resolve(host, port))
        except socket.gaierror as error:
            raise UnresolvedError(transient=error.errno == socket.EAI_AGAIN) from None
        except TimeoutError:
            raise httpcore.ConnectTimeout("the resolver does not answer") from None
        except (OSError, UnicodeError):
            raise UnresolvedError(transient=False) from None
        if not addresses:
            raise UnresolvedError(transient=False)
        return addresses

    def _first_that_answers(self, addresses: Sequence[str], port: int) -> httpcore.NetworkStream:
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for index, address in enumerate(addresses):
            # One that swallows packets must leave time for the others.
            share = _left(self.deadline, httpcore.ConnectTimeout) / (len(addresses) - index)
            try:
                return self.dial(address, port, share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        assert last is not None
        raise last


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes share one deadline: a byte now and then buys no time."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        secured = self._inner.start_tls(ssl_context, server_hostname, left)
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _left(deadline: float, too_late: type[httpcore.TimeoutException]) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise too_late("the time is up")
    return seconds


def _within(deadline: float, work: Callable[[], T]) -> T:
    """The result of `work`, or a TimeoutError at the deadline: the system's resolver, which takes
    no timeout, is then left behind in its thread."""
    future: Future[T] = Future()

    def settle() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=settle, name="resolver", daemon=True).start()
    return future.result(max(0.0, deadline - time.monotonic()))
