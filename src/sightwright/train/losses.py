"""The loss of supervised fine-tuning: cross-entropy on the answer tokens, summed."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
