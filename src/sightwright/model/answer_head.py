"""The head on answer rows alone: cross-entropy in chunks, never all logits at once.

A batch of 8,000 tokens with 152,000 words would hold 5 GB of fp32 logits, and the prompt's are
never looked at. Gradients of the head are computed along with the loss where the weight is a plain
one: the loss is a sum, so what flows back is a factor, and nothing is computed twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear
from torch.utils.checkpoint import checkpoint
from transformers.utils.generic import ModelOutput

from sightwright.model.shards import is_plain

# Logits of a chunk: 2**26 fp32 numbers are 256 MB, and 441 rows of Qwen3's vocabulary.
_CHUNK = 2**26


@dataclass
class AnswerOutput(ModelOutput):
    """What a model says of the answers in a batch.

    Attributes:
        total: scalar with a gradient: the cross-entropy summed over the answer tokens, in fp32.
        token_losses: fp32 [A], of each answer token; no gradient.
        is_correct: bool [A]: greedy decoding would have chosen this token.
    """

    total: Tensor | None = None
    token_losses: Tensor | None = None
    is_correct: Tensor | None = None


def score_answers(
    head: nn.Module, hidden_AH: Tensor, answer_ids: Tensor, chunk: int = _CHUNK
) -> AnswerOutput:
    """Cross-entropy of each answer token.

    Args:
        head: from hidden states to logits.
        hidden_AH: [answer tokens, width], at the positions that predict them.
        answer_ids: long [answer tokens].
        chunk: logits held at once.
    """
    rows = max(1, chunk // _vocabulary(head))
    if is_plain(head):
        total, losses, correct = _SummedLoss.apply(
            hidden_AH, head.weight, answer_ids, rows, torch.is_grad_enabled()
        )
        return AnswerOutput(total, losses, correct)
    parts = zip(hidden_AH.split(rows), answer_ids.split(rows), strict=True)
    losses, correct = zip(*(_checkpointed(head, *part) for part in parts), strict=True)
    token_losses = torch.cat(losses)
    return AnswerOutput(token_losses.sum(), token_losses.detach(), torch.cat(correct))


def _vocabulary(head: nn.Module) -> int:
    size: int = head.out_features  # type: ignore[assignment]
    return size


def _checkpointed(head: nn.Module, hidden: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    def scored(hidden: Tensor) -> tuple[Tensor, Tensor]:
        logits = head(hidden).float()
        return cross_entropy(logits, ids, reduction="none"), logits.detach().argmax(-1) == ids

    if not torch.is_grad_enabled():
        return scored(hidden)
    return checkpoint(scored, hidden, use_reentrant=False)


class _SummedLoss(torch.autograd.Function):
    """Sum of the cross-entropy of `hidden @ weight.T`, with the gradients of both."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, ids: Tensor, rows: int, learns: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        wants_hidden, wants_weight = (learns and wanted for wanted in ctx.needs_input_grad[:2])
        grad_hidden = torch.empty_like(hidden) if wants_hidden else None
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if wants_weight else None
        losses: list[Tensor] = []
        correct: list[Tensor] = []
        for start in range(0, len(ids), rows):
            h, i = hidden[start : start + rows], ids[start : start + rows, None]
            logits = linear(h, weight).float()
            normaliser = logits.logsumexp(-1, keepdim=True)
            losses.append((normaliser - logits.gather(1, i))[:, 0])
            correct.append(logits.argmax(-1) == i[:, 0])
            if not (wants_hidden or wants_weight):
                continue
            # The gradient of the sum by the logits: softmax, less 1 at the answer.
            grad = logits.sub_(normaliser).exp_()
            grad = grad.scatter_add_(1, i, grad.new_full((1, 1), -1.0).expand_as(i)).to(h.dtype)
            if grad_hidden is not None:
                grad_hidden[start : start + rows] = grad @ weight
            if grad_weight is not None:
                grad_weight += grad.T @ h
        token_losses, is_correct = torch.cat(losses), torch.cat(correct)
        ctx.save_for_backward(
            grad_hidden, None if grad_weight is None else grad_weight.to(weight.dtype)
        )
        ctx.mark_non_differentiable(token_losses, is_correct)
        return token_losses.sum(), token_losses, is_correct

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any, grad: Tensor, *_: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        hidden, weight = ctx.saved_tensors
        return (
            None if hidden is None else hidden * grad,
            None if weight is None else weight * grad,
            None,
            None,
            None,
        )
