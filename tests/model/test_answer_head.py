"""The head on answer rows against cross-entropy over all logits."""

import pytest
import torch
from torch import Tensor, nn

from sightwright.model.answer_head import AnswerOutput, score_answers

WIDTH, WORDS, ANSWERS = 16, 37, 23


@pytest.fixture
def hidden() -> Tensor:
    return torch.randn(ANSWERS, WIDTH, generator=torch.manual_seed(1))


@pytest.fixture
def ids() -> Tensor:
    return torch.randint(WORDS, (ANSWERS,), generator=torch.manual_seed(2))


@pytest.fixture
def head() -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(WIDTH, WORDS, bias=False)


def by_all_logits(head: nn.Module, hidden: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    logits = head(hidden)
    return torch.nn.functional.cross_entropy(logits, ids, reduction="none"), logits.argmax(-1)


def scored(head: nn.Module, hidden: Tensor, ids: Tensor, chunk: int) -> AnswerOutput:
    """The loss a third, so that the factor that flows back is seen."""
    head.zero_grad()
    output = score_answers(head, hidden, ids, chunk)
    (output.total / 3).backward()
    return output


@pytest.mark.parametrize("rows", [1, 5, 23, 100])
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "with a hook"])
def test_loss_and_gradients_are_those_of_all_logits(
    head: nn.Linear, hidden: Tensor, ids: Tensor, rows: int, wrapped: bool
) -> None:
    reference = hidden.clone().requires_grad_()
    losses, chosen = by_all_logits(head, reference, ids)
    (losses.sum() / 3).backward()
    assert head.weight.grad is not None
    expected = head.weight.grad.clone()
    if wrapped:
        head.register_forward_hook(lambda *_: None)
    leaf = hidden.clone().requires_grad_()
    output = scored(head, leaf, ids, rows * WORDS)
    torch.testing.assert_close(output.total, losses.sum().detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(output.token_losses, losses.detach(), rtol=1e-5, atol=1e-6)
    assert output.is_correct.tolist() == (chosen == ids).tolist()
    torch.testing.assert_close(leaf.grad, reference.grad, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(head.weight.grad, expected, rtol=1e-5, atol=1e-6)


def test_a_frozen_head_passes_gradients_on_and_keeps_none(
    head: nn.Linear, hidden: Tensor, ids: Tensor
) -> None:
    head.requires_grad_(False)
    leaf = hidden.clone().requires_grad_()
    scored(head, leaf, ids, 4 * WORDS)
    assert leaf.grad is not None and head.weight.grad is None


def test_bfloat16_is_added_up_in_fp32(head: nn.Linear, hidden: Tensor, ids: Tensor) -> None:
    half = head.bfloat16()
    leaf = hidden.bfloat16().requires_grad_()
    output = scored(half, leaf, ids, 5 * WORDS)
    assert output.total.dtype == output.token_losses.dtype == torch.float32
    exact = torch.nn.functional.cross_entropy(half(leaf).float(), ids, reduction="sum")
    torch.testing.assert_close(output.total, exact.detach(), rtol=1e-6, atol=0)
    assert leaf.grad is not None and leaf.grad.dtype == torch.bfloat16


def test_autocast_gives_the_gradient_in_the_format_of_each(
    head: nn.Linear, hidden: Tensor, ids: Tensor
) -> None:
    """Mixed precision: fp32 weights, bfloat16 arithmetic."""
    leaf = hidden.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        output = score_answers(head, leaf, ids, 5 * WORDS)
        expected = torch.nn.functional.cross_entropy(head(leaf).float(), ids, reduction="sum")
    output.total.backward()
    assert leaf.grad is not None and leaf.grad.dtype == torch.float32
    assert head.weight.grad is not None and head.weight.grad.dtype == torch.float32
    torch.testing.assert_close(output.total, expected.detach(), rtol=1e-6, atol=0)


def test_without_gradients_nothing_is_kept_for_them(
    head: nn.Linear, hidden: Tensor, ids: Tensor
) -> None:
    with torch.no_grad():
        output = score_answers(head, hidden, ids, 5 * WORDS)
    assert output.total.grad_fn is None
    losses, _ = by_all_logits(head, hidden, ids)
    torch.testing.assert_close(output.token_losses, losses.detach(), rtol=1e-5, atol=1e-6)
