"""Operations of a step, against the arithmetic of the published sizes and torch's own counter."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from sightwright.config.sections.tuner import Tuner
from sightwright.data.collate import model_inputs
from sightwright.model.adapters import prepare_model
from sightwright.model.parts import PARTS
from sightwright.train.flops import Flops, Sizes, peak_of, peak_rate, sizes_of
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]

# Qwen3-VL's published configurations.
TEXT = {"num_attention_heads": 32, "head_dim": 128, "num_key_value_heads": 8, "vocab_size": 151936}
VISION = {
    "spatial_merge_size": 2, "in_channels": 3, "temporal_patch_size": 2, "patch_size": 16,
    "deepstack_visual_indexes": [0, 1, 2],
}  # fmt: skip


def config(
    width: int, layers: int, mlp: int, depth: int, vit: int, vit_mlp: int, **text: int
) -> SimpleNamespace:
    return SimpleNamespace(
        text_config=SimpleNamespace(
            hidden_size=width, num_hidden_layers=layers, intermediate_size=mlp, **TEXT, **text
        ),
        vision_config=SimpleNamespace(
            depth=depth, hidden_size=vit, intermediate_size=vit_mlp, out_hidden_size=width, **VISION
        ),
    )


SIZES = {
    "4B": sizes_of(config(2560, 36, 9728, 24, 1024, 4096)),
    "8B": sizes_of(config(4096, 36, 12288, 27, 1152, 4304)),
}


def learning(*parts: str, count: int = 10**12) -> dict[str, int]:
    return {part: count if part in parts else 0 for part in PARTS}


@pytest.mark.parametrize(
    ("name", "layers", "head", "vit", "mergers"),
    [("4B", 3633e6, 389e6, 302e6, 109.1e6), ("8B", 6946e6, 622e6, 411e6, 160.5e6)],
)
def test_the_published_numbers_of_weights(
    name: str, layers: float, head: float, vit: float, mergers: float
) -> None:
    sizes = SIZES[name]
    found = (sizes.layers, sizes.head, sizes.vit, sizes.mergers)
    assert found == pytest.approx((layers, head, vit, mergers), rel=6e-3)


# Of a page of 1,000 image tokens, 300 of prompt and 250 of answer, in 1e12 operations.
@pytest.mark.parametrize(
    ("name", "learns", "teraflops"),
    [
        ("4B", learning("llm", count=0) | {"llm": 1}, 29.6),
        ("8B", learning("llm", count=0) | {"llm": 1}, 51.8),
        ("4B", learning("llm", "embeddings", "lm_head"), 41.1),
        ("8B", learning("llm", "embeddings", "lm_head"), 73.6),
    ],
)
def test_a_page_by_the_arithmetic_of_the_sizes(
    name: str, learns: dict[str, int], teraflops: float
) -> None:
    flops = Flops(SIZES[name], learns)  # type: ignore[arg-type]
    assert flops.of_batch([1550], [[(1, 50, 80)]], 250) / 1e12 == pytest.approx(teraflops, abs=0.06)


@pytest.mark.parametrize(("name", "patches", "teraflops"), [("4B", 4000, 4.22), ("8B", 6000, 9.91)])
def test_a_frozen_vit_goes_forward_alone(name: str, patches: int, teraflops: float) -> None:
    flops = Flops(SIZES[name], learning("llm"))  # type: ignore[arg-type]
    with_page = flops.of_batch([10], [[(1, 1, patches)]], 1)
    without = flops.of_batch([10], [[]], 1)
    assert (with_page - without) / 1e12 == pytest.approx(teraflops, abs=0.01)


def test_a_mixture_counts_the_experts_that_a_token_meets() -> None:
    moe = {
        "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768,
        "decoder_sparse_step": 1,
    }  # fmt: skip
    numbers = config(2048, 48, 6144, 27, 1152, 4304, **moe)
    numbers.text_config.mlp_only_layers = [0]
    attention = 2048 * (2 * 4096 + 2 * 1024)
    sparse = 8 * 3 * 2048 * 768 + 128 * 2048
    assert sizes_of(numbers).layers == 48 * attention + 47 * sparse + 3 * 2048 * 6144


def test_samples_attend_to_themselves_alone() -> None:
    flops = Flops(SIZES["4B"], learning())  # type: ignore[arg-type]
    assert flops.of_batch([500, 700], [[], []], 0) == pytest.approx(
        flops.of_batch([500], [[]], 0) + flops.of_batch([700], [[]], 0)
    )


@pytest.mark.parametrize(
    "tuner",
    [
        Tuner(train_type="full", freeze_vit=False, freeze_aligner=False),
        Tuner(train_type="full"),
        Tuner(lora_rank=1, lora_dropout=0.0),
        Tuner(target_regex="^$", modules_to_save=("embed_tokens",)),
    ],
    ids=["all in full", "llm in full", "lora", "the embedding in full, not its tied head"],
)
def test_a_step_of_the_tiny_model_against_torchs_counter(
    make_trainer: MakeTrainer, tuner: Tuner
) -> None:
    """Linear layers only: torch counts the attention of a CPU by its whole square."""
    trainer = make_trainer(["a longer answer", "b"], tuner=tuner)
    batch = next(iter(trainer.get_train_dataloader()))
    with FlopCounterMode(display=False) as counter:
        trainer.model(**model_inputs(batch)).total.backward()
    counted = counter.get_flop_counts()["Global"]
    linear = sum(n for op, n in counted.items() if str(op) in ("aten.mm", "aten.addmm", "aten.bmm"))
    flops = Flops.of(trainer.model)
    without = Sizes(**{**vars(flops.sizes), "attention": 0, "vit_attention": 0})
    ours = Flops(without, flops.learning).of_batch(
        batch["lengths"], batch["grids"], len(batch["answer_ids"])
    )
    # The patches' two slices in time are one product here, and LoRA's own forward is left out.
    assert ours == pytest.approx(linear, rel=0.06)


def test_the_rate_of_a_device() -> None:
    assert peak_of("NVIDIA H100 PCIe") == 756e12
    assert peak_of("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_of("NVIDIA L40S") == 362e12
    assert peak_of("NVIDIA L4") == 121e12
    assert peak_of("NVIDIA A100-SXM4-80GB") == 312e12
    assert peak_of("NVIDIA GH200 480GB") == 989e12
    assert peak_of("NVIDIA RTX A4000") is None
    assert peak_of("NVIDIA RTX A1000") is None
    assert peak_of("GeForce GTX 1080") is None
    assert peak_rate(torch.device("cpu"), half=True) is None


def test_a_model_with_an_adapter_is_read(base_model: PreTrainedModel) -> None:
    flops = Flops.of(prepare_model(base_model, Tuner(lora_rank=4)))
    assert flops.learning["llm"] > 0
    assert (flops.learning["vit"], flops.learning["aligner"]) == (0, 0)
