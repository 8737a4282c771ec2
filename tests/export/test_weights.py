"""Tensors of a folder: laid into shards, written, held against the base's."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from sightwright.errors import ModelError
from sightwright.export import headers, weights
from sightwright.export.headers import TensorInfo


def _tensors() -> dict[str, Tensor]:
    return {
        "a": torch.arange(6, dtype=torch.float32).view(2, 3),
        "b": torch.ones(4, dtype=torch.bfloat16),
        "c": torch.tensor([1, 2], dtype=torch.int64),
    }


@pytest.mark.parametrize(
    ("max_bytes", "expected"),
    [(100, [["a", "b", "c"]]), (24, [["a"], ["b", "c"]]), (1, [["a"], ["b"], ["c"]])],
)
def test_shards_keep_the_order_and_the_limit(max_bytes: int, expected: list[list[str]]) -> None:
    assert weights.plan_shards({"a": 24, "b": 8, "c": 16}, max_bytes) == expected


@pytest.mark.parametrize("max_bytes", [24, 1000])
def test_written_shards_are_read_back(tmp_path: Path, max_bytes: int) -> None:
    tensors = _tensors()
    shards = weights.plan_shards({k: t.nbytes for k, t in tensors.items()}, max_bytes)
    weights.write_shards(tmp_path, shards, tensors.__getitem__)
    read: dict[str, Tensor] = {}
    for file in headers.weight_files(tmp_path):
        read |= load_file(file)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_the_index_names_every_tensor_and_the_size(tmp_path: Path) -> None:
    tensors = _tensors()
    weights.write_shards(tmp_path, [["a"], ["b", "c"]], tensors.__getitem__)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text("utf-8"))
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    assert index["weight_map"] == {"a": first, "b": second, "c": second}
    assert index["metadata"]["total_size"] == 48


def test_every_difference_is_named() -> None:
    info = TensorInfo(Path("x"), (2,), "F32")
    other_shape = TensorInfo(Path("x"), (3,), "F32")
    other_dtype = TensorInfo(Path("x"), (2,), "BF16")
    weights.check_equal({"a": info}, {"a": TensorInfo(Path("y"), (2,), "F32")})
    with pytest.raises(ModelError) as caught:
        weights.check_equal(
            {"a": other_shape, "b": other_dtype, "d": info}, {"a": info, "b": info, "c": info}
        )
    assert all(f"{name} is" in str(caught.value) for name in "abcd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5GB", 5 * 10**9), ("2 MiB", 2**21), ("300kb", 300_000), ("7B", 7), ("1.5GB", 1_500_000_000)],
)
def test_sizes_as_people_write_them(text: str, expected: int) -> None:
    assert weights.parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "5", "GB", "-1GB", "0MB", "0.4B", "5TBs"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ModelError, match="not a size"):
        weights.parse_size(text)
