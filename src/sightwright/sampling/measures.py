"""What records cost before they are opened: tokens of the LLM, work of the vision encoder."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# Patches of an image at which attention among them costs as much as all matrices. Qwen3-VL's
# encoders have it at 6,700 (4B: 331 million weights a patch, 24 layers of 1024) and 7,300 (8B).
_ATTENTION_PATCHES = 7000


def vision_work(num_patches: int) -> int:
    """The encoder's work on one image, in patches of an image that is small.

    >>> vision_work(700), vision_work(7000)
    (770, 14000)
    """
    return num_patches + num_patches**2 // _ATTENTION_PATCHES


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Of each record.

    Attributes:
        tokens: [records], of the LLM, image tokens included; the most that may come.
        vision: [records], `vision_work` of all its images.
    """

    tokens: Ints
    vision: Ints

    @classmethod
    def of(cls, tokens: Sequence[int], vision: Sequence[int]) -> "Measures":
        return cls(np.array(tokens, dtype=np.int64), np.array(vision, dtype=np.int64))

    @classmethod
    def of_pairs(cls, pairs: Sequence[tuple[int, int]]) -> "Measures":
        """From the tokens and the vision work of each record."""
        return cls.of([tokens for tokens, _ in pairs], [vision for _, vision in pairs])

    @classmethod
    def joined(cls, parts: "Sequence[Measures]") -> "Measures":
        """One after another."""
        none = np.zeros(0, dtype=np.int64)
        return cls(
            np.concatenate([none, *(part.tokens for part in parts)]),
            np.concatenate([none, *(part.vision for part in parts)]),
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, records: NDArray[np.integer]) -> "Measures":
        return Measures(self.tokens[records], self.vision[records])

    def sum_tokens(self, records: NDArray[np.integer]) -> int:
        return int(self.tokens[records].sum())

    @property
    def digest(self) -> str:
        """Of the numbers, in whatever byte order this machine has them."""
        found = hashlib.blake2b(digest_size=16)
        for values in (self.tokens, self.vision):
            found.update(values.astype("<i8").tobytes())
        return found.hexdigest()


MeasuresOf = Callable[[int], Measures]
"""Epoch → the measures of its records, by their place in the epoch."""
