"""An adapter folded into its base: every tensor and file accounted for. Kinds: the file beside."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraModel
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, Qwen3VLForConditionalGeneration

from export.adapters import ATTENTION, TINY, all_tensors, lora
from model.tiny_moe import write_tiny_moe
from sightwright import certificate
from sightwright.certificate import Certificate, Parity, Pixels
from sightwright.errors import ModelError
from sightwright.export.merge import MergeReport, merge
from sightwright.model.load import load_model

pytestmark = [
    # transformers 5.23 warns of what peft 0.21 calls (November 2026).
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
]

KINDS: dict[str, dict[str, Any]] = {
    "lora": {"target_modules": ATTENTION},
    "rslora": {"target_modules": ATTENTION, "use_rslora": True},
    "dora": {"target_modules": ["q_proj", "down_proj"], "use_dora": True},
    "vision_with_bias": {"target_modules": ["attn.qkv", "linear_fc1"], "bias": "lora_only"},
    "rank_pattern": {
        "target_modules": ATTENTION,
        "rank_pattern": {"v_proj": 2},
        "alpha_pattern": {"v_proj": 32},
    },
    "modules_to_save": {"target_modules": ["q_proj"], "modules_to_save": ["merger"]},
}


def test_the_sum_and_the_folder_are_compared(tmp_path: Path) -> None:
    report = merge(lora(tmp_path / "adapter", target_modules=ATTENTION), tmp_path / "merged")
    assert [figures.compared for figures in report.parity] == [
        "adapter and merged sum",
        "adapter and merged folder",
    ]
    assert all(figures.max_abs < 1e-4 for figures in report.parity)


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_the_bases_or_named_as_changed(tmp_path: Path, kind: str) -> None:
    adapter = lora(tmp_path / "adapter", **KINDS[kind])
    report = merge(adapter, tmp_path / "merged")
    ours, base = all_tensors(tmp_path / "merged"), all_tensors(TINY)
    assert ours.keys() == base.keys()
    different = {name for name in base if not torch.equal(ours[name], base[name])}
    assert different == set(report.changed)
    assert all((ours[n].shape, ours[n].dtype) == (t.shape, t.dtype) for n, t in base.items())
    touched = [*KINDS[kind]["target_modules"], *KINDS[kind].get("modules_to_save", [])]
    assert all(any(part in name for part in touched) for name in different)


def test_every_other_file_is_the_bases(tmp_path: Path) -> None:
    merge(lora(tmp_path / "adapter", target_modules=ATTENTION), tmp_path / "merged")
    names = {path.name for path in TINY.iterdir()} | {"sightwright.json"}
    assert {path.name for path in (tmp_path / "merged").iterdir()} == names
    for path in TINY.iterdir():
        if path.name not in ("model.safetensors", "sightwright.json"):
            assert (tmp_path / "merged" / path.name).read_bytes() == path.read_bytes()
    ours, theirs = (AutoTokenizer.from_pretrained(f) for f in (tmp_path / "merged", TINY))
    assert ours.encode("total <|im_end|>") == theirs.encode("total <|im_end|>")


def test_the_delta_is_b_times_a_times_alpha_over_r(tmp_path: Path) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    merge(adapter, tmp_path / "merged")
    name = "model.language_model.layers.2.self_attn.v_proj"
    factors = load_file(adapter / "adapter_model.safetensors")
    a = factors[f"base_model.model.{name}.lora_A.weight"]
    b = factors[f"base_model.model.{name}.lora_B.weight"]
    expected = all_tensors(TINY)[f"{name}.weight"] + b @ a * 8 / 4
    torch.testing.assert_close(all_tensors(tmp_path / "merged")[f"{name}.weight"], expected)


def _base_in_bfloat16(folder: Path) -> Path:
    """As real checkpoints are: bf16, and with its norms in fp32, to see each kept."""
    model = load_model(TINY, "float32", device="cpu").to(torch.bfloat16)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data = parameter.data.float()
    shutil.copytree(TINY, folder)
    (folder / "model.safetensors").unlink()
    tensors = {k: t.contiguous() for k, t in model.state_dict().items() if k != "lm_head.weight"}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_bfloat16_base_is_rounded_once(tmp_path: Path) -> None:
    base = _base_in_bfloat16(tmp_path / "base")
    adapter = lora(tmp_path / "adapter", base, target_modules=["v_proj"])
    report = merge(adapter, tmp_path / "merged", max_shard_size="1MB")
    assert report.num_shards > 1
    ours, theirs = all_tensors(tmp_path / "merged"), all_tensors(base)
    assert {n: t.dtype for n, t in ours.items()} == {n: t.dtype for n, t in theirs.items()}
    name = "model.language_model.layers.0.self_attn.v_proj"
    factors = load_file(adapter / "adapter_model.safetensors")
    a = factors[f"base_model.model.{name}.lora_A.weight"]
    b = factors[f"base_model.model.{name}.lora_B.weight"]
    exact = theirs[f"{name}.weight"].float() + (b @ a) * 2
    assert torch.equal(ours[f"{name}.weight"], exact.to(torch.bfloat16))
    in_float32, as_written = report.parity
    assert in_float32.max_abs < 1e-4 and in_float32.limit == 1e-3
    assert as_written.dtype == "bfloat16/float32" and as_written.limit is None
    assert as_written.max_abs > in_float32.max_abs
    Qwen3VLForConditionalGeneration.from_pretrained(tmp_path / "merged")


def test_experts_keep_the_layout_of_their_files(tmp_path: Path) -> None:
    base = write_tiny_moe(tmp_path / "base")
    adapter = lora(tmp_path / "adapter", base, target_modules=["v_proj"])
    report = merge(adapter, tmp_path / "merged")
    ours, theirs = all_tensors(tmp_path / "merged"), all_tensors(base)
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}
    assert {name.split(".")[-2] for name in report.changed} == {"v_proj"}
    assert any("experts" in name for name in ours)


def test_another_dtype_is_written_when_asked(tmp_path: Path) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    merge(adapter, tmp_path / "merged", dtype="bfloat16")
    assert {t.dtype for t in all_tensors(tmp_path / "merged").values()} == {torch.bfloat16}
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "bfloat16"
    loaded = Qwen3VLForConditionalGeneration.from_pretrained(tmp_path / "merged")
    assert loaded.dtype == torch.bfloat16


def test_a_written_lm_head_stays_written_and_tied(tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    tensors = load_file(TINY / "model.safetensors")
    embeddings = tensors["model.language_model.embed_tokens.weight"]
    tensors["lm_head.weight"] = embeddings.clone()
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    adapter = lora(tmp_path / "adapter", base, target_modules=["v_proj"])
    merge(adapter, tmp_path / "merged")
    assert torch.equal(all_tensors(tmp_path / "merged")["lm_head.weight"], embeddings)


def test_the_figures_lie_beside_the_weights(tmp_path: Path) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    pixels = Pixels(min_pixels=2048, max_pixels=16384)
    certificate.write(adapter, Certificate(base_model="tiny", pixels=pixels, task=None))
    seen: list[Parity] = []
    report = merge(adapter, tmp_path / "merged", on_parity=seen.append)
    written = certificate.read(tmp_path / "merged")
    assert written is not None
    assert written.parity == report.parity == tuple(seen)
    assert (written.base_model, written.pixels) == ("tiny", pixels)
    processor = json.loads((tmp_path / "merged" / "preprocessor_config.json").read_text())
    assert processor["size"] == {"shortest_edge": 2048, "longest_edge": 16384}


def test_records_may_be_the_inputs(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 96), "white").save(tmp_path / "page.png")
    content = [{"type": "image", "image": "page.png"}, {"type": "text", "text": "Read it."}]
    messages = [
        {"role": "user", "content": content},
        {"role": "assistant", "content": '{"total":1}'},
    ]
    data = tmp_path / "test.jsonl"
    data.write_text(
        "".join(json.dumps({"id": f"d{i}", "messages": messages}) + "\n" for i in range(9))
    )
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    report = merge(adapter, tmp_path / "merged", data=data)
    assert {(figures.num_cases, figures.inputs) for figures in report.parity} == {(8, "test.jsonl")}


def test_a_saved_module_without_a_place_is_refused(tmp_path: Path) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    path = adapter / "adapter_model.safetensors"
    stray = {"base_model.model.model.visual.merger.norm.weight": torch.ones(3)}
    save_file({**load_file(path), **stray}, path)
    with pytest.raises(ModelError, match=r"merger\.norm\.weight"):
        merge(adapter, tmp_path / "merged")


def _nothing_written(folder: Path) -> bool:
    return not any("merged" in path.name for path in folder.iterdir())


def test_a_difference_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=ATTENTION)
    with pytest.raises(ModelError, match="over the limit") as caught:
        merge(adapter, tmp_path / "merged", limit=1e-12)
    assert caught.value.exit_code == 2
    assert _nothing_written(tmp_path)


def test_a_merge_that_loses_the_adapter_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=ATTENTION)
    monkeypatch.setattr(LoraModel, "merge_and_unload", lambda self, **_: self.unload())
    with pytest.raises(ModelError, match="over the limit"):
        merge(adapter, tmp_path / "merged")
    assert _nothing_written(tmp_path)


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    save_file({name.replace("layers.3", "layers.7"): t for name, t in tensors.items()}, path)
    with (
        pytest.warns(UserWarning, match="missing adapter keys"),
        pytest.raises(ModelError, match=r"layers\.7"),
    ):
        merge(adapter, tmp_path / "merged")


def test_an_existing_folder_is_only_replaced_when_asked(tmp_path: Path) -> None:
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    first: MergeReport = merge(adapter, tmp_path / "merged")
    with pytest.raises(ModelError, match="exists already"):
        merge(adapter, tmp_path / "merged")
    assert merge(adapter, tmp_path / "merged", overwrite=True).changed == first.changed
