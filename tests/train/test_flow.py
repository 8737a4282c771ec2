"""The run's plan from transformers' arguments: by number, by length, by tokens."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import TrainingArguments

from sightwright.data.dataset import TrainingRecords
from sightwright.data.encode import Encoded
from sightwright.sampling.measures import Measures
from sightwright.sampling.plan import BatchPlan, Pick
from sightwright.sampling.token_plan import TokenBatches, TokenPlan
from sightwright.train.flow import plan_of


class Ten(TrainingRecords):
    """Ten records of 1 to 10 tokens."""

    @property
    def digest(self) -> str:
        return "ten"

    def __len__(self) -> int:
        return 10

    def __getitem__(self, pick: Pick | int) -> Any:
        raise NotImplementedError

    def encode(self, index: int) -> Encoded:
        raise NotImplementedError

    def measures(self, epoch: int) -> Measures:
        return Measures(np.arange(1, 11), np.zeros(10, dtype=np.int64))

    def longest(self) -> tuple[int, str]:
        return 10, "ten"


def arguments(tmp_path: Path, **changes: Any) -> TrainingArguments:
    given = {
        "output_dir": str(tmp_path),
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "num_train_epochs": 2,
        "seed": 7,
        "use_cpu": True,
        "report_to": [],
    }
    return TrainingArguments(**{**given, **changes})


def test_by_number_as_ever(tmp_path: Path) -> None:
    plan = plan_of(arguments(tmp_path), Ten())
    assert isinstance(plan, BatchPlan)
    assert (plan.batch_size, plan.batches_per_step, plan.num_steps) == (2, 2, 6)
    assert plan.records_per_step == 4
    assert plan.strategy == "random"
    assert plan.facts() == {
        "num_records": 10, "batch_size": 2, "batches_per_step": 2, "seed": 7, "drop_last": False,
        "strategy": "random", "lengths": "",
    }  # fmt: skip


def test_by_length(tmp_path: Path) -> None:
    plan = plan_of(arguments(tmp_path, train_sampling_strategy="group_by_length"), Ten())
    assert isinstance(plan, BatchPlan)
    pairs = {tuple(sorted(batch)) for index in range(3) for batch in plan.step(index).batches}
    assert pairs == {(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)}
    assert plan.facts()["lengths"] == Ten().measures(0).digest


def test_by_tokens(tmp_path: Path) -> None:
    args = arguments(tmp_path, data_seed=3)
    plan = plan_of(args, Ten(), TokenBatches(budget=20))
    assert isinstance(plan, TokenPlan)
    # Where the YAML gives no effective batch size: 2 records times 2 micro-batches.
    assert (plan.effective_batch_size, plan.budget, plan.seed, plan.num_steps) == (4, 20, 3, 6)
    own = plan_of(args, Ten(), TokenBatches(budget=20, effective_batch_size=5))
    assert (own.records_per_step, own.steps_per_epoch, own.num_steps) == (5, 2, 4)
    assert plan_of(arguments(tmp_path, max_steps=9), Ten(), TokenBatches(20)).num_steps == 9
    assert own.facts()["budget"] == 20
    assert "batch_size" not in own.facts()


@pytest.mark.parametrize("tokens", [None, TokenBatches(20)])
def test_records_as_they_stand(tmp_path: Path, tokens: TokenBatches | None) -> None:
    args = arguments(tmp_path, train_sampling_strategy="sequential")
    plan = plan_of(args, Ten(), tokens)
    learnt = [
        record
        for step in range(3)
        for share in plan.step(step).share(0, 1)
        for record in share.records
    ]
    assert sorted(learnt[:4]) == [0, 1, 2, 3]
    assert sorted(learnt) == list(range(10))
