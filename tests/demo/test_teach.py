"""The fast paths equal transformers' own; a killed run ends where a whole one does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedTokenizerFast

from sightwright.demo import batches, lessons, sight, teach, tiny
from sightwright.draw.page import Text

SHORT = teach.Plan(
    stages=(
        teach.Stage(2, 4, {"drill:3x2": 1.0}, glyphs_only=True),
        teach.Stage(4, 4, {"drill:4x1": 0.5, "drill:3x2": 0.5}),
    ),
    pool=8,
    held_out=4,
    warmup=2,
    cooldown=2,
    checkpoint_every=3,
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(tiny.FOLDER)


def test_resumes_to_the_same_losses(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    whole = teach.teach(SHORT, tmp_path / "whole", tokenizer)
    assert len(whole) == 6
    killed = tmp_path / "killed"
    killed.mkdir()
    shutil.copy(tmp_path / "whole" / "checkpoint-000003.pt", killed)
    # A half-written checkpoint is never read.
    (killed / "checkpoint.partial").write_bytes(b"half")
    rest = teach.teach(SHORT, killed, tokenizer, resume=True)
    assert rest == whole[3:]
    ends = [torch.load(tmp_path / n / "checkpoint-000006.pt") for n in ("whole", "killed")]
    for name, weights in ends[0]["model"].items():
        assert torch.equal(weights, ends[1]["model"][name]), name


def test_batch_equals_the_stock_processor_and_forward(tokenizer: PreTrainedTokenizerFast) -> None:
    pupil = teach.new_pupil(SHORT, tokenizer)
    pool = batches.encode_pool(batches.draw_lessons("extract", 3, 0), tokenizer)
    batch = batches.collate(pool, [0, 1, 2], pool.pixels, pupil.image_id)
    processor = AutoImageProcessor.from_pretrained(tiny.FOLDER)
    images = processor([lessons.to_image(page) for page in pool.pixels], return_tensors="pt")
    assert torch.equal(images["pixel_values"], batches.in_colour(batch.patches_BND))
    with torch.no_grad():
        logits, wanted = sight.answer_logits(pupil.model, batch)
        stock = pupil.model(
            input_ids=batch.ids_BL,
            mm_token_type_ids=(batch.ids_BL == pupil.image_id).long(),
            **images,
        ).logits
    assert wanted.tolist() == [token for answer in pool.answers for token in answer]
    torch.testing.assert_close(logits, stock[:, :-1][batch.answers_BL[:, 1:]], atol=1e-4, rtol=0)


def test_positions_of_an_image_between_texts() -> None:
    # Two text tokens, an image of 2 x 3 tokens, two text tokens that go on from 2 + max(2, 3).
    assert batches.positions_of(10, 2, 2, 3).tolist() == [
        [0, 1, 2, 2, 2, 2, 2, 2, 5, 6],
        [0, 1, 2, 2, 2, 3, 3, 3, 5, 6],
        [0, 1, 2, 3, 4, 2, 3, 4, 5, 6],
    ]


def test_glyphs_turn_with_the_page() -> None:
    straight = lessons.glyphs_of([Text(16, 32, "7 A")], 256, 256, 0.0)
    assert straight.tolist() == [[24.0, 48.0, 7.0], [56.0, 48.0, 10.0]]
    # A quarter turn anticlockwise: the top-left corner goes to the bottom left.
    turned = lessons.glyphs_of([Text(16, 32, "7")], 256, 256, 90.0)
    np.testing.assert_allclose(turned[0, :2], [48.0, 232.0], atol=1e-4)


def test_glyph_targets_name_the_halves_of_an_image_token() -> None:
    # A canvas of 1 x 2 image tokens. x = 40 is the left half of the second, x = 56 its right half.
    glyphs = np.array([[40.0, 20.0, 3.0], [56.0, 20.0, 5.0], [1.0, 1.0, 0.0]], dtype=np.float32)
    targets = batches.glyph_targets([glyphs], 1, 2)
    assert targets.tolist() == [[[1, 0], [4, 6]]]


def test_an_answer_points_at_its_print(tokenizer: PreTrainedTokenizerFast) -> None:
    # Two lines on a canvas of 4 x 2 image tokens; "Soap" covers tokens 0 and 1, "2" both times 4.
    texts = [Text(0, 0, "Soap 12"), Text(0, 32, "2")]
    glyphs = lessons.glyphs_of(texts, 128, 64, 0.0)
    pixels = np.zeros((64, 128), dtype=np.uint8)
    answer = '{"name":"Soap","qty":12,"page":2}'
    lesson = lessons.Lesson(pixels, "Extract.", answer, "form", glyphs)
    # "12" stands once on the page, "2" twice: only the first says for certain where it was read.
    assert lessons.printed_places(lesson) == {9: 0, 10: 1, 11: 2, 12: 3, 21: 4, 22: 5}
    pool = batches.encode_pool([lesson], tokenizer)
    pointed = {
        tokenizer.decode([token]): cells
        for token, cells in zip(pool.answers[0], pool.cells[0], strict=True)
        if cells
    }
    assert pointed == {"Soap": [0, 1], "1": [2], "2": [3]}


def test_reading_out_points_at_every_glyph_in_order() -> None:
    lesson = lessons.drill_lesson(7, 4, 2)
    solid = [i for i, character in enumerate(lesson.answer) if not character.isspace()]
    assert list(lessons.printed_places(lesson)) == solid
    read = "".join(lessons.ALPHABET[int(glyph)] for glyph in lesson.glyphs[:, 2])
    assert read == "".join(lesson.answer.split())


def test_the_pointer_sees_the_attention_of_the_model(tokenizer: PreTrainedTokenizerFast) -> None:
    pupil = teach.new_pupil(SHORT, tokenizer)
    pool = batches.encode_pool(batches.draw_lessons("drill:3x2", 2, 0), tokenizer)
    batch = batches.collate(pool, [0, 1], pool.pixels, pupil.image_id)
    first = int((batch.ids_BL[0] == pupil.image_id).nonzero()[0])
    with torch.no_grad():
        sight.answer_logits(pupil.model, batch)
    loss = pupil.pointers[1].loss(batch, first)
    pupil.model.set_attn_implementation("eager")
    with torch.no_grad():
        attention_BHLL = pupil.model.model(
            input_ids=batch.ids_BL,
            position_ids=batch.positions_3BL,
            mm_encoder_outputs={"image": sight.see(pupil.model, batch.patches_BND, batch.grid)},
            use_cache=False,
            output_attentions=True,
        ).attentions[2]
    right: dict[tuple[int, int], torch.Tensor] = {}
    for page, place, cell in batch.cells:
        weights = attention_BHLL[page, :, place - 1, first + cell]
        right[page, place] = right.get((page, place), torch.zeros(4)) + weights
    expected = -(torch.stack(list(right.values())) + 1e-6).log().mean()
    torch.testing.assert_close(loss, expected)


def test_learning_rate_rises_and_falls() -> None:
    plan = teach.Plan(stages=(teach.Stage(1000, 1, {"read": 1.0}),), warmup=10, cooldown=100)
    assert plan.lr_at(0) == pytest.approx(1e-4)
    assert plan.lr_at(500) == pytest.approx(1e-3)
    assert plan.lr_at(950) == pytest.approx(5e-4)
    assert plan.lr_at(999) == pytest.approx(5e-5)


def test_held_out_pages_are_never_taught() -> None:
    assert max(stage.steps for stage in teach.CURRICULUM.stages) < batches.HELD_OUT
    assert teach.CURRICULUM.pool + teach.CURRICULUM.seed < batches.HELD_OUT


def test_the_new_template_is_not_among_the_lessons() -> None:
    for seed in range(100):
        _, lesson = lessons.document_lesson(seed)
        assert not any(key in lesson.answer for key in ("merchant", "tender", "issued"))


def test_unknown_sources_are_refused() -> None:
    with pytest.raises(ValueError, match="no such source of lessons: 'novel'"):
        batches.draw_lessons("novel", 1, 0)
