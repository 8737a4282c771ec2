"""Which forward a module takes; that both learn the same is tests/data/test_padding_free.py."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from model.tiny_moe import write_tiny_moe
from sightwright.data.vision_inputs import vision_inputs
from sightwright.model import layers
from sightwright.model.attention import attend_by_document, boundaries
from sightwright.model.layers import TextAttention, TextNorm, VisionAttention
from sightwright.model.load import load_model

Turned = list[tuple[int, ...]]


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> Turned:
    """Shapes that were given to our rotation."""
    shapes: Turned = []
    rotate = layers.rotate

    def seen(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        shapes.append(tuple(x.shape))
        return rotate(x, cos, sin)

    monkeypatch.setattr(layers, "rotate", seen)
    return shapes


@pytest.mark.parametrize("kind", ["dense", "moe"])
def test_every_norm_and_attention_has_changed(kind: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = tiny_folder if kind == "dense" else write_tiny_moe(tmp_path)
    model = load_model(folder, "float32", device="cpu")
    language, visual = model.model.language_model, model.model.visual
    counts = {
        kind: sum(isinstance(each, kind) for each in model.modules())
        for kind in (TextAttention, TextNorm, VisionAttention)
    }
    depth = len(language.layers)
    assert counts == {
        TextAttention: depth,
        TextNorm: 4 * depth + 1,
        VisionAttention: len(visual.blocks),
    }
    for module in (language.norm, language.layers[0].self_attn, visual.blocks[0].attn):
        stock = type(module).__mro__[2]
        assert (type(module).__name__, type(module).__module__) == (
            stock.__name__,
            stock.__module__,
        )
        assert stock.__module__.startswith("transformers.")


def text(model: PreTrainedModel, *, row: bool) -> Tensor:
    attention = model.model.language_model.layers[0].self_attn
    width = model.config.text_config.hidden_size
    torch.manual_seed(0)
    hidden, places = torch.randn(1, 6, width), torch.arange(6).expand(3, 1, -1)
    rotary = model.model.language_model.rotary_emb(hidden, places)
    limits = boundaries(torch.tensor([0, 6], dtype=torch.int32), 6) if row else {}
    return attention(
        hidden_states=hidden, position_embeddings=rotary, attention_mask=None, **limits
    )[0]


def test_a_row_is_turned_by_ours_and_a_batch_by_transformers(
    dense: PreTrainedModel, turned: Turned
) -> None:
    attend_by_document(dense)
    by_transformers = text(dense, row=False)
    assert turned == []
    config = dense.config.text_config
    found = text(dense, row=True)
    assert turned == [
        (1, heads, 6, config.head_dim)
        for heads in (config.num_attention_heads, config.num_key_value_heads)
    ]
    torch.testing.assert_close(found, by_transformers)


def test_images_with_boundaries_are_turned_by_ours(dense: PreTrainedModel, turned: Turned) -> None:
    attend_by_document(dense)
    visual = dense.model.visual
    grids = [(1, 4, 6), (1, 2, 2)]
    torch.manual_seed(0)
    patches = torch.randint(256, (28, 3 * 16 * 16), dtype=torch.uint8)
    grid_thw = torch.tensor(grids)
    given = vision_inputs(grids, 2, dense.config.vision_config.num_position_embeddings)
    found = visual(patches, grid_thw=grid_thw, **given).pooler_output
    assert len(turned) == len(visual.blocks)
    dense.config.vision_config._attn_implementation = "sdpa"
    by_transformers = visual(patches, grid_thw=grid_thw).pooler_output
    assert len(turned) == len(visual.blocks)
    torch.testing.assert_close(found, by_transformers, rtol=1e-5, atol=1e-5)
