"""What a folder holds, told from headers: counts worked out by hand on adapters of PEFT's own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import BOFTConfig, FourierFTConfig, LoraConfig, VeraConfig
from safetensors.torch import load_file, save_file

from export.adapters import ATTENTION, TINY, lora, write_adapter
from model.tiny_moe import write_tiny_moe
from sightwright.errors import ModelError
from sightwright.export import weights
from sightwright.export.adapter import find_adapter
from sightwright.export.contents import compare, read_contents

pytestmark = [
    # transformers 5.23 warns of what peft 0.21 calls (November 2026).
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
]
# The tiny model: 4 layers of language, 3 of vision, 2 deepstack mergers and the merger.


def test_a_lora_of_both_sides(tmp_path: Path) -> None:
    adapter = lora(
        tmp_path / "adapter",
        target_modules=["q_proj", "v_proj", "attn.qkv"],
        modules_to_save=["merger"],
        rank_pattern={"v_proj": 2},
    )
    found = read_contents(adapter)
    # q and v in 4 layers, qkv in 3 blocks, A and B each.
    assert found.lora.counts() == {"total": 22, "llm": 16, "vision": 6}
    # norm, linear_fc1 and linear_fc2 of the merger, weight and bias each; all of it vision.
    assert found.modules_to_save.counts() == {"total": 6, "llm": 0, "vision": 6}
    assert found.ranks == {"2": 4, "4": 7}
    assert found.targets == {"q_proj": 4, "qkv": 3, "v_proj": 4}
    assert found.aligner == ("model.visual.merger",)
    assert found.kind == "LORA" and found.dtypes == {"F32": 28}
    tensors = load_file(adapter / "adapter_model.safetensors")
    assert found.num_values == sum(tensor.numel() for tensor in tensors.values())
    assert found.num_bytes == sum(tensor.nbytes for tensor in tensors.values())


def test_the_value_begins_as_the_documents_have_it(tmp_path: Path) -> None:
    value = read_contents(lora(tmp_path / "adapter", target_modules=["v_proj"])).value()
    assert list(value)[:7] == [
        "path", "files", "has_adapter_config", "has_default_adapter_config",
        "num_parameters_total", "lora", "modules_to_save",
    ]  # fmt: skip
    assert value["path"] == str(tmp_path / "adapter")
    assert {"adapter_config.json", "adapter_model.safetensors"} <= set(value["files"])
    assert (value["has_adapter_config"], value["has_default_adapter_config"]) == (True, False)
    assert value["num_parameters_total"] == 8
    name = "base_model.model.model.language_model.layers.0.self_attn.v_proj.lora_A.weight"
    assert value["lora"]["sample_first_20"][0] == name
    assert value["lora"]["total"] == len(value["lora"]["sample_first_20"]) == 8
    assert value["modules_to_save"] == {
        "total": 0, "llm": 0, "vision": 0, "sample_first_20": [],
    }  # fmt: skip


def test_twenty_names_are_a_sample(tmp_path: Path) -> None:
    value = read_contents(lora(tmp_path / "adapter", target_modules=ATTENTION)).value()
    assert (value["lora"]["total"], len(value["lora"]["sample_first_20"])) == (32, 20)


def test_modules_to_save_are_told_by_their_name_too(tmp_path: Path) -> None:
    """Of tensors that keep PEFT's own name, as a full state dict has them."""
    saved = {
        "model.visual.merger.modules_to_save.default.norm.weight": torch.zeros(2),
        "model.visual.merger.original_module.norm.weight": torch.zeros(2),
        "model.language_model.layers.0.q_proj.lora_A.default.weight": torch.zeros(3, 2),
    }
    save_file(saved, tmp_path / "model.safetensors")
    found = read_contents(tmp_path)
    assert found.modules_to_save.counts() == {"total": 1, "llm": 0, "vision": 1}
    assert found.lora.counts() == {"total": 1, "llm": 1, "vision": 0}
    assert (found.ranks, found.targets) == ({"3": 1}, {"q_proj": 1})


KINDS = {
    "BOFT": (BOFTConfig(boft_block_size=4, target_modules=["q_proj"]), {}),
    "FOURIERFT": (FourierFTConfig(n_frequency=8, target_modules=["q_proj"]), {}),
    "VERA": (VeraConfig(r=8, target_modules=["q_proj"]), {"8": 4}),
    "DORA": (LoraConfig(r=4, use_dora=True, target_modules=["q_proj"]), {"4": 4}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_are_told_apart(tmp_path: Path, kind: str) -> None:
    config, ranks = KINDS[kind]
    found = read_contents(write_adapter(tmp_path / "adapter", config))
    assert (found.kind, found.ranks, found.targets) == (kind, ranks, {"q_proj": 4})
    assert found.adapter.counts()["total"] == len(found.tensors)
    assert found.lora.counts()["total"] == (len(found.tensors) if kind == "DORA" else 0)


def test_the_rank_of_experts_is_that_of_each(tmp_path: Path) -> None:
    base = write_tiny_moe(tmp_path / "base")
    config = LoraConfig(
        r=2, target_modules=["q_proj"], target_parameters=["mlp.experts.gate_up_proj"]
    )
    found = read_contents(write_adapter(tmp_path / "adapter", config, base))
    assert found.ranks == {"2": 4}
    assert found.targets == {"experts": 2, "q_proj": 2}


def test_a_model_is_no_adapter() -> None:
    found = read_contents(TINY)
    assert (found.kind, found.ranks, found.targets) == ("model", {}, {})
    assert found.lora.counts() == found.modules_to_save.counts()
    assert found.aligner == (
        "model.visual.deepstack_merger_list.0",
        "model.visual.deepstack_merger_list.1",
        "model.visual.merger",
    )


def test_shards_are_one_model(tmp_path: Path) -> None:
    tensors = load_file(TINY / "model.safetensors")
    names = list(tensors)
    weights.write_shards(tmp_path, [names[:50], names[50:]], tensors.__getitem__)
    sharded, single = read_contents(tmp_path), read_contents(TINY)
    assert compare(sharded, single).is_equal
    assert sharded.num_bytes == single.num_bytes


def _multi_adapter(tmp_path: Path) -> Path:
    """As tuners of several adapters lay it out: each in a folder of its name."""
    folder = tmp_path / "checkpoint-9"
    lora(folder / "default", target_modules=["v_proj"])
    (folder / "default" / "sightwright.json").unlink()
    return folder


def test_an_adapter_in_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = _multi_adapter(tmp_path)
    found = read_contents(folder)
    assert (found.has_adapter_config, found.has_default_adapter_config) == (False, True)
    assert (found.lora.counts()["total"], found.kind) == (8, "LORA")
    assert find_adapter(folder).folder == folder / "default"
    assert "the default adapter of" in find_adapter(folder).why


def test_two_equal_ones(tmp_path: Path) -> None:
    first, second = (
        read_contents(lora(tmp_path / name, target_modules=ATTENTION)) for name in "ab"
    )
    compared = compare(first, second)
    assert compared.is_equal
    value = compared.value()
    assert value["paths"] == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert value["lora"] == {"total": [32, 32], "llm": [32, 32], "vision": [0, 0]}


def test_differences_are_named(tmp_path: Path) -> None:
    first = read_contents(lora(tmp_path / "a", target_modules=["q_proj", "v_proj"], r=4))
    second = read_contents(
        lora(tmp_path / "b", target_modules=["v_proj", "attn.qkv"], r=6, lora_alpha=12)
    )
    value = compare(first, second).value()
    assert value["lora"] == {"total": [16, 14], "llm": [16, 8], "vision": [0, 6]}
    assert value["ranks"] == [{"4": 8}, {"6": 7}]
    assert value["targets"] == [{"q_proj": 4, "v_proj": 4}, {"qkv": 3, "v_proj": 4}]
    assert {key: value["settings"][key] for key in ("r", "lora_alpha")} == {
        "r": [4, 6], "lora_alpha": [8, 12],
    }  # fmt: skip
    assert {name.split(".")[-3] for name in value["only_in_first"]} == {"q_proj"}
    assert {name.split(".")[-3] for name in value["only_in_second"]} == {"qkv"}
    name = "base_model.model.model.language_model.layers.0.self_attn.v_proj.lora_A.weight"
    assert value["differing"][name] == ["F32 [4, 128]", "F32 [6, 128]"]
    assert len(value["differing"]) == 8


def _refused(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_contents(folder)
    return str(caught.value)


def test_what_is_no_checkpoint_is_said(tmp_path: Path) -> None:
    assert "no such folder" in _refused(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    assert "a file, not a folder" in _refused(tmp_path / "file")
    assert "neither an adapter nor a model" in _refused(tmp_path)
    lora(tmp_path / "checkpoint-5", target_modules=["v_proj"])
    assert "look into checkpoint-5" in _refused(tmp_path)


def test_a_pickled_adapter_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    assert "safetensors only" in _refused(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000])
def test_a_broken_config_is_named(tmp_path: Path, content: str) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    (adapter / "adapter_config.json").write_text(content)
    assert str(adapter / "adapter_config.json") in _refused(adapter)


@pytest.mark.parametrize(
    "settings",
    [
        {"r": "many", "target_modules": 3, "modules_to_save": "merger"},
        {"r": 0, "target_parameters": [1, None], "peft_type": ["LORA"], "lora_alpha": "x"},
    ],
)
def test_a_config_of_odd_values_does_no_harm(tmp_path: Path, settings: dict[str, Any]) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    found = read_contents(adapter)
    assert found.value()["lora"]["total"] == 8
    assert compare(found, found).is_equal


def test_an_adapter_without_its_config_is_told_all_the_same(tmp_path: Path) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    shutil.move(adapter / "adapter_config.json", tmp_path)
    found = read_contents(adapter)
    assert (found.kind, found.ranks, found.has_adapter_config) == ("?", {"4": 4}, False)
