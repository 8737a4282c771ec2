"""Files that a caller names by an http(s) address, fetched beside the event loop.

The caller is a stranger and the server stands inside somebody's network: only public addresses are
asked, whatever a name, a redirect or a second look-up says. Nothing of it is kept.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sightwright.errors import RefusedError
from sightwright.serve.limits import Limits
from sightwright.web.fetch import Fault, Fetcher, FetchError, FetchPolicy

# Slow hosts hold a thread each; the engine, the drawing and the decoding have others.
_MOST_AT_ONCE = 16
_STATUSES: dict[Fault, int] = {"refused": 400, "too_large": 413, "timeout": 504, "failed": 422}
_REMEDY = "send the file itself, as a data URL"


class RemoteFiles:
    """Fetches where `Limits.remote_images` allows it.

    Args:
        network: how hosts are resolved and dialled; its policy is replaced by ours.
    """

    def __init__(self, limits: Limits, network: Fetcher) -> None:
        self._limits = limits
        self._network = network
        self._executor = ThreadPoolExecutor(_MOST_AT_ONCE, "remote-files")

    def deadline(self) -> float:
        """When the fetching of a request that begins now must end, on the monotonic clock."""
        return time.monotonic() + min(self._limits.fetch_seconds, self._limits.request_seconds / 2)

    async def fetch(self, url: str, place: str, max_bytes: int, deadline: float) -> bytes:
        """What stands at an address.

        Args:
            place: of the address in the request, for messages.
            max_bytes: that the request may still take.

        Raises:
            RefusedError: 400 not allowed, or an address that is not asked; 413 too large; 422
                nothing there; 504 too slow.
        """
        if not self._limits.remote_images:
            raise RefusedError(
                f"{place}: http(s) addresses are not fetched by this server",
                status=400,
                remedy=_REMEDY,
            )
        work = self._executor.submit(self._fetch, url, max_bytes, deadline)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic()) + 0.1):
                return await asyncio.wrap_future(work)
        except FetchError as error:
            raise RefusedError(
                f"{place}: {error.where}: {error.message}",
                status=_STATUSES[error.fault],
                remedy=_REMEDY,
            ) from None
        except TimeoutError:
            raise RefusedError(
                f"{place}: could not be fetched in time", status=504, remedy=_REMEDY
            ) from None

    def close(self) -> None:
        """Begin nothing more; what is being fetched ends by its deadline."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, url: str, max_bytes: int, deadline: float) -> bytes:
        policy = FetchPolicy(
            timeout_seconds=max(0.0, deadline - time.monotonic()),
            max_bytes=max_bytes,
            retries=1,
            allow_private=False,
            cache=None,
        )
        return replace(self._network, policy=policy).fetch(url)
