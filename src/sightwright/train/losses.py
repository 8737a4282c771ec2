"""A loss that is no number stops a run before it touches the weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sightwright.errors import SightwrightError

_NUM_PLACES_NAMED = 8


def refuse_non_finite(
    losses: Sequence[Tensor], batches: Sequence[Mapping[str, Any]], step: int
) -> None:
    """Stop before the weights are touched by a loss that is no number, naming the records.

    Args:
        losses: scalars, one a micro-batch.
        step: that was about to be done, from 1.

    Raises:
        SightwrightError: one of them is NaN or infinite.
    """
    finite = torch.isfinite(torch.stack(list(losses))).tolist()
    if all(finite):
        return
    named = [place for ok, batch in zip(finite, batches, strict=True) if not ok
             for place in batch["places"]]  # fmt: skip
    more = len(named) - _NUM_PLACES_NAMED
    tail = f" and {more} more" if more > 0 else ""
    raise SightwrightError(
        f"the loss is not a number at step {step}, in a batch of "
        f"{'; '.join(named[:_NUM_PLACES_NAMED])}{tail}",
        remedy="lower training.learning_rate, and look at these records",
    )
