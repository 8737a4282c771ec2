"""The tensors of a folder, listed from the headers of its safetensors files.

No weight is read, and torch is not imported.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sightwright import canonical
from sightwright.errors import ModelError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
_LFS_POINTER = b"version https://git-lfs"

# Bits of one number, by safetensors' name of its format.
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I8", "U8", "BOOL"), 8),
    **{"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4},
}
_ON_DISK = {"float64": "F64", "float32": "F32", "bfloat16": "BF16", "float16": "F16"}


@dataclass(frozen=True)
class TensorInfo:
    """A tensor on disk. `dtype` is safetensors' name of it: F32, BF16, …"""

    file: Path
    shape: tuple[int, ...]
    dtype: str

    @property
    def num_values(self) -> int:
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        return self.num_values * _BITS[self.dtype] // 8

    @property
    def is_float(self) -> bool:
        """Whether it is in a float format that torch computes in."""
        return self.dtype in _ON_DISK.values()

    def as_dtype(self, dtype: str) -> "TensorInfo":
        """The same tensor stored as `dtype`; "keep", and a tensor of integers, stay as they are."""
        if dtype == "keep" or not self.is_float:
            return self
        return TensorInfo(self.file, self.shape, _ON_DISK[dtype])

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


def dtype_name(info: TensorInfo) -> str:
    """torch's name of a stored dtype where it is a float, safetensors' otherwise."""
    return next((name for name, stored in _ON_DISK.items() if stored == info.dtype), info.dtype)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that a model folder is loaded from; as in transformers, a single one
    goes before an index.

    Raises:
        ModelError: there are none, or an index that cannot be read or names one that is missing.
    """
    index = folder / INDEX
    names = sorted(set(_weight_map(index).values())) if _is_sharded(folder) else [SINGLE]
    if missing := [name for name in names if not (folder / name).is_file()]:
        shards = sorted(path.name for path in folder.glob("model-*.safetensors"))
        remedy = "a model folder with safetensors weights is needed"
        if shards and not index.is_file():
            remedy = f"{INDEX} says how {shards[0]} and its likes belong together: copy it too"
        raise ModelError(f"missing weights: {', '.join(missing)}", where=str(folder), remedy=remedy)
    return [folder / name for name in names]


def _is_sharded(folder: Path) -> bool:
    return (folder / INDEX).is_file() and not (folder / SINGLE).is_file()


def list_tensors(folder: Path) -> dict[str, TensorInfo]:
    """Every tensor of a model folder by name.

    Raises:
        ModelError: no weights, a broken file, a tensor that stands twice, or an index that names
            tensors which are not there.
    """
    tensors: dict[str, TensorInfo] = {}
    for file in weight_files(folder):
        for name, info in read_header(file).items():
            if name in tensors:
                raise ModelError(f"the tensor {name!r} stands twice", where=str(file))
            tensors[name] = info
    index = folder / INDEX
    if _is_sharded(folder) and (lost := sorted(_weight_map(index).keys() - tensors.keys())):
        raise ModelError(
            f"{len(lost)} tensors of the index are in no file: {', '.join(lost[:5])}",
            where=str(index),
            remedy="index and files are of different models: copy both again",
        )
    return tensors


def read_header(file: Path) -> dict[str, TensorInfo]:
    """Every tensor of one file. safetensors checks the header: its length, that each tensor has the
    bytes that its shape needs, and that they fill the file without a gap and without overlapping.

    Raises:
        ModelError: no file, a torn or forged one, or one that only points to the weights.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, TensorInfo] = {}
    try:
        # "np" loads nothing here, and unlike "pt" it imports no torch.
        with cast("Any", safe_open(file, framework="np")) as opened:
            for name in opened.keys():  # noqa: SIM118  safe_open is no mapping
                part = opened.get_slice(name)
                found[name] = TensorInfo(file, tuple(part.get_shape()), part.get_dtype())
    except SafetensorError as error:
        raise ModelError(
            f"broken weights: {error}", where=str(file), remedy=_what_to_do(file)
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(f"cannot be read: {reason}", where=str(file)) from None
    for name, info in found.items():
        if info.dtype not in _BITS:
            raise ModelError(f"the tensor {name!r} is {info.dtype}", where=str(file))
    return found


def _what_to_do(file: Path) -> str:
    with file.open("rb") as opened:
        is_pointer = opened.read(len(_LFS_POINTER)) == _LFS_POINTER
    if is_pointer:
        return "this is a pointer of Git LFS, not the weights: run `git lfs pull`"
    return "the file is cut off or damaged: copy it again, or take another checkpoint"


def _weight_map(index: Path) -> dict[str, str]:
    try:
        content: Any = canonical.loads(index.read_text(encoding="utf-8"))
        found = content["weight_map"]
        names = [Path(name).name == name for name in found.values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"no index of weights: {error!r}", where=str(index)) from None
    if not all(names):
        raise ModelError("names files outside its folder", where=str(index))
    return cast("dict[str, str]", found)
