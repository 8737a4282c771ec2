"""What a line of the log says of the answers: loss and accuracy, by data set and by kind of token.

| key | mean over |
|---|---|
| token_acc | all answer tokens |
| bbu_loss, bbu_token_acc | those of the data set bbu |
| bbu_desc_token_acc, …coord…, …format… | those of a kind (`custom.token_type_metrics`) |
| bbu_bbox_token_acc, …poly…, …line… | the coordinates of a kind of shape |

Sums are kept on the device and added up over the processes when a line is due, so that all of them
see the same numbers. A run of one data set without a name has the keys without a name; its loss is
the run's. What no token was of is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sightwright.model.answer_head import AnswerOutput
from sightwright.tasks.token_kinds import COORDINATES, TokenKind

# Columns of the table: loss, tokens, correct, and tokens and correct of each kind.
_LOSS, _TOKENS, _CORRECT, _KINDS = 0, 1, 2, 3
_TOLD: dict[str, tuple[TokenKind, ...]] = {
    "desc": (TokenKind.DESC,),
    "coord": COORDINATES,
    "format": (TokenKind.FORMAT,),
    "bbox": (TokenKind.BBOX,),
    "poly": (TokenKind.POLY,),
    "line": (TokenKind.LINE,),
}
KINDS_TOLD = tuple(_TOLD)
"""Kinds of tokens by the names that the log has for them."""

_NUM_COLUMNS = _KINDS + 2 * (len(TokenKind) - 1)

Table = Sequence[Sequence[float]]
"""A row for each data set."""


class AnswerSums:
    """Sums over answer tokens.

    Attributes:
        table: fp64 [data sets, columns].
    """

    def __init__(self, sources: Sequence[str], device: torch.device) -> None:
        self.sources = tuple(sources)
        self.table = torch.zeros(
            (len(self.sources), _NUM_COLUMNS), dtype=torch.float64, device=device
        )

    def add(self, found: AnswerOutput, batch: Mapping[str, Any]) -> None:
        """Add the tokens of a batch; nothing waits for the device."""
        assert found.token_losses is not None and found.is_correct is not None
        columns_CA = _columns(found.token_losses, found.is_correct, batch["answer_kinds"])
        rows = torch.arange(len(self.sources), device=self.table.device)
        is_of_SA = batch["answer_sources"] == rows[:, None]
        # Not a product: a loss that is no number is that of its own data set alone.
        self.table += torch.where(is_of_SA[:, None], columns_CA, 0.0).sum(-1)

    def clear(self) -> None:
        self.table = torch.zeros_like(self.table)

    def as_json(self) -> dict[str, list[float]]:
        return dict(zip(self.sources, self.table.tolist(), strict=True))

    def restore(self, rows: Mapping[str, Sequence[float]]) -> None:
        """Go on from what `as_json` gave; a data set that it lacks starts at 0."""
        none = [0.0] * _NUM_COLUMNS
        known = [list(rows.get(name, none)) for name in self.sources]
        self.table = torch.tensor(known, dtype=torch.float64, device=self.table.device)


def _columns(losses: Tensor, is_correct: Tensor, kinds: Tensor) -> Tensor:
    """fp64 [columns, A]: what each token adds to each column of its data set."""
    told = torch.arange(1, len(TokenKind), device=kinds.device, dtype=kinds.dtype)
    is_of_KA = kinds == told[:, None]
    by_kind = torch.stack([is_of_KA, is_of_KA & is_correct], dim=1).flatten(0, 1)
    whole = torch.stack([losses.double(), torch.ones_like(losses).double(), is_correct.double()])
    return torch.cat([whole, by_kind.double()])


def num_tokens(table: Table) -> float:
    return sum(row[_TOKENS] for row in table)


def mean_loss(table: Table) -> float:
    """Over all answer tokens."""
    return sum(row[_LOSS] for row in table) / num_tokens(table)


def answer_metrics(table: Table, sources: Sequence[str]) -> dict[str, float]:
    """What the log says, by keys without their namespace."""
    found = {"token_acc": sum(row[_CORRECT] for row in table) / num_tokens(table)}
    for name, row in zip(sources, table, strict=True):
        if not row[_TOKENS]:
            continue
        if name:
            found[f"{name}_loss"] = row[_LOSS] / row[_TOKENS]
            found[f"{name}_token_acc"] = row[_CORRECT] / row[_TOKENS]
        found |= _by_kind(f"{name}_" if name else "", row)
    return found


def _by_kind(prefix: str, row: Sequence[float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for told, kinds in _TOLD.items():
        first = [_KINDS + 2 * (kind - 1) for kind in kinds]
        tokens, correct = sum(row[i] for i in first), sum(row[i + 1] for i in first)
        if tokens:
            found[f"{prefix}{told}_token_acc"] = correct / tokens
    return found
