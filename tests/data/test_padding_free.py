"""The padding-free road against transformers' own padded forward, in fp32: the same loss of every
token, the same gradients of every part, no sample that sees another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import PreTrainedModel

from data.conversations_of import conversation, samples
from model.tiny_moe import tiny_moe, write_tiny_moe
from sightwright.chat import ChatTokenizer
from sightwright.config.sections.tuner import Tuner
from sightwright.data.collate import Batch, Collator, Layout, model_inputs
from sightwright.data.dataset import Sample
from sightwright.data.encode import Encoder
from sightwright.data.pixels import to_pixel_values
from sightwright.model.adapters import prepare_model
from sightwright.model.attention import attend_by_document
from sightwright.model.load import load_model
from sightwright.vision import VisionSpec

Draw = Callable[..., str]
Parts = dict[str, Tensor]

PARTS = (
    "visual.patch_embed",
    "visual.pos_embed",
    "visual.blocks",
    "visual.merger",
    "visual.deepstack_merger_list.0",
    "visual.deepstack_merger_list.1",
    "language_model.layers",
    "language_model.norm",
    "language_model.embed_tokens",
    "lm_head",
)


@pytest.fixture(scope="module", params=["dense", "moe"])
def folder(
    request: pytest.FixtureRequest, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    if request.param == "dense":
        return tiny_folder
    return write_tiny_moe(tmp_path_factory.mktemp("moe"))


@pytest.fixture(params=["images", "several", "text", "mixed"])
def chosen(
    request: pytest.FixtureRequest, tmp_path: Path, encoder: Encoder, draw: Draw
) -> list[Sample]:
    one = conversation([draw("a.png", 64, 96)], '{"total":"12.50"}')
    two = conversation([draw("b.png", 96, 64)], '{"total":null,"date":"2024-01-31"}', "Read it.")
    several = conversation([draw("c.png", 64, 64), draw("d.png", 128, 32)], "both", "Compare.")
    text, more = conversation([], "hello"), conversation([], "a longer answer than the other", "?")
    records = {
        "images": [one, two],
        "several": [several, one],
        "text": [text, more],
        "mixed": [text, several, two, more],
    }
    return samples(tmp_path, encoder, records[request.param])


def ours(folder: Path, attention: str = "sdpa") -> PreTrainedModel:
    model = load_model(folder, "float32", attention, device="cpu")
    attend_by_document(model)
    return model


def stock(folder: Path) -> PreTrainedModel:
    """transformers' own class, by its own attention."""
    cls = getattr(transformers, type(load_model(folder, "float32", device="cpu")).__name__)
    assert cls.__mro__[1].__module__.startswith("transformers.")
    return cls.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()


def checkpoint_activations(model: PreTrainedModel) -> None:
    newer = getattr(model, "activation_checkpointing_enable", None)  # transformers 5.24
    (newer or model.gradient_checkpointing_enable)({"use_reentrant": False})


def reference_losses(model: PreTrainedModel, batch: Batch, spec: VisionSpec) -> Tensor:
    """Each answer token's, from the logits of all places of a padded batch and float pixels."""
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "mm_token_type_ids")}
    if "patches" in batch:
        inputs["pixel_values"] = to_pixel_values(batch["patches"], spec)
        inputs["image_grid_thw"] = batch["image_grid_thw"]
    logits = model(**inputs, use_cache=False).logits.flatten(0, 1)[batch["answer_index"]]
    return torch.nn.functional.cross_entropy(logits, batch["answer_ids"], reduction="none")


def gradients(model: PreTrainedModel, loss: Tensor) -> Parts:
    model.zero_grad()
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def assert_same_gradients(found: Parts, expected: Parts) -> None:
    """Part by part, the difference against the length of the gradient."""
    assert found.keys() == expected.keys()
    for part in PARTS:
        names = [name for name in expected if f"{part}." in name]
        difference, length = (
            torch.cat([(each(name)).flatten() for name in names]).norm() if names else 0.0
            for each in (lambda name: found[name] - expected[name], expected.__getitem__)
        )
        assert difference <= 1e-5 * length, part


@pytest.mark.parametrize("layout", ["padding_free", "padded"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_loss_and_gradients_are_those_of_transformers(
    folder: Path,
    chosen: list[Sample],
    tokenizer: ChatTokenizer,
    spec: VisionSpec,
    layout: Layout,
    checkpointing: bool,
) -> None:
    reference = stock(folder)
    padded = Collator("padded", tokenizer.end_of_text, spec)(chosen)
    expected = reference_losses(reference, padded, spec)
    model = ours(folder)
    if checkpointing:
        checkpoint_activations(model.train())
    output = model(**model_inputs(Collator(layout, tokenizer.end_of_text, spec)(chosen)))
    assert output.total.item() == pytest.approx(expected.sum().item(), rel=1e-6)
    torch.testing.assert_close(output.token_losses, expected.detach(), rtol=1e-5, atol=1e-5)
    found = gradients(model, output.total)
    assert_same_gradients(found, gradients(reference, expected.sum()))
    assert [part for part in PARTS if any(f"{part}." in name for name in found)] == [
        part
        for part in PARTS
        if ("visual" not in part or any(sample.patches for sample in chosen))
        and (part != "lm_head" or not model.config.tie_word_embeddings)
    ]


# A head and an embedding that are one tensor in the base, and learn apart.
APART: dict[str, dict[str, Any]] = {
    "embedding": {"target_modules": ("all-embedding",)},
    "head": {"target_modules": ("lm_head", "q_proj")},
    "each its own": {"target_modules": ("all-embedding", "lm_head")},
    "embedding by dora": {"target_modules": ("all-embedding",), "use_dora": True},
    "embedding in full": {"modules_to_save": ("embed_tokens",)},
    "head in full": {"modules_to_save": ("lm_head",)},
    "both in full": {"modules_to_save": ("lm_head", "embed_tokens")},
}


def plain_peft(folder: Path, learning: dict[str, Any]) -> PeftModel:
    """PEFT by itself on transformers' own class, with weights in the adapter as training has."""
    names = ["embed_tokens" if n == "all-embedding" else n for n in learning["target_modules"]]
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=names, use_dora=learning.get("use_dora", False),
        modules_to_save=list(learning["modules_to_save"]) or None,
    )  # fmt: skip
    model = get_peft_model(stock(folder), config)
    generator = torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning")
# PEFT asks by a name that transformers 5.24 has renamed.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("kind", APART)
def test_a_tied_head_that_learns_apart_is_plain_peft_on_the_stock_class(
    kind: str, tiny_folder: Path, tmp_path: Path, encoder: Encoder, draw: Draw,
    tokenizer: ChatTokenizer, spec: VisionSpec,
) -> None:  # fmt: skip
    talks = [conversation([draw("a.png", 64, 96)], '{"total":"12.50"}'), conversation([], "hello")]
    chosen = samples(tmp_path, encoder, talks)
    learning = {"target_modules": ("q_proj",), "modules_to_save": (), **APART[kind]}
    reference = plain_peft(tiny_folder, learning)
    padded = Collator("padded", tokenizer.end_of_text, spec)(chosen)
    expected = reference_losses(reference, padded, spec)
    wanted = gradients(reference, expected.sum())
    model = prepare_model(
        ours(tiny_folder), Tuner(lora_rank=4, lora_alpha=8, lora_dropout=0.0, **learning)
    )
    model.load_state_dict(reference.state_dict())
    for layout in ("padding_free", "padded"):
        batch = Collator(layout, tokenizer.end_of_text, spec)(chosen)
        output = model(**model_inputs(batch))
        assert output.total.item() == pytest.approx(expected.sum().item(), rel=1e-6)
        torch.testing.assert_close(output.token_losses, expected.detach(), rtol=1e-5, atol=1e-5)
        assert_same_gradients(gradients(model, output.total), wanted)


def test_each_sample_alone_gives_its_part_of_the_batch(
    folder: Path, chosen: list[Sample], tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    model, reference = ours(folder), stock(folder)
    collate = Collator("padding_free", tokenizer.end_of_text, spec)
    together = model(**model_inputs(collate(chosen)))
    numbers = [sum(sample.encoded.supervised) for sample in chosen]
    for sample, losses in zip(chosen, together.token_losses.split(numbers), strict=True):
        alone = model(**model_inputs(collate([sample])))
        torch.testing.assert_close(losses, alone.token_losses, rtol=1e-5, atol=1e-5)
        padded = Collator("padded", tokenizer.end_of_text, spec)([sample])
        expected = reference_losses(reference, padded, spec).sum()
        assert alone.total.item() == pytest.approx(expected.item(), rel=1e-6)
        found = gradients(model, model(**model_inputs(collate([sample]))).total)
        assert_same_gradients(found, gradients(reference, expected))


def test_the_reference_attention_takes_a_row_too(
    folder: Path, chosen: list[Sample], tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    inputs = model_inputs(Collator("padding_free", tokenizer.end_of_text, spec)(chosen))
    torch.testing.assert_close(
        ours(folder, "eager")(**inputs).token_losses,
        ours(folder)(**inputs).token_losses,
        rtol=1e-5,
        atol=1e-5,
    )


def test_generation_is_that_of_transformers(
    folder: Path, tmp_path: Path, encoder: Encoder, draw: Draw, tokenizer: ChatTokenizer,
    spec: VisionSpec,
) -> None:  # fmt: skip
    (sample,) = samples(tmp_path, encoder, [conversation([draw("a.png", 64, 96)], "one")])
    batch = Collator("padded", tokenizer.end_of_text, spec)([sample])
    inputs = {
        "input_ids": batch["input_ids"],
        "attention_mask": batch["attention_mask"],
        "mm_token_type_ids": batch["mm_token_type_ids"],
        "pixel_values": to_pixel_values(batch["patches"], spec),
        "image_grid_thw": batch["image_grid_thw"],
    }
    asked = {"max_new_tokens": 12, "do_sample": False}
    assert torch.equal(ours(folder).generate(**inputs, **asked),
                       stock(folder).generate(**inputs, **asked))  # fmt: skip


# Ways in which samples of one row come to see each other, or lose their places: each is what a trap
# of transformers costs, so that a version that mends or adds one is noticed.


@pytest.fixture
def row(
    tmp_path: Path, encoder: Encoder, draw: Draw, tokenizer: ChatTokenizer, spec: VisionSpec
) -> tuple[Batch, Tensor]:
    """Two samples end to end as transformers takes them, and the logits of each alone."""
    first = conversation([draw("a.png", 96, 96)], "something else altogether", "Another question!")
    second = conversation([draw("b.png", 64, 96)], '{"total":"12.50"}')
    chosen = samples(tmp_path, encoder, [first, second])
    model = stock(encoder_folder())
    batch = Collator("padding_free", tokenizer.end_of_text, spec)(chosen)
    alone = [logits_of(model, Collator("padding_free", tokenizer.end_of_text, spec)([sample]), spec)
             for sample in chosen]  # fmt: skip
    return batch, torch.cat(alone, dim=1)


def encoder_folder() -> Path:
    from sightwright.model.load import resolve_folder

    return resolve_folder("tiny")


def logits_of(model: PreTrainedModel, batch: Batch, spec: VisionSpec, **changed: object) -> Tensor:
    inputs: dict[str, object] = {
        "input_ids": batch["input_ids"],
        "position_ids": batch["position_ids"],
        "pixel_values": to_pixel_values(batch["patches"], spec),
        "image_grid_thw": batch["image_grid_thw"],
        "mm_token_type_ids": (batch["input_ids"] == 12).int(),
        "use_cache": False,
    }
    with torch.no_grad():
        return model(**inputs | changed).logits


def apart(found: Tensor, expected: Tensor) -> float:
    return (found - expected).abs().max().item()


def test_four_rows_of_positions_no_mask_and_no_cache_keep_samples_apart(
    row: tuple[Batch, Tensor], spec: VisionSpec
) -> None:
    batch, alone = row
    assert apart(logits_of(stock(encoder_folder()), batch, spec), alone) < 1e-4
    checkpointed = stock(encoder_folder()).train()
    checkpoint_activations(checkpointed)
    assert apart(logits_of(checkpointed, batch, spec), alone) < 1e-4


@pytest.mark.parametrize("trap", ["cache", "mask", "three rows", "one row"])
def test_each_other_way_is_wrong(row: tuple[Batch, Tensor], spec: VisionSpec, trap: str) -> None:
    batch, alone = row
    model = stock(encoder_folder())
    match trap:
        case "cache":
            changed: dict[str, object] = {"use_cache": True}
        case "mask":
            changed = {"attention_mask": torch.ones_like(batch["input_ids"])}
        case "three rows":
            changed = {"position_ids": batch["position_ids"][1:]}
        case _:
            changed = {"position_ids": batch["position_ids"][0]}
    assert apart(logits_of(model, batch, spec, **changed), alone) > 0.01


def test_a_sample_does_not_see_the_one_before_it(
    folder: Path, tmp_path: Path, encoder: Encoder, draw: Draw, tokenizer: ChatTokenizer,
    spec: VisionSpec,
) -> None:  # fmt: skip
    first = conversation([draw("a.png", 64, 96)], "one")
    other = conversation([draw("b.png", 96, 96)], "something else altogether", "Another question!")
    second = conversation([draw("c.png", 96, 64)], '{"total":"12.50"}')
    one, two, three = samples(tmp_path, encoder, [first, other, second])
    model, collate = ours(folder), Collator("padding_free", tokenizer.end_of_text, spec)
    number = sum(three.encoded.supervised)
    after_one, after_two, alone = (
        model(**model_inputs(collate(batch))).token_losses[-number:]
        for batch in ([one, three], [two, three], [three])
    )
    torch.testing.assert_close(after_one, after_two, rtol=0, atol=1e-5)
    torch.testing.assert_close(after_one, alone, rtol=0, atol=1e-5)


def test_boundaries_are_found_where_a_row_does_not_bring_them(
    tmp_path: Path, encoder: Encoder, draw: Draw, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    """transformers' own forward under our attention: what evaluation by other code would run."""
    talks = [conversation([draw("a.png", 64, 96)], "one"), conversation([], "two words")]
    batch = Collator("padding_free", tokenizer.end_of_text, spec)(samples(tmp_path, encoder, talks))
    model = ours(encoder_folder())
    told = model(**model_inputs(batch)).token_losses
    without = {name: value for name, value in model_inputs(batch).items()
               if name not in ("document_starts", "vision")}  # fmt: skip
    torch.testing.assert_close(model(**without).token_losses, told, rtol=0, atol=1e-5)


def test_the_moe_routes_tokens_to_every_expert() -> None:
    """Else the parity of the MoE would say little."""
    model = tiny_moe()
    ids = torch.arange(20, 220)[None]
    with torch.no_grad():
        output = model(input_ids=ids, output_router_logits=True)
    chosen = torch.cat([logits.topk(2).indices.flatten() for logits in output.router_logits])
    assert set(chosen.tolist()) == {0, 1, 2, 3}
