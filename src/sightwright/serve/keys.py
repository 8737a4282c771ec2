"""Who may ask: API keys, as OpenAI's clients send them (`Authorization: Bearer KEY`)."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sightwright.errors import ConfigError

ENVIRONMENT = "SIGHTWRIGHT_API_KEY"
_KEY = re.compile(r"[!-~]+", re.ASCII)


def read_keys(file: Path | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of a file, one a line (`#` begins a remark), and of `SIGHTWRIGHT_API_KEY`.

    Several keys in the environment are told apart by commas.

    Raises:
        ConfigError: a file that cannot be read or holds no key; a key that no header can carry.
            A key itself is never shown.
    """
    keys = [key.strip() for key in environment.get(ENVIRONMENT, "").split(",") if key.strip()]
    _check(keys, ENVIRONMENT)
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the keys cannot be read: {error}", where=str(file)) from None
        of_file = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not of_file:
            raise ConfigError("no key in the file", where=str(file), remedy="write one a line")
        _check(of_file, str(file))
        keys += of_file
    return tuple(dict.fromkeys(keys))


def _check(keys: Iterable[str], where: str) -> None:
    for number, key in enumerate(keys, start=1):
        if not _KEY.fullmatch(key):
            raise ConfigError(f"key {number} has other characters than visible ASCII", where=where)


@dataclass(frozen=True)
class Access:
    """Which requests are let in; all of them where there is no key.

    Attributes:
        keys: any one opens.
        open_metrics: `/metrics` needs no key. `/health` never does.
    """

    keys: tuple[str, ...] = ()
    open_metrics: bool = False

    def allows(self, path: str, authorization: bytes) -> bool:
        """Whether a request with this `Authorization` header may pass."""
        if not self.keys or path == "/health" or (path == "/metrics" and self.open_metrics):
            return True
        scheme, _, given = authorization.partition(b" ")
        # Every key is compared, by digests of one length: the time taken tells nothing.
        digest = _digest(given.strip())
        matches = [hmac.compare_digest(digest, _digest(key.encode())) for key in self.keys]
        return scheme.lower() == b"bearer" and any(matches)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
