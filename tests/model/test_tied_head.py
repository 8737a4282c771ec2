"""The packaged model ties its head to the embedding, as Qwen3-VL-2B and 4B do."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from model.adapted import fill, fresh, logits, trainable
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.adapters import load_adapter, prepare_model
from sightwright.model.load import load_model
from sightwright.model.parts import part_of
from sightwright.model.parts_table import PartRow, parts_table
from sightwright.model.tied_head import give_the_head_its_own, untying_note

ENDS: dict[str, dict[str, Any]] = {
    "adapters": {"target_modules": ("all-embedding", "lm_head")},
    "embedding in full": {"modules_to_save": ("embed_tokens",)},
    "head in full": {"modules_to_save": ("lm_head",)},
}


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_a_start_that_takes_from_the_shared_weights_is_refused(
    start: str, dense: PreTrainedModel, moe: PreTrainedModel
) -> None:
    tuner = Tuner(init_weights=start, target_modules=("q_proj", "lm_head"), lora_rank=4)
    with pytest.raises(ModelError, match=f"{start} takes its update out of the weights of lm_head"):
        prepare_model(dense, tuner)
    assert not trainable(prepare_model(moe, tuner)).isdisjoint(
        {f"base_model.model.lm_head.lora_{each}.default.weight" for each in "AB"}
    )


@pytest.mark.parametrize("kind", ENDS)
def test_untrained_the_model_is_the_base(dense: PreTrainedModel, kind: str) -> None:
    expected = logits(dense)
    model = prepare_model(dense, Tuner(lora_dropout=0.0, **ENDS[kind]))
    torch.testing.assert_close(logits(model.eval()), expected, rtol=0, atol=0)


def test_the_copy_counts_and_the_base_under_it_as_the_head(dense: PreTrainedModel) -> None:
    words = dense.get_input_embeddings().weight.numel()
    tuner = Tuner(target_regex="^$", modules_to_save=("embed_tokens",))
    rows = {row.part: row for row in parts_table(prepare_model(dense, tuner))}
    assert rows["embeddings"] == PartRow("embeddings", words, words, 1)
    assert rows["lm_head"] == PartRow("lm_head", words, 0, 0)


@pytest.mark.parametrize("kind", ENDS)
def test_a_second_stage_goes_on_with_both(kind: str, tiny_folder: Path, tmp_path: Path) -> None:
    tuner = Tuner(lora_dropout=0.0, lora_rank=4, **ENDS[kind])
    first = prepare_model(fresh(tiny_folder), tuner)
    fill(first)
    first.save_pretrained(str(tmp_path))
    second = prepare_model(fresh(tiny_folder), Tuner(lora_rank=4), resume_from=tmp_path)
    torch.testing.assert_close(logits(second.eval()), logits(first.eval()))
    assert trainable(second) >= trainable(first)
    torch.testing.assert_close(logits(load_adapter(fresh(tiny_folder), tmp_path)), logits(first))


@pytest.mark.parametrize("kind", ENDS)
def test_in_bfloat16_both_answer_in_bfloat16(kind: str, tiny_folder: Path) -> None:
    base = load_model(tiny_folder, "bfloat16", device="cpu")
    model = prepare_model(base, Tuner(lora_dropout=0.0, **ENDS[kind]))
    fill(model)
    assert logits(model).dtype == torch.bfloat16
    assert model.get_input_embeddings()(torch.tensor([5])).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", ENDS)
def test_a_head_of_its_own_answers_as_the_shared_one(dense: PreTrainedModel, kind: str) -> None:
    model = prepare_model(dense, Tuner(lora_dropout=0.0, **ENDS[kind]))
    fill(model)
    expected, learning = logits(model), trainable(model)
    give_the_head_its_own(model)
    torch.testing.assert_close(logits(model), expected, rtol=0, atol=0)
    assert trainable(model) == learning
    everything = dict(model.named_parameters(remove_duplicate=False))
    ends = [each for name, each in everything.items() if part_of(name) in ("embeddings", "lm_head")]
    assert len({id(each) for each in ends}) == len(ends)


@pytest.mark.parametrize("kind", ENDS)
def test_what_learns_apart_is_not_tied_again(dense: PreTrainedModel, kind: str) -> None:
    """transformers and accelerate do so when they load or shard a model."""
    model = prepare_model(dense, Tuner(lora_dropout=0.0, **ENDS[kind]))
    fill(model)
    expected = logits(model)
    model.tie_weights()
    torch.testing.assert_close(logits(model), expected, rtol=0, atol=0)


def test_a_head_that_learns_with_the_embedding_stays_as_it_is(dense: PreTrainedModel) -> None:
    model = prepare_model(dense, Tuner(train_type="full"))
    give_the_head_its_own(model)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model.tie_weights()
    assert model.lm_head.weight is model.model.language_model.embed_tokens.weight
    assert untying_note(model) is None


def test_a_head_of_its_own_has_nothing_to_tell(moe: PreTrainedModel) -> None:
    assert untying_note(prepare_model(moe, Tuner(target_modules=("lm_head",)))) is None
