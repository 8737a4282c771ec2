"""What was fetched, kept on disk by the address it came from.

A file's name is the SHA-256 of its URL, so no query with a secret in it is written down. Its first
32 bytes are the SHA-256 of the rest: what a crash or a failing disk left is noticed and fetched
anew. Files are written whole or not at all, so any number of processes may share the folder.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sightwright import canonical, logs

log = logs.get_logger(__name__)

_DIGEST_BYTES = hashlib.sha256().digest_size


def default_folder() -> Path:
    """`SIGHTWRIGHT_CACHE`, else `sightwright` in the user's cache folder; `fetched` below it."""
    chosen = os.environ.get("SIGHTWRIGHT_CACHE")
    if chosen:
        return Path(chosen) / "fetched"
    # The XDG specification has relative paths ignored.
    general = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = general if general.is_absolute() else Path.home() / ".cache"
    return base / "sightwright" / "fetched"


@dataclass(frozen=True)
class UrlCache:
    """The files of one folder. Entries do not age: delete the folder to fetch anew."""

    folder: Path

    def path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode("utf-8")).hexdigest()
        return self.folder / name[:2] / name

    def read(self, url: str) -> bytes | None:
        """What was kept for a URL; None for nothing, or nothing whole.

        Raises:
            OSError: a file that is there and cannot be read.
        """
        path = self.path(url)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            return None
        digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() == digest:
            return content
        log.warning("%s is damaged and is fetched anew", path)
        return None

    def write(self, url: str, content: bytes) -> None:
        """Keep what came from a URL.

        Raises:
            OSError: the folder cannot be written.
        """
        canonical.write_bytes(self.path(url), hashlib.sha256(content).digest() + content)
