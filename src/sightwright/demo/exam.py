"""What the tiny model reads of pages that it was never taught, by kind and by defect.

    python -m sightwright.demo.exam [FOLDER]      # the packaged weights by default

Answers are written by plain greedy decoding, no grammar. A field is a leaf of the label, such as
`items[1].price`; it is right when the answer holds the same value at the same place.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen3VLForConditionalGeneration

from sightwright.demo import lessons, tiny
from sightwright.demo.batches import HELD_OUT, encode_pool, in_colour, patchify
from sightwright.draw.documents import (
    DEFECTS,
    KINDS,
    NEW_TEMPLATE,
    TEMPLATES,
    Defect,
    Document,
    Kind,
    draw_document,
)

MOST_TOKENS = 100


def leaves(value: Any, place: str = "") -> dict[str, Any]:
    """{"a": [{"b": 1}]} → {".a[0].b": 1}; null and missing are the same: no leaf."""
    if isinstance(value, dict):
        parts = [leaves(entry, f"{place}.{key}") for key, entry in value.items()]
    elif isinstance(value, list):
        parts = [leaves(entry, f"{place}[{i}]") for i, entry in enumerate(value)]
    else:
        return {} if value is None else {place: value}
    return {key: entry for part in parts for key, entry in part.items()}


def parse(answer: str) -> dict[str, Any]:
    """The fields of an answer; none of one that is not a JSON object."""
    try:
        value = json.loads(answer)
    except json.JSONDecodeError:
        return {}
    return leaves(value) if isinstance(value, dict) else {}


def field_scores(answers: list[str], labels: list[dict[str, Any]]) -> dict[str, float]:
    """Micro F1 over the fields, and the share of documents that are wholly right."""
    hits = given = wanted = whole = 0
    for answer, label in zip(answers, labels, strict=True):
        read, truth = parse(answer), leaves(label)
        hits += sum(read.get(place) == value for place, value in truth.items())
        given += len(read)
        wanted += len(truth)
        whole += read == truth
    return {"fields": 2 * hits / max(1, given + wanted), "documents": whole / len(labels)}


@torch.no_grad()
def read_documents(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    documents: list[Document],
    question: str = lessons.EXTRACT,
) -> list[str]:
    """Greedy answers of a Qwen3-VL, 32 documents at a time (one question: no padding is needed)."""
    no_glyphs = np.empty((0, 3), dtype=np.float32)
    drawn = [
        lessons.Lesson(lessons.render(document.pdf), question, "", document.kind, no_glyphs)
        for document in documents
    ]
    pool = encode_pool(drawn, tokenizer)
    answers: list[str] = []
    for first in range(0, len(documents), 32):
        prompts = torch.tensor(pool.prompts[first : first + 32])
        written = model.generate(
            input_ids=prompts,
            attention_mask=torch.ones_like(prompts),
            mm_token_type_ids=(prompts == model.config.image_token_id).long(),
            pixel_values=in_colour(patchify(pool.pixels[first : first + 32])),
            image_grid_thw=torch.tensor([[1, 16, 16]] * len(prompts)),
            max_new_tokens=MOST_TOKENS,
            do_sample=False,
        )
        ends = written[:, prompts.shape[1] :]
        answers += tokenizer.batch_decode(ends, skip_special_tokens=True)
    return answers


def held_out(
    kind: Kind, templates: tuple[str, ...], count: int, defects: tuple[Defect, ...]
) -> list[Document]:
    """Documents of seeds that teaching never draws."""
    first = HELD_OUT + 10_000
    return [
        draw_document(kind, templates[i % len(templates)], first + i, defects=defects)
        for i in range(count)
    ]


def examine(folder: Path, count: int) -> dict[str, dict[str, float]]:
    """{kind, or kind + defect: scores}; the new template too, which the base cannot know."""
    model = Qwen3VLForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    papers: dict[str, list[Document]] = {}
    for kind in KINDS:
        papers[kind] = held_out(kind, TEMPLATES[kind], count, ())
        for defect in DEFECTS:
            papers[f"{kind}, {defect}"] = held_out(kind, TEMPLATES[kind], count, (defect,))
    papers[f"{NEW_TEMPLATE}, untaught"] = held_out("receipt", (NEW_TEMPLATE,), count, ())
    return {
        paper: field_scores(read_documents(model, tokenizer, documents), labels_of(documents))
        for paper, documents in papers.items()
    }


def report(scores: dict[str, dict[str, float]]) -> str:
    """The scores as a table."""
    lines = [f"{'held-out pages':<30}{'fields F1':>10}{'documents':>11}"]
    for paper, score in scores.items():
        lines.append(f"{paper:<30}{score['fields']:>10.3f}{score['documents']:>11.3f}")
    return "\n".join(lines)


def labels_of(documents: list[Document]) -> list[dict[str, Any]]:
    """The labels alone."""
    return [document.label for document in documents]


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=tiny.FOLDER)
    parser.add_argument("--count", type=int, default=96)
    options = parser.parse_args(arguments)
    print(report(examine(options.folder, options.count)))


if __name__ == "__main__":
    main()
