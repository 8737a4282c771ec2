"""Lessons as the tensors that the tiny model reads: all pages of a batch are of one size."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from sightwright.demo import lessons

PATCH, MERGE = 16, 2
HELD_OUT = 1_000_000_000  # seeds from here on are never taught


@dataclass(frozen=True, slots=True)
class Pool:
    """Lessons of one source in arrays: `pixels` uint8 [n, H, W], the texts as token ids."""

    pixels: np.ndarray
    prompts: list[list[int]]
    answers: list[list[int]]
    texts: list[str]
    kinds: list[str]
    glyphs: list[np.ndarray]
    # For each answer token, the image tokens that its print stands in; none where it has none.
    cells: list[list[list[int]]]


@dataclass(slots=True)
class Batch:
    """What the model reads: patches [B, N, D] (grey), ids [B, L], positions [3, B, L]."""

    patches_BND: Tensor
    ids_BL: Tensor
    positions_3BL: Tensor
    answers_BL: Tensor  # bool: this id is supervised
    grid: tuple[int, int]
    glyphs_BNS: Tensor  # class of each slot of each image token
    # (page, place of the answer token, image token that its print stands in)
    cells: list[tuple[int, int, int]]


def draw_lessons(source: str, count: int, first_seed: int) -> list[lessons.Lesson]:
    """`count` lessons of a source: `drill:3x2` (canvas in 32 px squares), read, extract, form."""
    seeds = range(first_seed, first_seed + count)
    match source.split(":"):
        case ["drill", size]:
            columns, rows = map(int, size.split("x"))
            return [lessons.drill_lesson(seed, columns, rows) for seed in seeds]
        case ["read"]:
            return [lessons.document_lesson(seed)[0] for seed in seeds]
        case ["extract"]:
            return [lessons.document_lesson(seed)[1] for seed in seeds]
        case ["shuffled"]:
            return [lessons.shuffled_lesson(seed) for seed in seeds]
        case ["form"]:
            return [lessons.form_lesson(seed) for seed in seeds]
        case _:
            raise ValueError(f"no such source of lessons: {source!r}")


def encode_pool(drawn: list[lessons.Lesson], tokenizer: PreTrainedTokenizerBase) -> Pool:
    """Tokenise as the product does: the image first, then the instruction, then the answer."""
    height, width = drawn[0].pixels_HW.shape
    num_image_tokens = height * width // (PATCH * MERGE) ** 2
    # One template for all: the question takes the place of a word that no question holds.
    content: Any = [{"type": "image"}, {"type": "text", "text": "QUESTION"}]
    frame = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    frame = str(frame).replace("<|image_pad|>", "<|image_pad|>" * num_image_tokens)
    prompts = [frame.replace("QUESTION", lesson.question) for lesson in drawn]
    answers = [lesson.answer + "<|im_end|>" for lesson in drawn]
    encoded = tokenizer(answers, add_special_tokens=False, return_offsets_mapping=True)
    return Pool(
        pixels=np.stack([lesson.pixels_HW for lesson in drawn]),
        prompts=tokenizer(prompts, add_special_tokens=False)["input_ids"],
        answers=encoded["input_ids"],
        texts=[lesson.answer for lesson in drawn],
        kinds=[lesson.kind for lesson in drawn],
        glyphs=[lesson.glyphs for lesson in drawn],
        cells=[
            answer_cells(lesson, offsets, width // (PATCH * MERGE))
            for lesson, offsets in zip(drawn, encoded["offset_mapping"], strict=True)
        ],
    )


def answer_cells(
    lesson: lessons.Lesson, offsets: list[tuple[int, int]], columns: int
) -> list[list[int]]:
    """For each answer token (its span of characters), the image tokens that its print stands in.

    `columns` counts the image tokens of a row.
    """
    printed = lessons.printed_places(lesson)
    square = PATCH * MERGE
    places = (lesson.glyphs[:, 1] // square * columns + lesson.glyphs[:, 0] // square).astype(int)
    return [
        sorted({int(places[printed[i]]) for i in range(start, end) if i in printed})
        for start, end in offsets
    ]


def patchify(pixels_BHW: np.ndarray) -> Tensor:
    """Grey uint8 pages as patches [B, N, 16 * 16] in Qwen3-VL's order, values in -1..1.

    The patches of one 2 x 2 merge group stand together. `in_colour` makes of them what
    transformers' Qwen2VL image processor returns (tested).
    """
    batch, height, width = pixels_BHW.shape
    rows, columns = height // PATCH, width // PATCH
    values = torch.from_numpy(np.ascontiguousarray(pixels_BHW)).float().div_(127.5).sub_(1.0)
    values = values.view(batch, rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH)
    return values.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, rows * columns, PATCH * PATCH)


def in_colour(patches_BND: Tensor) -> Tensor:
    """Grey patches as the stock model wants them: [B * N, 3 * 2 * 16 * 16]."""
    return patches_BND.flatten(0, 1).repeat(1, 6)


def positions_of(length: int, before: int, rows: int, columns: int) -> Tensor:
    """Qwen3-VL's mRoPE positions [3, length]: `before` text tokens, one image, then text."""
    text = torch.arange(length)
    positions = torch.stack([text, text, text])
    num = rows * columns
    image = torch.arange(num)
    positions[0, before : before + num] = before
    positions[1, before : before + num] = before + image // columns
    positions[2, before : before + num] = before + image % columns
    positions[:, before + num :] -= num - max(rows, columns)
    return positions


def jitter(pixels_BHW: np.ndarray, most_px: int, rng: np.random.Generator) -> np.ndarray:
    """Move each page by up to `most_px`, change its contrast a little, add noise."""
    batch, height, width = pixels_BHW.shape
    padded = np.pad(pixels_BHW, ((0, 0), (most_px, most_px), (most_px, most_px)), mode="edge")
    moved = np.empty_like(pixels_BHW)
    corners = rng.integers(0, 2 * most_px + 1, (batch, 2))
    for i, (y, x) in enumerate(corners):
        moved[i] = padded[i, y : y + height, x : x + width]
    ink = rng.uniform(0.75, 1.0, (batch, 1, 1)).astype(np.float32)
    noise = rng.standard_normal((batch, height, width), dtype=np.float32)
    noise *= rng.uniform(0, 8, (batch, 1, 1)).astype(np.float32)
    return np.clip(255.0 - (255.0 - moved) * ink + noise, 0, 255).astype(np.uint8)


def glyph_targets(glyphs: list[np.ndarray], rows: int, columns: int) -> Tensor:
    """The glyph in the left and in the right half of each image token, [B, N, 2]: 0 for none.

    `rows` and `columns` count image tokens. A glyph is 1 + its place in the alphabet.
    """
    square = PATCH * MERGE
    targets = np.zeros((len(glyphs), rows, columns, 2), dtype=np.int64)
    for page, entries in enumerate(glyphs):
        for x, y, character in entries.tolist():
            row, column = int(y // square), int(x // square)
            if 0 <= row < rows and 0 <= column < columns:
                targets[page, row, column, int(x % square * 2 // square)] = int(character) + 1
    return torch.from_numpy(targets.reshape(len(glyphs), rows * columns, 2))


def collate(pool: Pool, chosen: list[int], pixels_BHW: np.ndarray, image_id: int) -> Batch:
    """The chosen lessons side by side, padded on the right, where a causal model never looks."""
    rows, columns = (side // (PATCH * MERGE) for side in pool.pixels.shape[1:])
    texts = [pool.prompts[i] + pool.answers[i] for i in chosen]
    length = max(map(len, texts))
    ids_BL = torch.zeros((len(chosen), length), dtype=torch.long)
    answers_BL = torch.zeros((len(chosen), length), dtype=torch.bool)
    for row, (i, text) in enumerate(zip(chosen, texts, strict=True)):
        ids_BL[row, : len(text)] = torch.tensor(text)
        answers_BL[row, len(pool.prompts[i]) : len(text)] = True
    positions = positions_of(length, texts[0].index(image_id), rows, columns)
    cells = [
        (row, len(pool.prompts[i]) + place, cell)
        for row, i in enumerate(chosen)
        for place, here in enumerate(pool.cells[i])
        for cell in here
    ]
    return Batch(
        patches_BND=patchify(pixels_BHW),
        ids_BL=ids_BL,
        positions_3BL=positions[:, None].expand(-1, len(chosen), -1),
        answers_BL=answers_BL,
        grid=(rows * MERGE, columns * MERGE),
        glyphs_BNS=glyph_targets([pool.glyphs[i] for i in chosen], rows, columns),
        cells=cells,
    )


@dataclass(frozen=True, slots=True)
class Pools:
    """The pages, drawn when first asked for and kept in `folder` for a resumed run.

    Each source has `taught` pages from `seed` on, and `held_out` ones from `HELD_OUT` on.
    """

    tokenizer: PreTrainedTokenizerBase
    folder: Path
    seed: int
    taught: int
    held_out: int
    encoded: dict[tuple[str, bool], Pool] = field(default_factory=dict[tuple[str, bool], Pool])

    def get(self, source: str, *, held_out: bool = False) -> Pool:
        """The pages of a source."""
        key = (source, held_out)
        if key not in self.encoded:
            count = self.held_out if held_out else self.taught
            first = HELD_OUT if held_out else self.seed
            path = self.folder / f"{source.replace(':', '-')}-{first}-{count}.pickle"
            self.encoded[key] = encode_pool(self._kept(path, source, count, first), self.tokenizer)
        return self.encoded[key]

    def _kept(self, path: Path, source: str, count: int, first: int) -> list[lessons.Lesson]:
        # Only ever a file that this program wrote into the run's own folder.
        if path.exists():
            return pickle.loads(path.read_bytes())
        drawn = draw_lessons(source, count, first)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(drawn))
        partial.replace(path)
        return drawn
