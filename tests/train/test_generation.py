"""Held-out records are asked in evaluation what they are asked in training."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from torch import nn

from sightwright.chat import ChatTokenizer
from sightwright.config.load import load_text
from sightwright.data.encode import Arrange, Encoder
from sightwright.data.training_sets import HeldOut, open_sets
from sightwright.infer.fake import FakeEngine
from sightwright.jsonl import write_all
from sightwright.tasks.irrelevant import irrelevant_template
from sightwright.train.generation import Examiner, MarkInspection
from sightwright.vision import VisionSpec

NUM_PICTURES = 12


@pytest.fixture
def irrelevant(tmp_path: Path, tokenizer: ChatTokenizer, spec: VisionSpec) -> Callable[[], HeldOut]:
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    for number in range(NUM_PICTURES):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    size = {"width": 32, "height": 32, "summary": "无关图片"}
    lines = [{"images": [f"{n}.png"], **size} for n in range(NUM_PICTURES)]
    write_all(tmp_path / "none.jsonl", lines)
    (tmp_path / "mix.yaml").write_text(
        "targets:\n  - {name: irrelevant_summary, dataset: bbu, template: summary_bbu, "
        "train_jsonl: none.jsonl, val_jsonl: none.jsonl}\n"
    )
    config = load_text(
        f"training: {{eval_strategy: epoch}}\ncustom: {{fusion_config: {tmp_path}/mix.yaml}}"
    ).config

    def make(arrange: Arrange) -> Encoder:
        return Encoder(tokenizer, spec, arrange, max_length=8192)

    return lambda: open_sets(config, make).held_out[0]


def test_irrelevant_pictures_are_asked_by_the_domain_that_their_name_draws(
    irrelevant: Callable[[], HeldOut],
) -> None:
    # F20, T20.
    held = irrelevant()
    engine = FakeEngine(lambda request: "无关图片")
    examiner = cast(
        "Examiner", SimpleNamespace(engine=lambda _: engine, batch_size=4, max_tokens=9)
    )
    records = [held.records.record(index) for index in range(len(held.records))]
    task = cast("Any", held.task)
    mark = MarkInspection(examiner, task, records, held.records.root, held.records.encoder.arrange)
    assert mark(nn.Identity()) == {"summary_exact": 1.0}
    of_rru = ["站点距离" in (r.messages[0].text + r.messages[1].text) for r in engine.requests]
    wanted = [irrelevant_template(f"{n}.png", epoch=None) for n in range(NUM_PICTURES)]
    assert of_rru == [template == "summary_rru" for template in wanted]
    assert 0 < sum(of_rru) < NUM_PICTURES
