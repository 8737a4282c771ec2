"""The ways of doing a step that this environment can run, and why it cannot run the others."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import torch

from benchmarks.gpu import steps

OURS = "ours"
_INSTALL = {"trl": "trl==1.16.0", "liger_kernel": "liger-kernel"}
_NEEDS = {
    "transformers + PEFT, padded": (),
    "transformers + PEFT, Liger": ("liger_kernel",),
    "TRL": ("trl",),
    "TRL, Liger": ("trl", "liger_kernel"),
}
"""Each peer, and the packages that it needs besides."""
PEERS = tuple(_NEEDS)

Build = Callable[[], steps.Way]


@dataclass
class Ways:
    """
    Attributes:
        run: how each is built; `OURS` first.
        not_run: the reason, for each of the others.
    """

    run: dict[str, Build]
    not_run: dict[str, str]

    def leave_out(self, name: str, reason: str) -> None:
        """From now on; what was measured of it stays."""
        del self.run[name]
        self.not_run[name] = reason


def choose(size: str, device: torch.device, compiled: bool) -> Ways:
    ways = Ways({OURS: partial(steps.ours, size, device, compiled)}, {})
    for name, packages in _NEEDS.items():
        if reason := _hindrance(packages, device):
            ways.not_run[name] = reason
        else:
            ways.run[name] = partial(_peer, size, device, packages)
    return ways


def _hindrance(packages: tuple[str, ...], device: torch.device) -> str:
    """Why a peer that needs these cannot run; "" if it can."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        command = " ".join(_INSTALL[name] for name in missing)
        return f"{' and '.join(missing)} not installed: pip install {command}"
    if "liger_kernel" in packages and device.type != "cuda":
        return "Liger's kernels need a GPU"
    return ""


def _peer(size: str, device: torch.device, packages: tuple[str, ...]) -> steps.Way:
    liger = "liger_kernel" in packages
    if "trl" not in packages:
        return steps.padded(size, device, liger=liger)
    from benchmarks.gpu.trl_step import trl

    return trl(size, device, liger=liger)


@contextmanager
def put_back(module: ModuleType) -> Iterator[None]:
    """Undo what is replaced in a module meanwhile: Liger's kernels would stay there for whoever
    builds a model afterwards, us included."""
    before = dict(vars(module))
    try:
        yield
    finally:
        vars(module).update(before)
