"""Padding-free batches against padded ones: the same loss, the same gradients, no leaks."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from transformers import Qwen3VLForConditionalGeneration

from sightwright.chat import ChatTokenizer
from sightwright.data.collate import Batch, Collator, Layout, model_inputs
from sightwright.data.dataset import RecordDataset, Sample
from sightwright.data.encode import Encoder
from sightwright.data.pixels import to_pixel_values
from sightwright.jsonl import write_all
from sightwright.model.attention import attend_by_document
from sightwright.vision import VisionSpec

Draw = Callable[..., str]


@pytest.fixture(params=["sdpa", "documents"])
def model(request: pytest.FixtureRequest, tiny_folder: Path) -> Qwen3VLForConditionalGeneration:
    model = Qwen3VLForConditionalGeneration.from_pretrained(
        tiny_folder, dtype=torch.float32, attn_implementation="sdpa"
    )
    if request.param == "documents":
        attend_by_document(model)
    return model.eval()


def conversation(images: Sequence[str], answer: str, note: str = "What is it?") -> dict:
    content = [{"type": "image", "image": image} for image in images]
    content.append({"type": "text", "text": note})
    return {
        "messages": [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    }


def samples(folder: Path, encoder: Encoder, records: list[dict]) -> list[Sample]:
    write_all(folder / "train.jsonl", records)
    dataset, _ = RecordDataset.open(folder / "train.jsonl", encoder)
    return [dataset[index] for index in range(len(dataset))]


def batch_of(chosen: list[Sample], layout: Layout, tokenizer: ChatTokenizer) -> Batch:
    return Collator(layout, tokenizer.end_of_text, merge_size=2)(chosen)


def losses(model: Qwen3VLForConditionalGeneration, batch: Batch, spec: VisionSpec) -> torch.Tensor:
    """Cross-entropy of every supervised token, sample after sample."""
    inputs = model_inputs(batch)
    if "patches" in batch:
        inputs["pixel_values"] = to_pixel_values(batch["patches"], spec)
    logits = model(**inputs).logits[batch["answer_rows"], batch["answer_slots"]]
    return torch.nn.functional.cross_entropy(logits, batch["answer_ids"], reduction="none")


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


def test_padding_free_equals_padded(
    model: Qwen3VLForConditionalGeneration,
    chosen: list[Sample],
    tokenizer: ChatTokenizer,
    spec: VisionSpec,
) -> None:
    totals, gradients = [], []
    for layout in ("padded", "padding_free"):
        model.zero_grad()
        loss = losses(model, batch_of(chosen, layout, tokenizer), spec).sum()
        loss.backward()
        totals.append(loss.item())
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    assert totals[1] == pytest.approx(totals[0], rel=1e-6)
    padded, padding_free = gradients
    for part in ("visual.blocks", "visual.merger", "deepstack", "layers", "embed_tokens"):
        names = [name for name in padded if part in name and padded[name] is not None]
        for name in names:
            scale = padded[name].norm()
            assert (padded[name] - padding_free[name]).norm() <= 1e-5 * scale + 1e-9, name
    has_images = any(sample.patches for sample in chosen)
    assert (padded["model.visual.merger.linear_fc2.weight"] is not None) == has_images


def test_a_sample_does_not_see_the_one_before_it(
    model: Qwen3VLForConditionalGeneration,
    tmp_path: Path,
    encoder: Encoder,
    draw: Draw,
    tokenizer: ChatTokenizer,
    spec: VisionSpec,
) -> None:
    first = conversation([draw("a.png", 64, 96)], "one")
    other = conversation([draw("b.png", 96, 96)], "something else altogether", "Another question!")
    second = conversation([draw("c.png", 96, 64)], '{"total":"12.50"}')
    one, two, three = samples(tmp_path, encoder, [first, other, second])
    num_answer = sum(three.encoded.supervised)
    after_one, after_two, alone = (
        losses(model, batch_of(batch, "padding_free", tokenizer), spec)[-num_answer:]
        for batch in ([one, three], [two, three], [three])
    )
    torch.testing.assert_close(after_one, after_two, rtol=0, atol=1e-5)
    torch.testing.assert_close(after_one, alone, rtol=0, atol=1e-5)


def test_answer_rows_are_shifted_by_one(
    tmp_path: Path, encoder: Encoder, tokenizer: ChatTokenizer
) -> None:
    (sample,) = samples(tmp_path, encoder, [conversation([], "hello")])
    batch = batch_of([sample], "padding_free", tokenizer)
    expected = [*tokenizer.encode("hello"), tokenizer.im_end]
    assert batch["answer_ids"].tolist() == expected
    assert batch["input_ids"][0, batch["logits_to_keep"] + 1].tolist() == expected
    assert batch["position_ids"].shape == (4, 1, sample.encoded.length)


def test_boundaries_are_found_without_being_told(
    model: Qwen3VLForConditionalGeneration,
    chosen: list[Sample],
    tokenizer: ChatTokenizer,
    spec: VisionSpec,
) -> None:
    batch = batch_of(chosen, "padding_free", tokenizer)
    told = losses(model, batch, spec)
    del batch["document_lengths"]
    torch.testing.assert_close(losses(model, batch, spec), told, rtol=0, atol=1e-5)
