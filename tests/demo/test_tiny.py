"""The packaged tiny model: a folder like any Qwen3-VL's, small, with a tokenizer that fits JSON."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    Qwen3VLForConditionalGeneration,
)

from sightwright.demo import lessons, tiny
from sightwright.draw.documents import NEW_TEMPLATE, TEMPLATES, draw_document


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny.FOLDER)


def pieces(tokenizer: PreTrainedTokenizerBase, text: str) -> list[str]:
    return [tokenizer.decode([token]) for token in tokenizer.encode(text)]


def test_folder_is_small_and_whole() -> None:
    files = {path.name: path.stat().st_size for path in tiny.FOLDER.iterdir()}
    assert sum(files.values()) <= 16_000_000
    assert {
        "README.md",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "video_preprocessor_config.json",
    } <= set(files)


def test_special_tokens_are_single_and_survive_loading(tokenizer: PreTrainedTokenizerBase) -> None:
    for token in tiny.SPECIAL_TOKENS:
        assert tokenizer.encode(token) == [tokenizer.convert_tokens_to_ids(token)]
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")


def test_digits_are_single_and_json_syntax_is_merged(tokenizer: PreTrainedTokenizerBase) -> None:
    text = '{"date":"2024-04","items":[{"name":"Soap","qty":4,"price":5.26}],"total":null}'
    assert pieces(tokenizer, text) == [
        '{"', "date", '":"', "2", "0", "2", "4", "-", "0", "4", '","', "items", '":[{"', "name",
        '":"', "Soap", '","', "qty", '":', "4", ',"', "price", '":', "5", ".", "2", "6", '}],"',
        # `null` is rare in what the tokenizer was trained on, and stays in letters.
        "total", '":', "n", "u", "l", "l", "}",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", " a  b\n\nc ", "Größe 4.07 €", "发票", "\t{}\r\n", "a\u0301"])
def test_round_trip(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    # NFC: the last of these comes back as one letter.
    assert tokenizer.decode(tokenizer.encode(text)) == text.replace("a\u0301", "á")


def test_every_printed_word_is_one_token(tokenizer: PreTrainedTokenizerBase) -> None:
    for word in lessons.vocabulary():
        assert len(tokenizer.encode(word)) == 1, word
        assert len(tokenizer.encode(f" {word}")) == 1, word


def test_answers_stay_under_90_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    for template in (*TEMPLATES["receipt"], NEW_TEMPLATE):
        for seed in range(50):
            label = draw_document("receipt", template, seed).label
            assert len(tokenizer.encode(lessons.compact(label))) < 90


def test_chat_template(tokenizer: PreTrainedTokenizerBase) -> None:
    content = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "Read the page."}]
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": content},
        {"role": "assistant", "content": "Soap 4"},
    ]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Read the page.<|im_end|>\n"
        "<|im_start|>assistant\nSoap 4<|im_end|>\n"
    )
    asked = tokenizer.apply_chat_template(turns[:2], tokenize=False, add_generation_prompt=True)
    assert str(asked).endswith("<|im_end|>\n<|im_start|>assistant\n")


def test_image_processor_gives_64_tokens_for_a_page() -> None:
    processor = AutoImageProcessor.from_pretrained(tiny.FOLDER)
    page = lessons.to_image(lessons.render(draw_document("receipt", "receipt/till", 0).pdf))
    out = processor([page], return_tensors="pt")
    assert out["image_grid_thw"].tolist() == [[1, 16, 16]]
    assert tuple(out["pixel_values"].shape) == (256, 3 * 2 * 16 * 16)


def test_weights_load_and_read_a_page(tokenizer: PreTrainedTokenizerBase) -> None:
    model = Qwen3VLForConditionalGeneration.from_pretrained(tiny.FOLDER)
    assert model.dtype == torch.float32
    assert sum(p.numel() for p in model.parameters()) < 4_000_000
    processor = AutoImageProcessor.from_pretrained(tiny.FOLDER)
    document = draw_document("bill_of_lading", "bill_of_lading/list", 2_000_000)
    images = processor([lessons.to_image(lessons.render(document.pdf))], return_tensors="pt")
    content = [{"type": "image"}, {"type": "text", "text": lessons.EXTRACT}]
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    prompt = str(prompt).replace("<|image_pad|>", "<|image_pad|>" * 64)
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    written = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=(ids == model.config.image_token_id).long(),
        max_new_tokens=90,
        **images,
    )
    answer = tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)
    assert list(json.loads(answer)) == list(document.label)
