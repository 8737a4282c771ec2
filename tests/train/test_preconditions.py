"""What a trainer refuses to begin with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import PreTrainedModel, Qwen3VLForConditionalGeneration

from sightwright.errors import ModelError
from sightwright.train.preconditions import require_one_device, require_own_forward
from sightwright.vision import VisionSpec


def test_a_model_of_plain_transformers_would_pass_over_the_batch(
    tiny_folder: Path, spec: VisionSpec
) -> None:
    plain = Qwen3VLForConditionalGeneration.from_pretrained(tiny_folder)
    with pytest.raises(ModelError, match="not the class that training runs") as caught:
        require_own_forward(plain, spec)
    assert "load_model" in str(caught.value.remedy)


def test_batches_are_made_for_this_models_table(
    base_model: PreTrainedModel, spec: VisionSpec
) -> None:
    require_own_forward(base_model, spec)
    with pytest.raises(ModelError, match="2304 learnt positions of an image, the model has 256"):
        require_own_forward(base_model, replace(spec, num_position_embeddings=2304))


def test_a_model_that_was_not_prepared_is_not_trained(make_trainer: Callable[..., object]) -> None:
    with pytest.raises(ModelError, match="prepare_model"):
        make_trainer(["one"], prepare=False)


def test_weights_on_two_devices_are_named(base_model: PreTrainedModel) -> None:
    require_one_device(base_model)
    base_model.get_submodule("model.visual.merger").to("meta")
    with pytest.raises(ModelError, match="are not on the same device") as caught:
        require_one_device(base_model)
    assert "model.visual.merger.norm.weight on meta" in str(caught.value)
    assert "model.to(device)" in str(caught.value.remedy)
