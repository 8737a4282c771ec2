"""A disk that fills up while a run writes: told as such, with what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from sightwright.errors import SightwrightError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_RUST_ERROR = re.compile(r"\(os error (\d+)\)")
# What torch says of a zip file that it could not write to its end; there is no error number in it.
_TORCH_WRITER = re.compile(r"inline_container\.cc|PytorchStreamWriter")


class DiskFullError(SightwrightError):
    """Nothing more could be written."""


def reason_of(error: BaseException) -> str | None:
    """Why a file could not be written to its end, where that is what an error means.

    Python raises OSError, safetensors an error of its own with the number in its text, and torch a
    RuntimeError that names the place in its source.
    """
    text = str(error)
    if isinstance(error, OSError) and error.errno in _FULL:
        return error.strerror or text
    if isinstance(error, SafetensorError):
        number = _RUST_ERROR.search(text)
        if number is not None and int(number[1]) in _FULL:
            return text.removeprefix("Error while serializing: ")
    if isinstance(error, RuntimeError) and _TORCH_WRITER.search(text):
        return "a file could not be written to its end"
    return None


@contextmanager
def told(what: str, folder: Path, remedy: Callable[[], str]) -> Iterator[None]:
    """Turn a full disk inside into a DiskFullError.

    Args:
        what: is being written, as `checkpoint-7`.
        folder: where.
        remedy: asked when it has happened.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = reason_of(error)
        if reason is None:
            raise
        raise DiskFullError(
            f"{what} could not be written: {reason}", where=str(folder), remedy=remedy()
        ) from error


def learnt_bytes(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """The weights that learn and what the optimiser keeps of them."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    states = [
        value
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    ]
    return sum(tensor.numel() * tensor.element_size() for tensor in (*weights, *states))


def in_units(num_bytes: int) -> str:
    """`1.2 GB`, `340 MB`, `12 kB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"
