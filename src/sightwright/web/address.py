"""An http(s) URL taken apart strictly, so that what is checked is what is asked."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

MAX_URL_CHARACTERS = 8192

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_SHOWN_CHARACTERS = 200
# What RFC 3986 allows in a path and a query, and the sign of what is encoded already.
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = _PATH_SAFE + "?"


class AddressError(ValueError):
    """A URL that is not asked; `shown` is the part of it that may be repeated."""

    def __init__(self, message: str, remedy: str, shown: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy
        self.shown = shown


@dataclass(frozen=True)
class WebAddress:
    """Where a request goes.

    Attributes:
        host: in ASCII, lower case; IPv6 without brackets.
        port: None for the scheme's own.
        target: path and query, percent-encoded.
    """

    scheme: str
    host: str
    port: int | None
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def shown(self) -> str:
        """The URL for messages: without its query, which may hold a secret, and not too long."""
        text = f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"
        return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def is_web_address(text: str) -> bool:
    """Whether an image reference is an http(s) URL (not whether it is a good one)."""
    return text[:8].lower().startswith(("http://", "https://"))


def shown_address(text: str) -> str:
    """A URL for messages, however bad it is.

    >>> shown_address("https://pages.example/1.png?key=secret"), shown_address("http://a:b@c/")
    ('https://pages.example/1.png', 'an http(s) address')
    """
    try:
        return read_address(text).shown
    except AddressError:
        return "an http(s) address"


def read_address(url: str, base: WebAddress | None = None) -> WebAddress:
    """Check a URL; with `base`, one that a redirect from there gave, relative ones included.

    Raises:
        AddressError: not http(s), userinfo, a control character, no usable host or port, too long,
            or a redirect from https to http.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise AddressError(f"a URL of over {MAX_URL_CHARACTERS} characters", "give a shorter one")
    if _CONTROL.search(url):
        raise AddressError("a control character in the URL", "percent-encode it")
    try:
        parts = urlsplit(urljoin(base.url, url) if base else url)
        port, name = parts.port, parts.hostname or ""
    except ValueError as error:
        raise AddressError(f"not a URL: {error}", "check its brackets and its port") from None
    if parts.scheme not in ("http", "https"):
        raise AddressError(
            f"{parts.scheme[:20]!r} is neither http nor https", "give an http(s) URL"
        )
    host = _host(name)
    if "@" in parts.netloc:
        raise AddressError(
            "a user name or password in the URL", "give an address that needs none", host
        )
    if base is not None and base.scheme == "https" and parts.scheme == "http":
        raise AddressError("redirected from https to http", "ask for a file kept on https", host)
    target = quote(parts.path, safe=_PATH_SAFE) or "/"
    if parts.query:
        target += "?" + quote(parts.query, safe=_QUERY_SAFE)
    own_port = 443 if parts.scheme == "https" else 80
    return WebAddress(parts.scheme, host, None if port == own_port else port, target)


def _host(name: str) -> str:
    if ":" in name:
        try:
            return str(ipaddress.IPv6Address(name))
        except ValueError:
            raise AddressError("a host that is no IPv6 address", "check the brackets") from None
    try:
        host = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host):
        raise AddressError("no usable host in the URL", "http(s)://host/path is expected")
    return host
