"""Sums over answer tokens: by data set and kind, whole when they are put together again."""

import pytest
import torch

from sightwright.model.answer_head import AnswerOutput
from sightwright.tasks.token_kinds import TokenKind
from sightwright.train.telemetry import AnswerSums, answer_metrics, mean_loss, num_tokens

CPU = torch.device("cpu")
D, B, P, L, F = (int(k) for k in (1, 2, 3, 4, 5))


def found(losses: list[float], correct: list[int]) -> AnswerOutput:
    token_losses = torch.tensor(losses)
    return AnswerOutput(token_losses.sum(), token_losses, torch.tensor(correct, dtype=torch.bool))


def batch(sources: list[int], kinds: list[int]) -> dict[str, torch.Tensor]:
    return {
        "answer_sources": torch.tensor(sources),
        "answer_kinds": torch.tensor(kinds, dtype=torch.uint8),
    }


@pytest.fixture
def sums() -> AnswerSums:
    sums = AnswerSums(("bbu", "lvis", "chat"), CPU)
    sums.add(
        found([1.0, 2.0, 3.0, 0.5], [1, 0, 0, 1]),
        batch([0, 0, 0, 1], [D, B, F, 0]),
    )
    sums.add(
        found([4.0, 0.25, 0.25, 1.0], [0, 1, 1, 1]),
        batch([1, 0, 0, 0], [0, P, L, B]),
    )
    return sums


def test_what_a_line_says_by_hand(sums: AnswerSums) -> None:
    metrics = answer_metrics(sums.table.tolist(), sums.sources)
    assert metrics == {
        "token_acc": 5 / 8,
        # bbu: 1 + 2 + 3 + .25 + .25 + 1 over six tokens, of which four are right.
        "bbu_loss": 7.5 / 6,
        "bbu_token_acc": 4 / 6,
        "bbu_desc_token_acc": 1.0,
        # Two boxes (one right), a polygon and a line, both right.
        "bbu_coord_token_acc": 3 / 4,
        "bbu_format_token_acc": 0.0,
        "bbu_bbox_token_acc": 1 / 2,
        "bbu_poly_token_acc": 1.0,
        "bbu_line_token_acc": 1.0,
        "lvis_loss": 4.5 / 2,
        "lvis_token_acc": 1 / 2,
    }


def test_the_data_sets_add_up_to_the_whole(sums: AnswerSums) -> None:
    rows = sums.table.tolist()
    assert num_tokens(rows) == 8
    assert mean_loss(rows) == (7.5 + 4.5) / 8


def test_a_run_of_one_nameless_data_set_has_the_keys_without_a_name() -> None:
    sums = AnswerSums(("",), CPU)
    sums.add(found([1.0, 3.0], [1, 0]), batch([0, 0], [D, F]))
    assert answer_metrics(sums.table.tolist(), sums.sources) == {
        "token_acc": 0.5,
        "desc_token_acc": 1.0,
        "format_token_acc": 0.0,
    }


def test_random_tokens_against_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    names, count = ("a", "b", "c", "d"), 500
    losses = torch.rand(count, generator=generator)
    correct = torch.rand(count, generator=generator) < 0.5
    sources = torch.randint(0, 4, (count,), generator=generator)
    kinds = torch.randint(0, len(TokenKind), (count,), generator=generator)
    sums = AnswerSums(names, CPU)
    for part in torch.arange(count).split(70):
        sums.add(
            found(losses[part].tolist(), correct[part].int().tolist()),
            batch(sources[part].tolist(), kinds[part].tolist()),
        )
    metrics = answer_metrics(sums.table.tolist(), names)
    for index, name in enumerate(names):
        own = sources == index
        assert metrics[f"{name}_loss"] == pytest.approx(losses[own].mean().item(), rel=1e-6)
        for told, members in (("desc", [1]), ("coord", [2, 3, 4]), ("line", [4]), ("format", [5])):
            typed = own & torch.isin(kinds, torch.tensor(members))
            wanted = correct[typed].double().mean().item()
            assert metrics[f"{name}_{told}_token_acc"] == pytest.approx(wanted, rel=1e-12)
    assert mean_loss(sums.table.tolist()) == pytest.approx(losses.double().mean().item())


def test_a_loss_that_is_no_number_stays_in_its_data_set() -> None:
    sums = AnswerSums(("a", "b"), CPU)
    sums.add(found([float("nan"), 2.0], [0, 1]), batch([0, 1], [0, 0]))
    metrics = answer_metrics(sums.table.tolist(), sums.sources)
    assert metrics["b_loss"] == 2.0
    assert metrics["a_token_acc"] == 0.0
    assert metrics["a_loss"] != metrics["a_loss"]


def test_sums_go_on_where_they_were_kept(sums: AnswerSums) -> None:
    kept = sums.as_json()
    again = AnswerSums(("lvis", "new", "bbu"), CPU)
    again.restore(kept)
    assert again.as_json()["bbu"] == kept["bbu"]
    assert again.as_json()["lvis"] == kept["lvis"]
    assert set(again.as_json()["new"]) == {0.0}
    again.clear()
    assert not again.table.any()
