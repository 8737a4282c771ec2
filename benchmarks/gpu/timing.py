"""Seconds of work on a device, which goes on behind the program."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

_SIDE = 8192


def seconds_of(
    work: Callable[[], object], device: torch.device, repeats: int = 5, warm: int = 2
) -> float:
    """The median of the turns, after `warm` that do not count."""
    for _ in range(warm):
        work()
    return statistics.median(one_turn(work, device) for _ in range(repeats))


def one_turn(work: Callable[[], object], device: torch.device) -> float:
    """From a device that has nothing to do to one that has done all."""
    wait_for(device)
    started = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - started


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matmul_rate(device: torch.device) -> float:
    """Operations a second of one large matrix product: bf16 on a GPU, fp32 on a CPU."""
    on_gpu = device.type == "cuda"
    side, dtype = (_SIDE, torch.bfloat16) if on_gpu else (512, torch.float32)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))

    def multiply() -> None:
        for _ in range(10):
            torch.matmul(a, b)

    return 10 * 2 * side**3 / seconds_of(multiply, device)
