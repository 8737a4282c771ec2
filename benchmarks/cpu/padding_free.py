"""Forward and backward of a padding-free batch, against the same samples padded.

Hugging Face's Trainer pads a batch to its longest sample. Both sides here compute logits of the
answer rows alone, so that what is compared is the layout. The first peer is transformers' own class
by its own attention; the second is our class on a padded batch: our norms and our head, and
transformers' attention.
"""

from collections.abc import Callable
from importlib import metadata

import torch
import transformers
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from benchmarks.random_batches import (
    farthest_apart,
    gradients,
    padding_of,
    random_samples,
    spread_lengths,
)
from sightwright.chat import ChatTokenizer
from sightwright.data.collate import Batch, Collator, model_inputs
from sightwright.data.dataset import Sample
from sightwright.data.pixels import to_pixel_values
from sightwright.data.sizes import Grid
from sightwright.model.answer_head import score_answers
from sightwright.model.attention import attend_by_document
from sightwright.model.load import load_model, load_vision_spec, resolve_folder
from sightwright.vision import VisionSpec

NUM_SAMPLES = 4
SHORTEST, LONGEST = 256, 1024
TURNS = 5
IMAGE: Grid = (1, 16, 16)
"""64 tokens: 256 x 256 pixels, the most that the tiny model was taught on."""
Loss = Callable[[], Tensor]


def run() -> list[Comparison]:
    disable_progress_bar()
    return [
        compare_layouts(spread_lengths(NUM_SAMPLES, SHORTEST, LONGEST, padding), image, TURNS)
        for image in (None, IMAGE)
        for padding in (0.3, 0.5)
    ]


def compare_layouts(lengths: list[int], image: Grid | None, turns: int) -> Comparison:
    """Check that all come to the same loss and gradients, then time them.

    Raises:
        AssertionError: they do not.
    """
    folder = resolve_folder("tiny")
    tokenizer, spec = ChatTokenizer.from_folder(folder), load_vision_spec(folder)
    samples = random_samples(lengths, tokenizer, spec, image)
    models, losses = ways(samples, tokenizer, spec)
    equality = equal_work(models, losses)
    kind = "text" if image is None else f"an image of {image[1] * image[2] // 4} tokens each"
    title = (
        f"Forward and backward of {len(lengths)} samples, {min(lengths)} to {max(lengths)} "
        f"tokens ({kind}): {sum(lengths)} tokens, {100 * padding_of(lengths):.0f} % padding"
    )
    steps = {name: timed(step(models[name], losses[name])) for name in losses}
    return compare_turns(title, steps, turns, equality, "batch")


def ways(
    samples: list[Sample], tokenizer: ChatTokenizer, spec: VisionSpec
) -> tuple[dict[str, PreTrainedModel], dict[str, Loss]]:
    """Everybody's model, and how it comes to the summed loss of the samples."""
    folder = resolve_folder("tiny")
    row = Collator("padding_free", tokenizer.end_of_text, spec)(samples)
    padded = Collator("padded", tokenizer.end_of_text, spec)(samples)
    ours = load_model(folder, "float32", device="cpu").train()
    attend_by_document(ours)
    same = load_model(folder, "float32", device="cpu").train()
    stock = transformers.Qwen3VLForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa"
    ).train()
    peer = f"transformers {metadata.version('transformers')}, padded"
    inputs = stock_inputs(padded, spec)
    return {OURS: ours, peer: stock, "our model, padded": same}, {
        OURS: lambda: ours(**model_inputs(row)).total,
        peer: lambda: stock_loss(stock, inputs, padded),
        "our model, padded": lambda: same(**model_inputs(padded)).total,
    }


def stock_inputs(padded: Batch, spec: VisionSpec) -> dict[str, Tensor]:
    """A padded batch as transformers' class takes it."""
    inputs = {name: padded[name] for name in ("input_ids", "attention_mask", "mm_token_type_ids")}
    if "patches" in padded:
        inputs["pixel_values"] = to_pixel_values(padded["patches"], spec)
        inputs["image_grid_thw"] = padded["image_grid_thw"]
    return inputs


def stock_loss(model: PreTrainedModel, inputs: dict[str, Tensor], padded: Batch) -> Tensor:
    hidden = model.model(**inputs, use_cache=False).last_hidden_state
    rows = hidden.flatten(0, 1)[padded["answer_index"]]
    total = score_answers(model.lm_head, rows, padded["answer_ids"]).total
    assert total is not None
    return total


def equal_work(models: dict[str, PreTrainedModel], losses: dict[str, Loss]) -> str:
    """In what sense all come to the same.

    Raises:
        AssertionError: a loss or a gradient that differs.
    """
    expected = step(models[OURS], losses[OURS])()
    losses_apart, gradients_apart = [], []
    for name in models.keys() - {OURS}:
        found = step(models[name], losses[name])()
        losses_apart.append(abs(found - expected) / expected)
        apart = farthest_apart(gradients(models[name]), gradients(models[OURS]))
        gradients_apart.append(apart)
    # Each for itself: a nan is under no limit, and max would pass over it.
    assert all(apart <= 1e-6 for apart in losses_apart), losses_apart
    assert all(apart <= 1e-5 for apart in gradients_apart), gradients_apart
    return (
        f"the same summed loss, {expected:.3f}, within {max(losses_apart):.0e} of it, and the "
        f"same gradients of every part within {max(gradients_apart):.0e}"
    )


def step(model: PreTrainedModel, loss: Loss) -> Callable[[], float]:
    def forward_and_backward() -> float:
        model.zero_grad()
        total = loss()
        total.backward()
        return total.item()

    return forward_and_backward
