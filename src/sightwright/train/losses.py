"""The loss of supervised fine-tuning: cross-entropy on the answer tokens, summed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sightwright.errors import SightwrightError

_NUM_PLACES_NAMED = 8


@dataclass(frozen=True)
class AnswerLoss:
    """Sums over the answer tokens of one batch, to be divided by the tokens of the whole step.

    Attributes:
        total: scalar with a gradient.
        num_correct: scalar: tokens that greedy decoding would have chosen.
    """

    total: Tensor
    num_correct: Tensor


def answer_loss(logits_AV: Tensor, answer_ids: Tensor) -> AnswerLoss:
    """Cross-entropy in fp32, whatever the logits are in.

    Args:
        logits_AV: [answer tokens, vocabulary], at the positions that predict them.
        answer_ids: long [answer tokens].
    """
    total = torch.nn.functional.cross_entropy(logits_AV.float(), answer_ids, reduction="sum")
    num_correct = (logits_AV.detach().argmax(-1) == answer_ids).sum()
    return AnswerLoss(total, num_correct)


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
