"""Which adapter is meant: a folder of its own, or the best checkpoint of a run."""

import json
from pathlib import Path

import pytest

from sightwright import certificate
from sightwright.certificate import Certificate, Pixels
from sightwright.errors import ModelError
from sightwright.export.adapter import FoundAdapter, base_of, find_adapter, new_certificate


def _adapter(folder: Path, base: str | None = "org/base") -> Path:
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return folder


def test_an_adapter_folder_is_itself(tmp_path: Path) -> None:
    folder = _adapter(tmp_path / "checkpoint-5")
    assert find_adapter(folder) == FoundAdapter(folder)


@pytest.mark.parametrize("written", ["checkpoint-5", "/gone/run/checkpoint-5"])
def test_a_run_folder_gives_its_best_checkpoint(tmp_path: Path, written: str) -> None:
    best = _adapter(tmp_path / "run" / "checkpoint-5")
    _adapter(tmp_path / "run" / "checkpoint-9")
    (tmp_path / "run" / "run.json").write_text(json.dumps({"best_checkpoint": written}))
    found = find_adapter(tmp_path / "run")
    assert found.folder == best
    assert "checkpoint-5, the best checkpoint" in found.why


def test_a_run_without_a_best_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"best_checkpoint": None}))
    with pytest.raises(ModelError, match="no best checkpoint"):
        find_adapter(tmp_path)


def test_a_best_checkpoint_that_is_gone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"best_checkpoint": "checkpoint-7"}))
    with pytest.raises(ModelError, match="checkpoint-7"):
        find_adapter(tmp_path)


def test_the_checkpoints_of_another_folder_are_named(tmp_path: Path) -> None:
    _adapter(tmp_path / "checkpoint-5")
    with pytest.raises(ModelError, match="checkpoint-5"):
        find_adapter(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        find_adapter(tmp_path / "none")


def test_a_whole_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="whole model"):
        find_adapter(tmp_path)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = _adapter(tmp_path / "a")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        find_adapter(folder)


def test_the_certificate_names_the_base_before_peft_does(tmp_path: Path) -> None:
    folder = _adapter(tmp_path / "a")
    assert base_of(folder) == "org/base"
    certificate.write(folder, Certificate(base_model="tiny", pixels=None, task=None))
    assert base_of(folder) == "tiny"


def test_a_base_that_nobody_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="--model"):
        base_of(_adapter(tmp_path / "a", base=None))


def test_the_merged_folder_keeps_what_the_run_recorded(tmp_path: Path) -> None:
    folder = _adapter(tmp_path / "a")
    pixels = Pixels(min_pixels=1024, max_pixels=4096)
    certificate.write(folder, Certificate(base_model="tiny", pixels=pixels, task=None))
    fresh = new_certificate(folder, "other")
    assert (fresh.base_model, fresh.pixels, fresh.parity) == ("other", pixels, ())
