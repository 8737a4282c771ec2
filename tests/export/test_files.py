"""The folder of an export: complete or absent, and every file of the base accounted for."""

import json
from pathlib import Path

import pytest

from sightwright.certificate import Pixels
from sightwright.errors import ModelError
from sightwright.export import files


def test_the_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with files.new_folder(out) as folder:
        (folder / "a").write_text("1")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["a"]
    assert list(out.parent.iterdir()) == [out]


def test_a_failure_leaves_the_old_folder_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("1")
    with pytest.raises(RuntimeError), files.new_folder(out) as folder:
        (folder / "a").write_text("1")
        raise RuntimeError
    assert [path.name for path in out.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [out]


def test_success_replaces_the_old_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("1")
    with files.new_folder(out) as folder:
        (folder / "new").write_text("1")
    assert [path.name for path in out.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="--overwrite"):
        files.refuse_in_use(tmp_path, overwrite=False)
    files.refuse_in_use(tmp_path, overwrite=True)


def test_a_folder_that_is_no_model_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ModelError, match="no model folder"):
        files.refuse_in_use(tmp_path, overwrite=True)


def test_a_full_disk_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="GB are needed"):
        files.require_space(tmp_path / "a" / "out", 10**18)


def test_every_file_is_copied_or_named(tmp_path: Path) -> None:
    base, out = tmp_path / "base", tmp_path / "out"
    for name in (
        *("config.json", "tokenizer.json", "extra/notes.txt", "LICENSE", "sightwright.json"),
        *("model-1.safetensors", "model.safetensors.index.json", "pytorch_model.bin"),
        *(".cache/huggingface/x.lock", "trainer_state.json", "sums-0.json", "complete.json"),
    ):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(name)
    out.mkdir()
    copied = files.copy_files(base, [base / "model-1.safetensors"], out)
    assert {file.name: file.what.split(":")[0] for file in copied} == {
        "LICENSE": "copied",
        "config.json": "copied",
        "extra/notes.txt": "copied",
        "tokenizer.json": "copied",
        "pytorch_model.bin": "left out",
        "sightwright.json": "left out",
        "trainer_state.json": "left out",
        "sums-0.json": "left out",
        "complete.json": "left out",
    }
    assert (out / "extra" / "notes.txt").read_text() == "extra/notes.txt"


def test_the_pixel_policy_goes_into_the_processor_files(tmp_path: Path) -> None:
    old = {"size": {"shortest_edge": 1, "longest_edge": 2}, "min_pixels": None, "max_pixels": 2}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(old))
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": old, "k": 1}))
    changed = files.set_pixels(tmp_path, Pixels(min_pixels=1024, max_pixels=4096))
    assert {file.name for file in changed} == {"preprocessor_config.json", "processor_config.json"}
    new = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert new == {
        "size": {"shortest_edge": 1024, "longest_edge": 4096},
        "min_pixels": None,
        "max_pixels": 4096,
    }
    whole = json.loads((tmp_path / "processor_config.json").read_text())
    assert whole == {"image_processor": new, "k": 1}


def test_the_same_pixel_policy_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text('{"size":{"shortest_edge":1024,"longest_edge":4096}}')
    assert files.set_pixels(tmp_path, Pixels(min_pixels=1024, max_pixels=4096)) == []
    assert path.read_text() == '{"size":{"shortest_edge":1024,"longest_edge":4096}}'


def test_the_config_says_the_new_dtype_everywhere(tmp_path: Path) -> None:
    config = {"dtype": "float32", "text_config": {"dtype": "float32", "hidden_size": 8}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert [file.name for file in files.set_dtype(tmp_path, "bfloat16")] == ["config.json"]
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "dtype": "bfloat16",
        "text_config": {"dtype": "bfloat16", "hidden_size": 8},
    }
    assert files.set_dtype(tmp_path, "bfloat16") == []
