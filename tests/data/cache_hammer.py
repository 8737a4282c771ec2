"""What the processes of test_patch_cache do: read and write one small cache at once, or die."""

import fcntl
import os
import signal
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import torch

from sightwright.data.patch_cache import PatchCache
from sightwright.data.pixels import patched
from sightwright.images import decode_image
from sightwright.vision import VisionSpec


def ask(cache: PatchCache, file: Path, spec: VisionSpec, counts: Counter[str]) -> torch.Tensor:
    data = file.read_bytes()
    return cache.patches(data, spec, partial(decode_image, data, str(file)), counts).patches


def held_in(folder: Path) -> int:
    """Bytes of all entries, begun ones included, while no other process changes them."""
    with (folder / "ledger").open("rb") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        every = [*folder.glob("*/*.patches"), *folder.glob("*/.*.partial")]
        return sum(path.stat().st_size for path in every)


def hammer(folder: Path, files: list[Path], spec: VisionSpec, bound: int, seed: int) -> None:
    """Ask for images at random; every answer must be right, and the folder inside its bound."""
    torch.set_num_threads(1)
    cache, counts = PatchCache(folder, bound), Counter[str]()
    rng = np.random.default_rng(seed)
    for _ in range(150):
        file = files[rng.integers(len(files))]
        data = file.read_bytes()
        wanted = patched(decode_image(data, str(file)), spec).patches
        assert torch.equal(ask(cache, file, spec, counts), wanted)
        assert held_in(folder) <= bound
    assert counts["patch_cache: read"] > 10 and counts["patch_cache: evicted"] > 10
    assert not counts["patch_cache: damaged"]


def die_while_writing(folder: Path, file: Path, spec: VisionSpec) -> None:
    def killed(self: Path, target: Path) -> Path:
        os.kill(os.getpid(), signal.SIGKILL)
        return target

    torch.set_num_threads(1)
    Path.replace = killed  # type: ignore[method-assign]
    ask(PatchCache(folder, 10**9), file, spec, Counter())
