"""Bytes from an http(s) address: within a time and a size, from hosts that may be asked.

    fetch("https://example.org/page-1.png", FetchPolicy())

One deadline covers resolving, connecting, redirects and retries; the bytes are counted as they
arrive. Redirects are followed by hand, each hop checked like the first. Error messages name the
host and the path, never a query or a password.
"""

import ssl
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import httpcore

from sightwright import __version__
from sightwright.errors import ImageError
from sightwright.web.address import AddressError, WebAddress, read_address
from sightwright.web.cache import UrlCache, default_folder
from sightwright.web.network import (
    CheckedNetwork,
    Dial,
    NotPublicError,
    Resolve,
    UnresolvedError,
    open_stream,
    system_addresses,
)

Fault = Literal["refused", "too_large", "timeout", "failed"]
"""Why nothing came: we would not ask, it is too much, it took too long, the other side failed."""

_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_TOO_LARGE_REMEDY = "give the file by a path, or a smaller one"


@dataclass(frozen=True)
class FetchPolicy:
    """What a fetch may take.

    Attributes:
        timeout_seconds: for all of it: redirects, retries and the waiting between them.
        max_bytes: of the content, counted as it arrives.
        retries: further attempts after a failure that may pass.
        allow_private: whether addresses outside the public internet may be asked.
        cache: folder of what was fetched before; None keeps nothing.
        backoff_seconds: before the first retry; doubled before each further one.
    """

    timeout_seconds: float = 20.0
    max_bytes: int = 64 * 1024 * 1024
    max_redirects: int = 3
    retries: int = 2
    allow_private: bool = True
    cache: Path | None = field(default_factory=default_folder)
    backoff_seconds: float = 0.25


class FetchError(ImageError):
    """An address that gave nothing.

    Attributes:
        fault: whose it is.
        transient: the same request may succeed later.
        wait_seconds: that the server asks for before it.
    """

    def __init__(
        self,
        message: str,
        *,
        fault: Fault,
        where: str,
        remedy: str,
        transient: bool = False,
        wait_seconds: float = 0.0,
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.fault: Fault = fault
        self.transient = transient
        self.wait_seconds = wait_seconds


def fetch(url: str, policy: FetchPolicy) -> bytes:
    """What stands at an http(s) address, from the cache where it has been fetched before.

    Raises:
        FetchError: an address that may not be asked, or that gave nothing within the policy.
    """
    return Fetcher(policy).fetch(url)


def is_cached(url: str, policy: FetchPolicy) -> bool:
    """Whether a file is kept for an address, whole or not.

    Raises:
        FetchError: an address that may not be asked.
    """
    return policy.cache is not None and UrlCache(policy.cache).path(_checked(url).url).exists()


@dataclass(frozen=True)
class Fetcher:
    """A policy and the network it works on.

    Attributes:
        resolve: host name → addresses.
        dial: address → connection.
        tls: which certificates are trusted; by default the system's and certifi's.
    """

    policy: FetchPolicy = field(default_factory=FetchPolicy)
    resolve: Resolve = system_addresses
    dial: Dial = open_stream
    tls: ssl.SSLContext | None = None

    def fetch(self, url: str) -> bytes:
        """As the function `fetch`.

        Raises:
            FetchError: as there.
        """
        address = _checked(url)
        if self.policy.cache is None:
            return self._download(address)
        return self._through(UrlCache(self.policy.cache), address)

    def _through(self, kept: UrlCache, address: WebAddress) -> bytes:
        try:
            content = kept.read(address.url)
            if content is None:
                content = self._download(address)
                kept.write(address.url, content)
        except OSError as error:
            raise FetchError(
                f"the cache of fetched files cannot be used: {error.strerror}: {kept.folder}",
                fault="failed",
                where=address.shown,
                remedy="set SIGHTWRIGHT_CACHE to a folder that can be written",
            ) from None
        if len(content) > self.policy.max_bytes:
            raise self._too_large(address)
        return content

    def _download(self, address: WebAddress) -> bytes:
        deadline = time.monotonic() + self.policy.timeout_seconds
        for attempt in range(self.policy.retries + 1):
            try:
                return self._follow(address, deadline)
            except FetchError as error:
                wait = max(self.policy.backoff_seconds * 2**attempt, error.wait_seconds)
                is_last = attempt == self.policy.retries or time.monotonic() + wait >= deadline
                if is_last or not error.transient:
                    raise
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _follow(self, address: WebAddress, deadline: float) -> bytes:
        for _ in range(self.policy.max_redirects + 1):
            answer = self._get(address, deadline)
            if isinstance(answer, bytes):
                return answer
            address = answer
        raise FetchError(
            f"redirected more than {self.policy.max_redirects} times",
            fault="failed",
            where=address.shown,
            remedy="give the address of the file itself",
        )

    def _get(self, address: WebAddress, deadline: float) -> bytes | WebAddress:
        """One request: the content, or where it is said to be."""
        network = CheckedNetwork(self.resolve, self.dial, self.policy.allow_private, deadline)
        headers: list[tuple[bytes | str, bytes | str]] = [
            ("Host", address.authority),
            ("User-Agent", f"sightwright/{__version__}"),
            ("Accept", "image/*, application/pdf;q=0.9, */*;q=0.1"),
            ("Accept-Encoding", "identity"),
        ]
        tls = self.tls or _default_tls()
        try:
            with (
                httpcore.ConnectionPool(ssl_context=tls, network_backend=network) as pool,
                pool.stream("GET", _httpcore_url(address), headers=headers) as response,
            ):
                if response.status in _REDIRECTS:
                    return _next_hop(address, response)
                return self._content(address, response)
        except (NotPublicError, UnresolvedError, httpcore.TimeoutException) as error:
            raise self._unanswered(address, error) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _broken_off(address, error) from None

    def _content(self, address: WebAddress, response: httpcore.Response) -> bytes:
        if response.status != 200:
            raise _status_error(address, response)
        if _header(response, b"content-encoding") not in ("", "identity"):
            raise FetchError(
                "answers in compressed form, which was not asked for",
                fault="failed",
                where=address.shown,
                remedy="have the server send the file as it is",
            )
        declared = _header(response, b"content-length")
        if declared.isdecimal() and int(declared) > self.policy.max_bytes:
            raise self._too_large(address)
        content = bytearray()
        for chunk in response.iter_stream():
            content += chunk
            if len(content) > self.policy.max_bytes:
                raise self._too_large(address)
        return bytes(content)

    def _too_large(self, address: WebAddress) -> FetchError:
        return FetchError(
            f"holds more than {self.policy.max_bytes} bytes",
            fault="too_large",
            where=address.shown,
            remedy=_TOO_LARGE_REMEDY,
        )

    def _unanswered(self, address: WebAddress, error: Exception) -> FetchError:
        match error:
            case NotPublicError():
                return FetchError(
                    "its host is not on the public internet, and only such hosts are asked",
                    fault="refused",
                    where=address.shown,
                    remedy="send the file itself",
                )
            case UnresolvedError():
                return FetchError(
                    f"the host {address.host} has no address",
                    fault="failed",
                    where=address.shown,
                    remedy="check the spelling of the host, and the network",
                    transient=error.transient,
                )
            case _:
                return FetchError(
                    f"did not come within {self.policy.timeout_seconds:g} s",
                    fault="timeout",
                    where=address.shown,
                    remedy="try again, or give the file by a path",
                )


def _checked(url: str, base: WebAddress | None = None) -> WebAddress:
    try:
        return read_address(url, base)
    except AddressError as error:
        where = error.shown or (base.shown if base else "an http(s) address")
        raise FetchError(str(error), fault="refused", where=where, remedy=error.remedy) from None


def _next_hop(address: WebAddress, response: httpcore.Response) -> WebAddress:
    location = _header(response, b"location")
    if not location:
        raise _status_error(address, response)
    return _checked(location, address)


def _status_error(address: WebAddress, response: httpcore.Response) -> FetchError:
    status = response.status
    pause = _header(response, b"retry-after")
    return FetchError(
        f"the server answers {status}",
        fault="failed",
        where=address.shown,
        remedy="check the address in a browser" if status < 500 else "try again later",
        transient=status in _TRANSIENT,
        wait_seconds=float(pause) if pause.isdecimal() and len(pause) < 6 else 0.0,
    )


def _broken_off(address: WebAddress, error: Exception) -> FetchError:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        reason = getattr(cause, "verify_message", "") or cause.reason or "no agreement"
        return FetchError(
            f"no trusted connection: {reason}",
            fault="failed",
            where=address.shown,
            remedy="for a certificate authority of your own, set SSL_CERT_FILE",
        )
    return FetchError(
        f"the connection failed: {error or type(error).__name__}",
        fault="failed",
        where=address.shown,
        remedy="check that the host answers from this machine",
        transient=True,
    )


def _httpcore_url(address: WebAddress) -> httpcore.URL:
    return httpcore.URL(
        scheme=address.scheme, host=address.host, port=address.port, target=address.target
    )


def _header(response: httpcore.Response, name: bytes) -> str:
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("utf-8", "replace").strip()
    return ""


@cache
def _default_tls() -> ssl.SSLContext:
    return httpcore.default_ssl_context()
