"""The patch embedding as a matrix product against transformers' convolution."""

import copy

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionPatchEmbed

from sightwright.model.patch_embedding import take_uint8_patches

MEAN, STD = (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)


@pytest.fixture
def patches() -> Tensor:
    return torch.randint(256, (9, 3 * 16 * 16), dtype=torch.uint8, generator=torch.manual_seed(0))


def normalised(patches: Tensor) -> Tensor:
    """[patches, channels * 2 * p * p]: what an image processor gives, in fp64."""
    values = patches.view(9, 3, 1, 256).double() / 255
    mean, std = (torch.tensor(each, dtype=torch.float64).view(1, 3, 1, 1) for each in (MEAN, STD))
    return ((values - mean) / std).expand(-1, -1, 2, -1).flatten(1)


@pytest.fixture
def embed(dense: PreTrainedModel) -> nn.Module:
    embed = copy.deepcopy(dense.model.visual.patch_embed)
    with torch.no_grad():
        # Two slices that differ, as after training on videos.
        embed.proj.weight += torch.randn(embed.proj.weight.shape, generator=torch.manual_seed(1))
    take_uint8_patches(embed, MEAN, STD)
    return embed


def stock(embed: nn.Module) -> nn.Module:
    stock = copy.deepcopy(embed).double()
    stock.__class__ = Qwen3VLVisionPatchEmbed
    return stock


def test_uint8_patches_are_embedded_as_floats_are(embed: nn.Module, patches: Tensor) -> None:
    expected = stock(embed)(normalised(patches))
    found = embed(patches)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(
        embed(normalised(patches).float()).double(), expected, rtol=1e-5, atol=1e-4
    )


def test_one_frame_of_floats_stands_for_both(embed: nn.Module, patches: Tensor) -> None:
    torch.testing.assert_close(embed(embed.normalised(patches)), embed(patches))


def test_both_slices_of_the_weight_learn(embed: nn.Module, patches: Tensor) -> None:
    reference = stock(embed)
    reference(normalised(patches)).square().sum().backward()
    embed(patches).square().sum().backward()
    torch.testing.assert_close(
        embed.proj.weight.grad.double(), reference.proj.weight.grad, rtol=1e-4, atol=1e-2
    )


def test_an_adapter_on_it_is_not_passed_by(dense: PreTrainedModel, patches: Tensor) -> None:
    embed = dense.model.visual.patch_embed
    plain = embed(patches).detach()
    settings = LoraConfig(target_modules=["patch_embed.proj"], init_lora_weights=False)
    inject_adapter_in_model(settings, dense)
    lora = embed.proj
    frames = normalised_frames(embed, patches)
    torch.testing.assert_close(embed(patches), lora(frames).view(9, -1), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(embed(patches), plain, atol=1e-3)


def normalised_frames(embed: nn.Module, patches: Tensor) -> Tensor:
    return embed.normalised(patches).view(9, 3, 1, 16, 16).expand(-1, -1, 2, -1, -1)
