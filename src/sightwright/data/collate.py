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

Layout = Literal["padding_free", "padded"]

Batch = dict[str, Any]
"""One micro-batch: the arguments of the model's forward, and the names of `OURS` beside them.

    patches         uint8 [patches of all images, C * p * p]; they become float at the model's door
    answer_rows     long [A]: the batch row of each supervised token
    answer_slots    long [A]: its index in `logits_to_keep`, the positions whose logits are needed
    answer_ids      long [A]: the token to predict there
    places          where each sample stands in its file, for messages
    changes         what training did to the records, counted (`Sample.changes`)
    counts          added by the trainer: False for a stand-in, which another rank learns from
"""

OURS = ("patches", "answer_rows", "answer_slots", "answer_ids", "places", "changes", "counts")

IntArray = NDArray[np.int64]


def model_inputs(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a batch the model's forward takes; pixels are still to be added."""
    return {key: value for key, value in batch.items() if key not in OURS}


@dataclass(frozen=True)
class Collator:
    """Lays samples out as one batch. Runs in the loader's processes.

    Attributes:
        layout: end to end in one row, or side by side.
        pad_id: fills a padded row; never read by the model.
        merge_size: patches per side of one LLM token.
    """

    layout: Layout
    pad_id: int
    merge_size: int

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        encoded = [sample.encoded for sample in samples]
        layout = self._padding_free if self.layout == "padding_free" else self._padded
        batch = layout(encoded)
        patches = [patches for sample in samples for patches in sample.patches]
        if patches:
            grids = [grid for each in encoded for grid in each.grids]
            batch["patches"] = torch.cat(patches)
            batch["image_grid_thw"] = torch.tensor(grids)
        batch["places"] = [str(each.place) for each in encoded]
        batch["changes"] = sum((sample.changes for sample in samples), Counter[str]())
        # Keys and values are never reused in training; and with a cache object transformers would
        # not look for the boundaries of a padding-free row: its samples would see each other.
        batch["use_cache"] = False
        return batch

    def _padding_free(self, encoded: Sequence[Encoded]) -> Batch:
        ids = np.concatenate([np.array(each.ids) for each in encoded])
        positions = np.concatenate([self._positions(each) for each in encoded], axis=1)
        lengths = [each.length for each in encoded]
        starts = np.cumsum([0, *lengths[:-1]])
        answers = [start + _answers(each) for start, each in zip(starts, encoded, strict=True)]
        columns = np.concatenate(answers)
        return {
            "input_ids": torch.from_numpy(ids)[None],
            "position_ids": torch.from_numpy(positions)[:, None],
            "document_lengths": lengths,
            "logits_to_keep": torch.from_numpy(columns - 1),
            "answer_rows": torch.zeros(len(columns), dtype=torch.long),
            "answer_slots": torch.arange(len(columns)),
            "answer_ids": torch.from_numpy(ids[columns]),
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
        needed, slots = np.unique(columns - 1, return_inverse=True)
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(attention),
            "mm_token_type_ids": torch.from_numpy(is_image),
            "logits_to_keep": torch.from_numpy(needed),
            "answer_rows": torch.from_numpy(rows),
            "answer_slots": torch.from_numpy(slots),
            "answer_ids": torch.from_numpy(ids[rows, columns]),
        }

    def _positions(self, encoded: Encoded) -> IntArray:
        """[4, length]: the plain row, by which samples are told apart, above the three of mRoPE.

        Three rows alone would carry no boundaries, and every sample would see those before it.
        """
        plain = np.arange(encoded.length)[None]
        mrope = mrope_positions(
            encoded.length, encoded.image_starts, encoded.grids, self.merge_size
        )
        return np.concatenate([plain, mrope])

    def _image_spans(self, encoded: Encoded) -> list[slice]:
        spans: list[slice] = []
        for start, (frames, rows, columns) in zip(encoded.image_starts, encoded.grids, strict=True):
            spans.append(slice(start, start + frames * rows * columns // self.merge_size**2))
        return spans


def _answers(encoded: Encoded) -> IntArray:
    """Positions of the supervised tokens; token i is predicted at i - 1, so 0 cannot be one."""
    positions = np.flatnonzero(encoded.supervised)
    return positions[positions > 0]


def num_answer_tokens(batch: Mapping[str, Any]) -> int:
    """Supervised tokens of a batch."""
    answer_ids: Tensor = batch["answer_ids"]
    return len(answer_ids)
