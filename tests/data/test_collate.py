"""The two layouts of a batch, number by number. That a model reads the same in both is shown in
test_padding_free.py."""

from collections.abc import Callable
from pathlib import Path

import torch

from data.conversations_of import conversation, samples
from sightwright.chat import ChatTokenizer
from sightwright.data.collate import ABOUT, Collator, model_inputs
from sightwright.data.encode import Encoder
from sightwright.vision import VisionSpec

Draw = Callable[..., str]


def test_answers_are_predicted_by_the_token_before(
    tmp_path: Path, encoder: Encoder, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    talks = [conversation([], "hello"), conversation([], "a longer answer than the other")]
    chosen = samples(tmp_path, encoder, talks)
    expected = [
        *tokenizer.encode("hello"), tokenizer.im_end,
        *tokenizer.encode("a longer answer than the other"), tokenizer.im_end,
    ]  # fmt: skip
    for layout in ("padding_free", "padded"):
        batch = Collator(layout, tokenizer.end_of_text, spec)(chosen)
        assert batch["answer_ids"].tolist() == expected
        assert batch["input_ids"].flatten()[batch["answer_index"] + 1].tolist() == expected


def test_a_padding_free_row_says_where_everything_stands(
    tmp_path: Path, encoder: Encoder, draw: Draw, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    one = conversation([draw("a.png", 64, 96), draw("b.png", 32, 32)], "one")
    talks = [conversation([], "hello"), one]
    text, pictures = samples(tmp_path, encoder, talks)
    batch = Collator("padding_free", tokenizer.end_of_text, spec)([text, pictures])
    first, second = text.encoded.length, pictures.encoded.length
    assert batch["document_starts"].tolist() == [0, first, first + second]
    assert batch["longest_document"] == max(first, second)
    assert batch["position_ids"].shape == (4, 1, first + second)
    assert batch["position_ids"][0, 0].tolist() == [*range(first), *range(second)]
    # 64 x 96 pixels are 2 x 3 tokens, 32 x 32 are one.
    pads = batch["input_ids"][0] == tokenizer.image_pad
    assert batch["image_index"].tolist() == pads.nonzero().flatten().tolist()
    assert len(batch["image_index"]) == 7
    vision = batch["vision"]
    assert vision["cu_seqlens"].tolist() == [0, 24, 28] and vision["max_seqlen"] == 24
    assert batch["patches"].shape == (28, 3 * 16 * 16) and batch["patches"].dtype == torch.uint8
    # The patches of a merge block follow each other: (0, 0), (0, 1), (1, 0), (1, 1), (0, 2), …
    assert vision["position_ids"][:5].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [0, 2]]
    # The corners of an image are the corners of the table of 16 x 16, read whole.
    assert vision["interp_indices"][0, 0] == 0 and vision["interp_weights"][0, 0] == 1
    torch.testing.assert_close(vision["interp_weights"].sum(1), torch.ones(28))


def test_text_alone_brings_nothing_of_images(
    tmp_path: Path, encoder: Encoder, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    chosen = samples(tmp_path, encoder, [conversation([], "hello")])
    batch = Collator("padding_free", tokenizer.end_of_text, spec)(chosen)
    assert not {"patches", "vision", "image_index", "image_grid_thw"} & batch.keys()


def test_what_is_said_about_a_batch_stays_outside_the_model(
    tmp_path: Path, encoder: Encoder, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    chosen = samples(tmp_path, encoder, [conversation([], "hello")])
    batch = Collator("padded", tokenizer.end_of_text, spec)(chosen)
    assert batch["places"] == [str(chosen[0].encoded.place)]
    assert not set(ABOUT) & model_inputs(batch).keys()
