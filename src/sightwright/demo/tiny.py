"""Builds the packaged tiny model: a real Qwen3-VL in small, with a tokenizer of our own.

Stock `Qwen3VLForConditionalGeneration` (ViT, merger, DeepStack, interleaved mRoPE, grouped-query
attention, tied head) of under three million parameters, so that every test and the demo run on two
cores without a hub.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from sightwright.demo import lessons
from sightwright.draw.documents import KINDS, NEW_TEMPLATE, TEMPLATES, draw_document
from sightwright.draw.words import FORM_LABELS

FOLDER = Path(__file__).parent / "tiny"

SPECIAL_TOKENS: tuple[str, ...] = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
VOCABULARY_SIZE = 1536

# Qwen2's pre-tokenizer: contractions, words, single digits, punctuation, line ends, spaces.
PRETOKENIZER = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = """\
{%- for turn in messages -%}
{{- '<|im_start|>' ~ turn.role ~ '\\n' -}}
{%- if turn.content is string -%}
{{- turn.content -}}
{%- else -%}
{%- for part in turn.content -%}
{%- if part.type in ('image', 'image_url') -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
{%- elif part.type == 'video' -%}
{{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
{%- elif part.type == 'text' -%}
{{- part.text -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- endif -%}"""

# A drawn page of 256 x 256 px: 65,536 are 64 image tokens.
MIN_PIXELS, MAX_PIXELS = 1024, 65536


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE over the drawn pages: closed words and JSON syntax are single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZER), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=[
            t for t in SPECIAL_TOKENS if t not in ("<|im_end|>", "<|endoftext|>")
        ],
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _texts() -> Iterator[str]:
    """The corpus of the tokenizer, the same on every machine."""
    rng = random.Random("tokenizer")
    for word in lessons.vocabulary():
        # As a value after a quote or a line end, and after a space.
        yield "\n".join([word, f"x {word}"] * 60)
    keys = [*lessons.UNTAUGHT_KEYS, *(key for key, _ in FORM_LABELS)]
    for key in keys:
        yield "\n".join([f"{key}, {key}.\n"] * 60)
    for seed in range(600):
        for kind in KINDS:
            document = draw_document(kind, TEMPLATES[kind][seed % 3], seed)
            yield lessons.phrase(kind, list(document.label), rng)
            yield "\n".join(document.lines)
            yield lessons.compact(document.label)
        new = draw_document("receipt", NEW_TEMPLATE, seed)
        yield "\n".join(new.lines)
        yield lessons.compact(new.label)
        form = lessons.form_lesson(seed)
        yield form.question
        yield form.answer


def build_config(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLConfig:
    """The shape of the tiny model; sizes are counted in its README."""
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 4096,
        # transformers' default of 0.02 never left the guessing plateau in our trials.
        "initializer_range": 0.07,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            # In frequency pairs: 6 for time, 5 each for height and width; 16 = head_dim / 2.
            "mrope_section": [6, 5, 5],
            "mrope_interleaved": True,
        },
        "tie_word_embeddings": True,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }
    vision: dict[str, Any] = {
        "depth": 3,
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_heads": 4,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": 128,
        # 16 x 16: one place a patch of the 256 x 256 px page.
        "num_position_embeddings": 256,
        "deepstack_visual_indexes": [0, 1],
        "initializer_range": 0.07,
    }
    ids: Any = tokenizer.convert_tokens_to_ids
    # transformers takes the token ids by keyword and does not declare them.
    special: dict[str, Any] = {
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    return Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=True,
        **special,
    )


def build_model(config: Qwen3VLConfig, seed: int) -> Qwen3VLForConditionalGeneration:
    """The untaught model, in fp32, the same for the same seed."""
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(config)
    text_config = config.get_text_config()
    model.generation_config.eos_token_id = text_config.eos_token_id
    model.generation_config.pad_token_id = text_config.pad_token_id
    model.generation_config.do_sample = False
    return model.float()


def processor_files() -> dict[str, dict[str, Any]]:
    """The image and video processor settings, in the shape of a Qwen3-VL folder."""
    shared: dict[str, Any] = {
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "size": {"shortest_edge": MIN_PIXELS, "longest_edge": MAX_PIXELS},
        "processor_class": "Qwen3VLProcessor",
    }
    return {
        "preprocessor_config.json": shared | {"image_processor_type": "Qwen2VLImageProcessorFast"},
        "video_preprocessor_config.json": shared
        | {"video_processor_type": "Qwen3VLVideoProcessor"},
    }


def save_folder(
    folder: Path, model: Qwen3VLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast
) -> None:
    """Write a model folder that the ordinary `from_pretrained` calls load."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    # A Qwen3-VL folder names this class; without it AutoProcessor returns a bare tokenizer.
    settings["processor_class"] = "Qwen3VLProcessor"
    write_json(path, settings)
    for name, content in processor_files().items():
        write_json(folder / name, content)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write through a neighbour and a rename: a reader never sees half a file."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
