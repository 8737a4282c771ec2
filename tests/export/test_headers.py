"""Tensors told from headers alone: what is whole is listed, what is torn or forged is named."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from sightwright.errors import ModelError
from sightwright.export import headers, weights
from sightwright.export.headers import TensorInfo

ONE = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
SMALL = {
    "a": torch.arange(6, dtype=torch.float32).view(2, 3),
    "b": torch.ones(4, dtype=torch.bfloat16),
    "c": torch.tensor([1, 2], dtype=torch.int64),
}


def _file(path: Path, header: Any, data: bytes = b"", *, length: int | None = None) -> Path:
    """A safetensors file by hand: 8 bytes of length, the header, the numbers."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def _entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_headers_give_shape_dtype_and_bytes(tmp_path: Path) -> None:
    save_file(SMALL, tmp_path / "model.safetensors")
    listed = headers.list_tensors(tmp_path)
    assert {name: (info.shape, info.dtype, info.num_bytes) for name, info in listed.items()} == {
        "a": ((2, 3), "F32", 24),
        "b": ((4,), "BF16", 8),
        "c": ((2,), "I64", 16),
    }


def test_numbers_smaller_than_a_byte_are_counted(tmp_path: Path) -> None:
    header = {"a": _entry([4, 2], 0, 4, "F4"), "b": _entry([4], 4, 7, "F6_E2M3")}
    found = headers.read_header(_file(tmp_path / "x.safetensors", header, bytes(7)))
    assert [(info.num_values, info.num_bytes) for info in found.values()] == [(8, 4), (4, 3)]


def test_another_dtype_leaves_integers_alone() -> None:
    floats = TensorInfo(Path("x"), (2,), "F32")
    integers = TensorInfo(Path("x"), (2,), "I64")
    assert floats.as_dtype("bfloat16").dtype == "BF16"
    assert floats.as_dtype("keep") == floats
    assert integers.as_dtype("bfloat16") == integers


FORGED: dict[str, tuple[Any, bytes, int | None, str]] = {
    "a giant length": (ONE, bytes(8), 2**62, "header too large"),
    "a length beyond the end": (ONE, bytes(8), 1_000_000, "invalid header length"),
    "overlapping tensors": (
        {"a": _entry([2], 0, 8), "b": _entry([2], 4, 12)},
        bytes(12),
        None,
        "offset for tensor `b`",
    ),
    "a gap": ({"a": _entry([2], 4, 12)}, bytes(12), None, "offset for tensor `a`"),
    "cut off": (ONE, bytes(4), None, "not fully covered"),
    "more than it says": (ONE, bytes(80), None, "not fully covered"),
    "no JSON": (b"{nope", b"", None, "invalid JSON"),
    "nested deep": (b"[" * 100_000, b"", None, "invalid JSON"),
    "an unknown format": ({"a": _entry([2], 0, 8, "X9")}, bytes(8), None, "X9"),
    "a negative size": ({"a": _entry([-2], 0, 8)}, bytes(8), None, "-2"),
    "a shape of other bytes": ({"a": _entry([3], 0, 8)}, bytes(8), None, "invalid shape"),
    "a shape that overflows": ({"a": _entry([2**40, 2**40], 0, 8)}, bytes(8), None, "overflow"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_header_is_a_clean_error(tmp_path: Path, what: str) -> None:
    header, data, length, reason = FORGED[what]
    file = _file(tmp_path / "model.safetensors", header, data, length=length)
    with pytest.raises(ModelError) as caught:
        headers.list_tensors(tmp_path)
    assert caught.value.where == str(file)
    assert reason in caught.value.message
    assert "copy it again" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"abc", b"no weights at all"])
def test_a_file_without_a_header_is_a_clean_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="broken weights"):
        headers.list_tensors(tmp_path)


def test_a_pointer_of_git_lfs_is_told_apart(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (tmp_path / "model.safetensors").write_text(pointer)
    with pytest.raises(ModelError, match="git lfs pull"):
        headers.list_tensors(tmp_path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 160), byte=st.integers(0, 255), cut=st.integers(0, 200))
def test_a_damaged_file_is_listed_or_named(tmp_path: Path, place: int, byte: int, cut: int) -> None:
    """Any byte changed and any end cut off: either a list of tensors or a ModelError."""
    whole = _file(tmp_path / "x", {"a": _entry([2], 0, 8), "b": _entry([2, 2], 8, 24)}, bytes(24))
    content = bytearray(whole.read_bytes())
    content[place % len(content)] = byte
    file = tmp_path / "damaged.safetensors"
    file.write_bytes(bytes(content[: len(content) - cut] if cut < len(content) else content))
    try:
        found = headers.read_header(file)
    except ModelError as error:
        assert error.where == str(file)
    else:
        assert all(info.num_bytes >= 0 for info in found.values())


def _sharded(folder: Path) -> Path:
    weights.write_shards(folder, [["a"], ["b", "c"]], SMALL.__getitem__)
    return folder


def test_shards_are_listed_as_one_model(tmp_path: Path) -> None:
    listed = headers.list_tensors(_sharded(tmp_path))
    assert {name: info.file.name for name, info in listed.items()} == {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00002-of-00002.safetensors",
        "c": "model-00002-of-00002.safetensors",
    }


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    (_sharded(tmp_path) / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match="model-00002"):
        headers.list_tensors(tmp_path)


def test_shards_without_their_index_are_refused(tmp_path: Path) -> None:
    (_sharded(tmp_path) / headers.INDEX).unlink()
    with pytest.raises(ModelError, match="says how model-00001"):
        headers.list_tensors(tmp_path)


def _change_index(folder: Path, **weight_map: Any) -> None:
    path = folder / headers.INDEX
    index = json.loads(path.read_text())
    index["weight_map"] |= weight_map
    path.write_text(json.dumps(index))


def test_an_index_of_another_model_is_named(tmp_path: Path) -> None:
    _change_index(_sharded(tmp_path), d="model-00001-of-00002.safetensors")
    with pytest.raises(ModelError, match="1 tensors of the index are in no file: d"):
        headers.list_tensors(tmp_path)


@pytest.mark.parametrize("name", ["../other.safetensors", "/etc/passwd"])
def test_an_index_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    _change_index(_sharded(tmp_path), d=name)
    with pytest.raises(ModelError, match="outside its folder"):
        headers.list_tensors(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"weight_map": 1}', '{"weight_map": {"a": 1}}', "[" * 100_000],
    ids=["empty", "list", "bare", "number", "no name", "deep"],
)
def test_a_broken_index_is_named(tmp_path: Path, content: str) -> None:
    (_sharded(tmp_path) / headers.INDEX).write_text(content)
    with pytest.raises(ModelError, match="no index of weights"):
        headers.list_tensors(tmp_path)


def test_a_single_file_goes_before_an_index(tmp_path: Path) -> None:
    """As in transformers, which would load it."""
    save_file({"only": torch.zeros(1)}, _sharded(tmp_path) / "model.safetensors")
    assert list(headers.list_tensors(tmp_path)) == ["only"]


def test_a_tensor_that_stands_twice_is_named(tmp_path: Path) -> None:
    _sharded(tmp_path)
    twice: dict[str, Tensor] = {"a": SMALL["a"], "b": SMALL["b"], "c": SMALL["c"]}
    save_file(twice, tmp_path / "model-00002-of-00002.safetensors")
    with pytest.raises(ModelError, match="'a' stands twice"):
        headers.list_tensors(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        headers.list_tensors(tmp_path)


def test_no_torch_is_imported(tmp_path: Path) -> None:
    save_file(SMALL, tmp_path / "model.safetensors")
    program = (
        "import sys; from pathlib import Path; from sightwright.export.headers import list_tensors;"
        f"print(len(list_tensors(Path({str(tmp_path)!r}))), 'torch' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["3", "False"]
