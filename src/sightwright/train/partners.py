"""What a process says when another one of its run does not come: neither hangs without a word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sightwright.errors import SightwrightError

# gloo raises plain RuntimeErrors.
_SIGNS = ("monitoredBarrier", "Connection closed by peer", "Timed out waiting")


@contextmanager
def told() -> Iterator[None]:
    """Turn the error of a wait in vain into one that says where to look.

    Raises:
        SightwrightError: another process has ended, or waits elsewhere.
    """
    try:
        yield
    except RuntimeError as error:
        if not _is_of_a_wait(error):
            raise
        raise SightwrightError(
            f"another process of this run did not come: {str(error).strip().splitlines()[0]}",
            remedy="if one of them ended, its own message is the cause; if all are alive, they "
            "decided differently: training.metric_for_best_model: loss, and no metric or callback "
            "of your own that sees one process alone; training.ddp_timeout where one is only slow",
        ) from error


def _is_of_a_wait(error: RuntimeError) -> bool:
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return False
    return isinstance(error, distributed.DistError) or any(sign in str(error) for sign in _SIGNS)
