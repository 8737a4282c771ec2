"""The tensors of a model folder: listed without loading them, written in shards, checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright import canonical
from sightwright.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"

_BYTES = {
    **{"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2},
    **{"I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1},
}
_ON_DISK = {"float64": "F64", "float32": "F32", "bfloat16": "BF16", "float16": "F16"}
_FLOATING = set(_ON_DISK.values())
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True)
class TensorInfo:
    """A tensor on disk. `dtype` is safetensors' name of it: F32, BF16, …"""

    file: Path
    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * _BYTES[self.dtype]

    def as_dtype(self, dtype: str) -> TensorInfo:
        """The same tensor stored as `dtype`; "keep", and a tensor of integers, stay as they are."""
        if dtype == "keep" or self.dtype not in _FLOATING:
            return self
        return TensorInfo(self.file, self.shape, _ON_DISK[dtype])


def dtype_name(info: TensorInfo) -> str:
    """torch's name of a stored dtype where it is a float, safetensors' otherwise."""
    return next((name for name, stored in _ON_DISK.items() if stored == info.dtype), info.dtype)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that a model folder is loaded from.

    Raises:
        ModelError: there are none, or the index names one that is missing.
    """
    index = folder / INDEX
    if index.is_file():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        files = [folder / name for name in names]
    else:
        files = [folder / SINGLE]
    if missing := [file.name for file in files if not file.is_file()]:
        raise ModelError(
            f"missing weights: {', '.join(missing)}",
            where=str(folder),
            remedy="a model folder with safetensors weights is needed",
        )
    return files


def list_tensors(folder: Path) -> dict[str, TensorInfo]:
    """Every tensor of a model folder by name, from the headers alone.

    Raises:
        ModelError: no weights, a broken file, a tensor that stands twice, an unknown dtype.
    """
    from safetensors import SafetensorError, safe_open

    tensors: dict[str, TensorInfo] = {}
    for file in weight_files(folder):
        try:
            with safe_open(file, framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118  safe_open is no mapping
                    part = opened.get_slice(name)
                    info = TensorInfo(file, tuple(part.get_shape()), part.get_dtype())
                    if name in tensors or info.dtype not in _BYTES:
                        problem = "stands twice" if name in tensors else f"is {info.dtype}"
                        raise ModelError(f"the tensor {name!r} {problem}", where=str(file))
                    tensors[name] = info
        except SafetensorError as error:
            raise ModelError(f"broken weights: {error}", where=str(file)) from None
    return tensors


def load_tensor(name: str, info: TensorInfo) -> Tensor:
    from safetensors import safe_open

    with safe_open(info.file, framework="pt") as opened:
        return opened.get_tensor(name)


def parse_size(text: str) -> int:
    """Bytes of a size as people write it.

    >>> parse_size("5GB")
    5000000000

    Raises:
        ModelError: not a size.
    """
    match = re.fullmatch(r"(\d+)\s*([KMG]?I?B)", text.strip().upper())
    if match is None or int(match[1]) == 0:
        raise ModelError(f"{text!r} is not a size", remedy="write it as 5GB or 800MB")
    return int(match[1]) * _UNITS[match[2]]


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
            problems.append(
                f"{name} is {found.dtype} {list(found.shape)}, "
                f"not {wanted.dtype} {list(wanted.shape)}"
            )
    if problems:
        raise ModelError("the merged weights differ from the base's: " + "; ".join(problems[:20]))
