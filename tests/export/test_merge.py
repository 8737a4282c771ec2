"""An adapter folded into its base: every kind of LoRA, every tensor and file accounted for."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, LoraModel, get_peft_model
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoTokenizer, Qwen3VLForConditionalGeneration

from sightwright import certificate
from sightwright.certificate import Certificate, Parity, Pixels
from sightwright.errors import ModelError
from sightwright.export import parity
from sightwright.export.merge import MergeReport, merge
from sightwright.model.adapters import load_adapter
from sightwright.model.load import (
    load_chat_tokenizer,
    load_model,
    load_vision_spec,
    resolve_folder,
)

pytestmark = [
    # transformers 5.23 warns of what peft 0.21 calls (November 2026).
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
]

TINY = resolve_folder("tiny")
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
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


def _adapter(folder: Path, base: Path = TINY, **settings: Any) -> Path:
    """An adapter of random weights, large enough that a forgotten term shows."""
    model = get_peft_model(
        load_model(base, "float32", device="cpu"), LoraConfig(r=4, lora_alpha=8, **settings)
    )
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data.add_(0.05 * noise.to(parameter.dtype))
    model.save_pretrained(str(folder))
    certificate.write(folder, Certificate(base_model=str(base), pixels=None, task=None))
    return folder


def _all_tensors(folder: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    return tensors


def _logits(model: Any) -> list[Tensor]:
    cases = parity.drawn_cases("What does it say?")
    return parity.logits_of(model, cases, load_chat_tokenizer(TINY), load_vision_spec(TINY))


@pytest.mark.parametrize("kind", KINDS)
def test_the_merged_model_answers_as_the_adapter_does(tmp_path: Path, kind: str) -> None:
    adapter = _adapter(tmp_path / "adapter", **KINDS[kind])
    report = merge(adapter, tmp_path / "merged")

    plain = Qwen3VLForConditionalGeneration.from_pretrained(tmp_path / "merged").eval()
    adapted = load_adapter(load_model(TINY, "float32", device="cpu"), adapter)
    base = load_model(TINY, "float32", device="cpu")
    ours = _logits(plain)
    for merged, expected in zip(ours, _logits(adapted), strict=True):
        torch.testing.assert_close(merged, expected, atol=1e-4, rtol=0)
    # The first case has an image, so an adapter of the vision part shows too.
    assert (ours[0] - _logits(base)[0]).abs().max() > 1e-2
    assert [figures.compared for figures in report.parity] == [
        "adapter and merged sum",
        "adapter and merged folder",
    ]
    assert all(figures.max_abs < 1e-4 for figures in report.parity)


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_the_bases_or_named_as_changed(tmp_path: Path, kind: str) -> None:
    adapter = _adapter(tmp_path / "adapter", **KINDS[kind])
    report = merge(adapter, tmp_path / "merged")
    ours, base = _all_tensors(tmp_path / "merged"), _all_tensors(TINY)
    assert ours.keys() == base.keys()
    different = {name for name in base if not torch.equal(ours[name], base[name])}
    assert different == set(report.changed)
    assert all((ours[n].shape, ours[n].dtype) == (t.shape, t.dtype) for n, t in base.items())
    touched = [*KINDS[kind]["target_modules"], *KINDS[kind].get("modules_to_save", [])]
    assert all(any(part in name for part in touched) for name in different)


def test_every_other_file_is_the_bases(tmp_path: Path) -> None:
    merge(_adapter(tmp_path / "adapter", target_modules=ATTENTION), tmp_path / "merged")
    names = {path.name for path in TINY.iterdir()} | {"sightwright.json"}
    assert {path.name for path in (tmp_path / "merged").iterdir()} == names
    for path in TINY.iterdir():
        if path.name not in ("model.safetensors", "sightwright.json"):
            assert (tmp_path / "merged" / path.name).read_bytes() == path.read_bytes()
    ours, theirs = (AutoTokenizer.from_pretrained(f) for f in (tmp_path / "merged", TINY))
    assert ours.encode("total <|im_end|>") == theirs.encode("total <|im_end|>")


def test_the_delta_is_b_times_a_times_alpha_over_r(tmp_path: Path) -> None:
    adapter = _adapter(tmp_path / "adapter", target_modules=["v_proj"])
    merge(adapter, tmp_path / "merged")
    name = "model.language_model.layers.2.self_attn.v_proj"
    lora = load_file(adapter / "adapter_model.safetensors")
    a = lora[f"base_model.model.{name}.lora_A.weight"]
    b = lora[f"base_model.model.{name}.lora_B.weight"]
    expected = _all_tensors(TINY)[f"{name}.weight"] + b @ a * 8 / 4
    torch.testing.assert_close(_all_tensors(tmp_path / "merged")[f"{name}.weight"], expected)


def _base_in_bfloat16(folder: Path) -> Path:
    """As real checkpoints are: bf16, and with its norms in fp32, to see each kept."""
    model = load_model(TINY, "float32", device="cpu").to(torch.bfloat16)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data = parameter.data.float()
    shutil.copytree(TINY, folder)
    (folder / "model.safetensors").unlink()
    tensors = {k: t.contiguous() for k, t in model.state_dict().items() if k != "lm_head.weight"}
    from safetensors.torch import save_file

    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_bfloat16_base_is_rounded_once(tmp_path: Path) -> None:
    base = _base_in_bfloat16(tmp_path / "base")
    adapter = _adapter(tmp_path / "adapter", base, target_modules=["v_proj"])
    report = merge(adapter, tmp_path / "merged", max_shard_size="1MB")
    assert report.num_shards > 1
    ours, theirs = _all_tensors(tmp_path / "merged"), _all_tensors(base)
    assert {n: t.dtype for n, t in ours.items()} == {n: t.dtype for n, t in theirs.items()}
    name = "model.language_model.layers.0.self_attn.v_proj"
    lora = load_file(adapter / "adapter_model.safetensors")
    a = lora[f"base_model.model.{name}.lora_A.weight"]
    b = lora[f"base_model.model.{name}.lora_B.weight"]
    exact = theirs[f"{name}.weight"].float() + (b @ a) * 2
    assert torch.equal(ours[f"{name}.weight"], exact.to(torch.bfloat16))
    in_float32, as_written = report.parity
    assert in_float32.max_abs < 1e-4 and in_float32.limit == 1e-3
    assert as_written.dtype == "bfloat16/float32" and as_written.limit is None
    assert as_written.max_abs > in_float32.max_abs
    Qwen3VLForConditionalGeneration.from_pretrained(tmp_path / "merged")


def _moe_base(folder: Path) -> Path:
    """A mixture of experts, whose files hold the experts transposed."""
    import transformers

    dense = json.loads((TINY / "config.json").read_text("utf-8"))
    text = {k: v for k, v in dense["text_config"].items() if k != "model_type"}
    text |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48}
    vision = {k: v for k, v in dense["vision_config"].items() if k != "model_type"}
    ids = {k: v for k, v in dense.items() if k.endswith("_token_id")}
    config = transformers.Qwen3VLMoeConfig(
        text_config={**text, "num_hidden_layers": 2}, vision_config=vision,
        tie_word_embeddings=False, **ids,
    )  # fmt: skip
    torch.manual_seed(0)
    shutil.copytree(TINY, folder)
    (folder / "model.safetensors").unlink()
    transformers.Qwen3VLMoeForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_experts_keep_the_layout_of_their_files(tmp_path: Path) -> None:
    base = _moe_base(tmp_path / "base")
    adapter = _adapter(tmp_path / "adapter", base, target_modules=["v_proj"])
    report = merge(adapter, tmp_path / "merged")
    ours, theirs = _all_tensors(tmp_path / "merged"), _all_tensors(base)
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}
    assert {name.split(".")[-2] for name in report.changed} == {"v_proj"}
    assert any("experts" in name for name in ours)


def test_another_dtype_is_written_when_asked(tmp_path: Path) -> None:
    adapter = _adapter(tmp_path / "adapter", target_modules=["v_proj"])
    merge(adapter, tmp_path / "merged", dtype="bfloat16")
    assert {t.dtype for t in _all_tensors(tmp_path / "merged").values()} == {torch.bfloat16}
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "bfloat16"
    loaded = Qwen3VLForConditionalGeneration.from_pretrained(tmp_path / "merged")
    assert loaded.dtype == torch.bfloat16


def test_a_written_lm_head_stays_written_and_tied(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    tensors = load_file(TINY / "model.safetensors")
    embeddings = tensors["model.language_model.embed_tokens.weight"]
    tensors["lm_head.weight"] = embeddings.clone()
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    adapter = _adapter(tmp_path / "adapter", base, target_modules=["v_proj"])
    merge(adapter, tmp_path / "merged")
    assert torch.equal(_all_tensors(tmp_path / "merged")["lm_head.weight"], embeddings)


@pytest.mark.filterwarnings("ignore:Model has .tie_word_embeddings:UserWarning")
def test_tied_weights_trained_apart_are_refused(tmp_path: Path) -> None:
    settings = {"target_modules": ["v_proj"], "modules_to_save": ["lm_head"]}
    adapter = _adapter(tmp_path / "adapter", **settings)
    with pytest.raises(ModelError, match="lm_head"):
        merge(adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_the_figures_lie_beside_the_weights(tmp_path: Path) -> None:
    adapter = _adapter(tmp_path / "adapter", target_modules=["v_proj"])
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
    adapter = _adapter(tmp_path / "adapter", target_modules=["v_proj"])
    report = merge(adapter, tmp_path / "merged", data=data)
    assert {(figures.num_cases, figures.inputs) for figures in report.parity} == {(8, "test.jsonl")}


def test_a_saved_module_without_a_place_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    adapter = _adapter(tmp_path / "adapter", target_modules=["v_proj"])
    path = adapter / "adapter_model.safetensors"
    stray = {"base_model.model.model.visual.merger.norm.weight": torch.ones(3)}
    save_file({**load_file(path), **stray}, path)
    with pytest.raises(ModelError, match=r"merger\.norm\.weight"):
        merge(adapter, tmp_path / "merged")


def _nothing_written(folder: Path) -> bool:
    return not any("merged" in path.name for path in folder.iterdir())


def test_a_difference_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    adapter = _adapter(tmp_path / "adapter", target_modules=ATTENTION)
    with pytest.raises(ModelError, match="over the limit") as caught:
        merge(adapter, tmp_path / "merged", limit=1e-12)
    assert caught.value.exit_code == 2
    assert _nothing_written(tmp_path)


def test_a_merge_that_loses_the_adapter_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = _adapter(tmp_path / "adapter", target_modules=ATTENTION)
    monkeypatch.setattr(LoraModel, "merge_and_unload", lambda self, **_: self.unload())
    with pytest.raises(ModelError, match="over the limit"):
        merge(adapter, tmp_path / "merged")
    assert _nothing_written(tmp_path)


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    adapter = _adapter(tmp_path / "adapter", target_modules=["v_proj"])
    path = adapter / "adapter_model.safetensors"
    from safetensors.torch import save_file

    tensors = load_file(path)
    save_file({name.replace("layers.3", "layers.7"): t for name, t in tensors.items()}, path)
    with (
        pytest.warns(UserWarning, match="missing adapter keys"),
        pytest.raises(ModelError, match=r"layers\.7"),
    ):
        merge(adapter, tmp_path / "merged")


def test_an_existing_folder_is_only_replaced_when_asked(tmp_path: Path) -> None:
    adapter = _adapter(tmp_path / "adapter", target_modules=["v_proj"])
    first: MergeReport = merge(adapter, tmp_path / "merged")
    with pytest.raises(ModelError, match="exists already"):
        merge(adapter, tmp_path / "merged")
    assert merge(adapter, tmp_path / "merged", overwrite=True).changed == first.changed


def test_a_quantised_base_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "quantization_config": {"bits": 4}}))
    adapter = _adapter(tmp_path / "adapter", target_modules=["v_proj"])
    with pytest.raises(ModelError, match="quantised"):
        merge(adapter, tmp_path / "merged", base=str(base))
