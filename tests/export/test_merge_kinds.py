"""Every kind of adapter that a run can train, on the dense tiny model and on a tiny MoE.

Each merged folder is loaded by transformers alone and held against the adapter under PEFT, on
transformers' own model too.
"""

import json
from functools import cache
from pathlib import Path

import pytest
from peft import (
    AdaLoraConfig,
    BOFTConfig,
    FourierFTConfig,
    IA3Config,
    LoraConfig,
    PeftConfig,
    VeraConfig,
)
from torch import Tensor
from transformers import AutoModelForImageTextToText

from export.adapters import (
    ATTENTION,
    TINY,
    all_tensors,
    difference,
    largest,
    logits,
    write_adapter,
)
from model.tiny_moe import write_tiny_moe
from sightwright.errors import ModelError
from sightwright.export import files
from sightwright.export.merge import merge
from sightwright.model.adapters import load_adapter
from sightwright.model.load import load_model

pytestmark = [
    # transformers 5.23 warns of what peft 0.21 calls (November 2026).
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
    # The tests themselves load adapters of tied weights.
    pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning"),
]
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]

ADAPTERS: dict[str, PeftConfig] = {
    "lora": LoraConfig(r=4, lora_alpha=8, target_modules=ATTENTION),
    "rslora": LoraConfig(r=4, lora_alpha=8, target_modules=ATTENTION, use_rslora=True),
    "dora": LoraConfig(r=4, lora_alpha=8, target_modules=ATTENTION, use_dora=True),
    "rank_pattern": LoraConfig(
        r=4,
        target_modules=ATTENTION,
        rank_pattern={"v_proj": 2},
        alpha_pattern={"v_proj": 32},
    ),
    # Starts that rewrite the base, and PEFT repeats when it loads the adapter.
    "pissa": LoraConfig(r=4, target_modules=ATTENTION, init_lora_weights="pissa"),
    "olora": LoraConfig(r=4, target_modules=ATTENTION, init_lora_weights="olora"),
    "dora_convolution": LoraConfig(r=4, target_modules=["patch_embed.proj"], use_dora=True),
    "bias_all": LoraConfig(r=4, target_modules=["v_proj", "attn.qkv"], bias="all"),
    "bias_lora_only": LoraConfig(r=4, target_modules=["attn.qkv"], bias="lora_only"),
    "aligner_in_full": LoraConfig(
        r=4, target_modules=["v_proj"], modules_to_save=["merger", "deepstack_merger_list.0"]
    ),
    "adalora": AdaLoraConfig(init_r=6, target_r=4, total_step=10, target_modules=ATTENTION),
    "boft": BOFTConfig(boft_block_size=4, target_modules=["q_proj", "linear_fc1"]),
    "fourierft": FourierFTConfig(n_frequency=50, scaling=30.0, target_modules=["q_proj", "v_proj"]),
    "vera": VeraConfig(r=8, projection_prng_key=3, target_modules=["q_proj"]),
}
MOE_ADAPTERS = {
    **{name: ADAPTERS[name] for name in ("lora", "dora", "adalora", "boft", "fourierft", "vera")},
    "experts": LoraConfig(r=2, lora_alpha=8, target_modules=[], target_parameters=EXPERTS),
    "experts_and_attention": LoraConfig(
        r=2, use_rslora=True, target_modules=ATTENTION, target_parameters=EXPERTS[1:]
    ),
    "router": LoraConfig(r=2, target_modules=["v_proj"], target_parameters=["mlp.gate.weight"]),
    "experts_in_full": LoraConfig(r=2, target_modules=["v_proj"], modules_to_save=["experts"]),
    "ends": LoraConfig(r=2, target_modules=["embed_tokens", "lm_head"]),
}


@pytest.fixture(scope="module")
def moe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_moe(tmp_path_factory.mktemp("moe") / "base")


@cache
def _logits_of_base(base: Path) -> list[Tensor]:
    return logits(load_model(base, "float32", device="cpu"))


def _check_equal_answers(adapter: Path, base: Path, merged: Path) -> None:
    """In float32 to 1e-5; logits of the tiny dense model reach 18, where one float32 is 2e-6 from
    the next, so there to 1e-5 of the largest, and in float64 (only weights are rounded, and the
    norms alike in both, which stay in float32) to 1e-5."""
    plain, plain_base = (
        AutoModelForImageTextToText.from_pretrained(folder).eval() for folder in (merged, base)
    )
    adapted = load_adapter(plain_base, adapter)
    expected = logits(adapted)
    assert difference(expected, _logits_of_base(base)) > 1e-2
    if base == TINY:
        assert difference(logits(plain), expected) <= 1e-5 * largest(expected)
        assert difference(logits(plain.double()), logits(adapted.double())) <= 1e-5
    else:
        assert difference(logits(plain), expected) <= 1e-5


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_dense_model(tmp_path: Path, kind: str) -> None:
    adapter = write_adapter(tmp_path / "adapter", ADAPTERS[kind], noise=0.03)
    report = merge(adapter, tmp_path / "merged")
    assert report.changed
    _check_equal_answers(adapter, TINY, tmp_path / "merged")


@pytest.mark.parametrize("kind", MOE_ADAPTERS)
def test_a_mixture_of_experts(tmp_path: Path, moe: Path, kind: str) -> None:
    adapter = write_adapter(tmp_path / "adapter", MOE_ADAPTERS[kind], moe)
    report = merge(adapter, tmp_path / "merged")
    assert any("experts" in name for name in report.changed) == kind.startswith("experts")
    ours, theirs = all_tensors(tmp_path / "merged"), all_tensors(moe)
    assert {name: t.shape for name, t in ours.items()} == {n: t.shape for n, t in theirs.items()}
    _check_equal_answers(adapter, moe, tmp_path / "merged")


def test_experts_are_summed_in_the_layout_of_their_files(tmp_path: Path, moe: Path) -> None:
    """B·A of each expert, times alpha over r, on what the folder holds of it."""
    adapter = write_adapter(tmp_path / "adapter", MOE_ADAPTERS["experts"], moe)
    merge(adapter, tmp_path / "merged")
    name = "model.language_model.layers.1.mlp.experts"
    (lora_A,) = [t for n, t in all_tensors(adapter).items() if n.endswith(f"{name}.lora_A.weight")]
    (lora_B,) = [t for n, t in all_tensors(adapter).items() if n.endswith(f"{name}.lora_B.weight")]
    # Rank 2 for each of 4 experts: A holds expert after expert, B deals them out by turns.
    delta = lora_B[:, 0::4] @ lora_A[:2] * 8 / 2
    old, new = (
        all_tensors(folder)[f"{name}.down_proj"][0] for folder in (moe, tmp_path / "merged")
    )
    change = new - old
    same_layout = change if change.shape == delta.shape else change.T
    assert (same_layout - delta).abs().max() < 1e-6


TIED: dict[str, tuple[PeftConfig, bool]] = {
    "embedding": (LoraConfig(r=4, target_modules=["embed_tokens"]), False),
    "head": (LoraConfig(r=4, target_modules=["lm_head"]), False),
    "each_its_own": (LoraConfig(r=4, target_modules=["embed_tokens", "lm_head"]), False),
    "embedding_in_full": (
        LoraConfig(r=4, target_modules=["v_proj"], modules_to_save=["embed_tokens"]),
        False,
    ),
    "head_in_full": (
        LoraConfig(r=4, target_modules=["v_proj"], modules_to_save=["lm_head"]),
        False,
    ),
    "both_by_one_adapter": (
        LoraConfig(r=4, target_modules=["embed_tokens", "lm_head"], ensure_weight_tying=True),
        True,
    ),
    "both_in_full_as_one": (
        LoraConfig(
            r=4,
            target_modules=["v_proj"],
            modules_to_save=["embed_tokens"],
            ensure_weight_tying=True,
        ),
        True,
    ),
    "neither": (LoraConfig(r=4, target_modules=["v_proj"]), True),
}


@pytest.mark.parametrize("kind", TIED)
def test_a_tied_head_stays_tied_unless_it_was_trained_apart(tmp_path: Path, kind: str) -> None:
    config, stays = TIED[kind]
    adapter = write_adapter(tmp_path / "adapter", config)
    report = merge(adapter, tmp_path / "merged")
    _check_equal_answers(adapter, TINY, tmp_path / "merged")
    plain = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged")
    assert plain.config.tie_word_embeddings == stays
    assert plain.config.text_config.tie_word_embeddings == stays
    assert ("lm_head.weight" in all_tensors(tmp_path / "merged")) == (not stays)
    told = {file.name: file.what for file in report.files}["config.json"]
    assert told == ("copied" if stays else "changed: head and embedding are two tensors now")


def test_a_head_of_its_own_is_laid_into_shards_too(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter", TIED["head"][0])
    report = merge(adapter, tmp_path / "merged", max_shard_size="300KB", dtype="bfloat16")
    assert report.num_shards > 1
    assert report.num_bytes == sum(t.nbytes for t in all_tensors(tmp_path / "merged").values())
    told = {file.name: file.what for file in report.files}["config.json"]
    assert told == "changed: the weights are bfloat16 now; head and embedding are two tensors now"
    AutoModelForImageTextToText.from_pretrained(tmp_path / "merged")


def test_room_is_asked_for_the_new_head_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(files, "require_space", lambda out, num_bytes: asked.append(num_bytes))
    report = merge(write_adapter(tmp_path / "adapter", TIED["head"][0]), tmp_path / "merged")
    without, with_head = asked
    head = all_tensors(tmp_path / "merged")["lm_head.weight"].nbytes
    assert with_head == report.num_bytes == without + head


def test_a_start_that_cannot_be_repeated_is_refused(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter", LoraConfig(r=4, target_modules=["v_proj"]))
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["init_lora_weights"] = "pissa_niter_4"
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="nothing here says how"):
        merge(adapter, tmp_path / "merged")


def test_a_kind_that_no_run_trains_is_refused(tmp_path: Path) -> None:
    config = IA3Config(target_modules=["v_proj"], feedforward_modules=[])
    adapter = write_adapter(tmp_path / "adapter", config)
    with pytest.raises(ModelError, match="type IA3 cannot be merged"):
        merge(adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
