"""Samples → one batch: positions, boundaries and answer rows, all computed here on the CPU.

*Padding-free* (the default) lays the samples end to end in one row; each keeps its own positions,
starting at 0, and its boundaries keep the attention inside it. This is not packing: the batch holds
the same samples. *Padded* puts them side by side, filled up on the right; it is the reference that
the other is proven equal to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sightwright.data.dataset import Sample
from sightwright.data.encode import Encoded
from sightwright.data.positions import mrope_positions
from sightwright.data.vision_inputs import vision_inputs
from sightwright.vision import VisionSpec

Layout = Literal["padding_free", "padded"]

Batch = dict[str, Any]
"""One micro-batch: what the model's forward takes (`model_inputs`), and what is said about it.

Both layouts
    input_ids         long [1, T] or [samples, longest]
    answer_ids        long [A]: the supervised tokens
    answer_index      long [A]: the places that predict them, in the flattened `input_ids`
    patches           uint8 [patches of all images, C * p * p]; floats at the model's door
    image_grid_thw    long [images, 3]

Padding-free
    position_ids      long [4, 1, T]: the plain row, by which transformers tells samples apart,
                      above the three of mRoPE
    document_starts   int32 [samples + 1]: where each begins, and the end; longest_document: int
    image_index       long [image tokens]: their places in the row
    vision            see `vision_inputs`

Padded
    attention_mask, mm_token_type_ids    long [samples, longest]

About it
    answer_sources    long [A]: the data set of each supervised token, as an index of `sources`
    answer_kinds      uint8 [A]: what it writes (`TokenKind`); 0 where that is not told apart
    sources           the names of the run's data sets, in the metrics
    lengths           tokens of each sample
    grids             patches of the images of each sample
    places            where each sample stands in its file, for messages
    changes           what training did to the records, counted (`Sample.changes`)
    counts            added by the trainer: False for a stand-in, which another rank learns from
"""

ABOUT = (
    "answer_sources", "answer_kinds", "sources", "lengths", "grids", "places", "changes", "counts",
)  # fmt: skip

OVER_BUDGET = "over_budget"

IntArray = NDArray[np.int64]


def model_inputs(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a batch the model's forward takes."""
    return {key: value for key, value in batch.items() if key not in ABOUT}


@dataclass(frozen=True)
class Collator:
    """Lays samples out as one batch. Runs in the loader's processes.

    Attributes:
        layout: end to end in one row, or side by side.
        pad_id: fills a padded row; never read by the model.
        sources: the names of the run's data sets, in the metrics.
        budget: of tokens, that a batch was planned by. One that augmentation made longer is counted
            among its changes, as `OVER_BUDGET`.
    """

    layout: Layout
    pad_id: int
    spec: VisionSpec
    sources: tuple[str, ...] = ("",)
    budget: int | None = None

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        encoded = [sample.encoded for sample in samples]
        layout = self._padding_free if self.layout == "padding_free" else self._padded
        batch = layout(encoded)
        patches = [patches for sample in samples for patches in sample.patches]
        if patches:
            grids = [grid for each in encoded for grid in each.grids]
            batch["patches"] = torch.cat(patches)
            batch["image_grid_thw"] = torch.tensor(grids)
            if self.layout == "padding_free":
                batch["vision"] = vision_inputs(
                    grids, self.spec.merge_size, self.spec.num_position_embeddings
                )
        batch |= self._about_answers(samples)
        batch["lengths"] = [each.length for each in encoded]
        batch["grids"] = [each.grids for each in encoded]
        batch["places"] = [str(each.place) for each in encoded]
        batch["changes"] = sum((sample.changes for sample in samples), Counter[str]())
        if self.budget is not None and sum(batch["lengths"]) > self.budget:
            batch["changes"][OVER_BUDGET] += 1
        # Keys and values are never reused in training; and with a cache object transformers would
        # not look for the boundaries of a padding-free row: its samples would see each other.
        batch["use_cache"] = False
        return batch

    def _about_answers(self, samples: Sequence[Sample]) -> Batch:
        counts = [len(_answers(sample.encoded)) for sample in samples]
        sources = [self.sources.index(sample.source.name) for sample in samples]
        kinds = [
            kind
            for sample, count in zip(samples, counts, strict=True)
            for kind in sample.answer_kinds or (0,) * count
        ]
        return {
            "answer_sources": torch.from_numpy(np.repeat(np.array(sources), counts)),
            "answer_kinds": torch.tensor(kinds, dtype=torch.uint8),
            "sources": self.sources,
        }

    def _padding_free(self, encoded: Sequence[Encoded]) -> Batch:
        ids = np.concatenate([np.array(each.ids) for each in encoded])
        positions = np.concatenate([self._positions(each) for each in encoded], axis=1)
        lengths = [each.length for each in encoded]
        starts = np.cumsum([0, *lengths])
        of_each = list(zip(starts, encoded, strict=False))
        answers = np.concatenate([start + _answers(each) for start, each in of_each])
        images = [np.arange(span.start, span.stop) + start
                  for start, each in of_each for span in self._image_spans(each)]  # fmt: skip
        return {
            "input_ids": torch.from_numpy(ids)[None],
            "position_ids": torch.from_numpy(positions)[:, None],
            "document_starts": torch.from_numpy(starts.astype(np.int32)),
            "longest_document": max(lengths),
            "answer_index": torch.from_numpy(answers - 1),
            "answer_ids": torch.from_numpy(ids[answers]),
            **({"image_index": torch.from_numpy(np.concatenate(images))} if images else {}),
        }

    def _padded(self, encoded: Sequence[Encoded]) -> Batch:
        shape = (len(encoded), max(each.length for each in encoded))
        ids = np.full(shape, self.pad_id, dtype=np.int64)
        attention = np.zeros(shape, dtype=np.int64)
        is_image = np.zeros(shape, dtype=np.int64)
        for row, each in enumerate(encoded):
            ids[row, : each.length] = each.ids
            attention[row, : each.length] = 1
            for span in self._image_spans(each):
                is_image[row, span] = 1
        answers = [_answers(each) for each in encoded]
        rows = np.repeat(np.arange(len(encoded)), [len(each) for each in answers])
        columns = np.concatenate(answers)
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(attention),
            "mm_token_type_ids": torch.from_numpy(is_image),
            "answer_index": torch.from_numpy(rows * shape[1] + columns - 1),
            "answer_ids": torch.from_numpy(ids[rows, columns]),
        }

    def _positions(self, encoded: Encoded) -> IntArray:
        """[4, length]. Three rows alone would carry no boundaries, and every sample would see those
        before it."""
        plain = np.arange(encoded.length)[None]
        mrope = mrope_positions(
            encoded.length, encoded.image_starts, encoded.grids, self.spec.merge_size
        )
        return np.concatenate([plain, mrope])

    def _image_spans(self, encoded: Encoded) -> list[slice]:
        spans: list[slice] = []
        for start, (frames, rows, columns) in zip(encoded.image_starts, encoded.grids, strict=True):
            spans.append(slice(start, start + frames * rows * columns // self.spec.merge_size**2))
        return spans


def _answers(encoded: Encoded) -> IntArray:
    """Positions of the supervised tokens; token i is predicted at i - 1, so 0 cannot be one."""
    positions = np.flatnonzero(encoded.supervised)
    return positions[positions > 0]


def num_answer_tokens(batch: Mapping[str, Any]) -> int:
    """Supervised tokens of a batch."""
    answer_ids: Tensor = batch["answer_ids"]
    return len(answer_ids)
