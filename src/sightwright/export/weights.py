"""The tensors of a model folder: loaded one by one, written in shards, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright import canonical
from sightwright.errors import ModelError
from sightwright.export.headers import INDEX, SINGLE, TensorInfo, dtype_name

if TYPE_CHECKING:
    from torch import Tensor

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def load_tensor(name: str, info: TensorInfo) -> Tensor:
    from safetensors import safe_open

    with safe_open(info.file, framework="pt") as opened:
        return opened.get_tensor(name)


def as_stored(tensor: Tensor, info: TensorInfo) -> Tensor:
    """The tensor in the float format that `info` has on disk; integers stay as they are."""
    import torch

    return tensor.to(getattr(torch, dtype_name(info))) if info.is_float else tensor


def parse_size(text: str) -> int:
    """Bytes of a size as people write it.

    >>> parse_size("5GB")
    5000000000

    Raises:
        ModelError: not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?I?B)", text.strip().upper())
    num_bytes = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if num_bytes < 1:
        raise ModelError(f"{text!r} is not a size", remedy="write it as 5GB or 800MB")
    return num_bytes


def plan_shards(sizes: Mapping[str, int], max_bytes: int) -> list[list[str]]:
    """Names laid into shards in their order; a tensor larger than a shard gets its own."""
    shards: list[list[str]] = []
    filled = 0
    for name, size in sizes.items():
        if not shards or filled + size > max_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


def write_shards(
    folder: Path, shards: Sequence[Sequence[str]], tensor_of: Callable[[str], Tensor]
) -> list[Path]:
    """Write the shards one after the other (one in memory at a time), and their index."""
    from safetensors.torch import save_file

    files: list[Path] = []
    weight_map: dict[str, str] = {}
    total_bytes = 0
    for number, names in enumerate(shards, start=1):
        single = len(shards) == 1
        file = folder / (SINGLE if single else f"model-{number:05}-of-{len(shards):05}.safetensors")
        tensors = {name: tensor_of(name).contiguous() for name in names}
        save_file(tensors, file, metadata={"format": "pt"})
        files.append(file)
        weight_map |= dict.fromkeys(names, file.name)
        total_bytes += sum(tensor.nbytes for tensor in tensors.values())
    if len(shards) > 1:
        index = {"metadata": {"total_size": total_bytes}, "weight_map": weight_map}
        canonical.write_json(folder / INDEX, index)
        files.append(folder / INDEX)
    return files


def check_equal(written: Mapping[str, TensorInfo], expected: Mapping[str, TensorInfo]) -> None:
    """Hold the names, shapes and dtypes of what was written against what should be there.

    Raises:
        ModelError: any difference, named.
    """
    problems = [f"{name} is missing" for name in expected if name not in written]
    problems += [f"{name} is too many" for name in written if name not in expected]
    for name in expected.keys() & written.keys():
        found, wanted = written[name], expected[name]
        if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
            problems.append(f"{name} is {found}, not {wanted}")
    if problems:
        raise ModelError("the merged weights differ from the base's: " + "; ".join(problems[:20]))
