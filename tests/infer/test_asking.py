"""A model of photographs is asked as it was taught, its system turn first."""

from pathlib import Path

import pytest
from PIL import Image

from sightwright.certificate import Certificate, Inspection, Task
from sightwright.errors import DataError
from sightwright.export.parity import record_cases
from sightwright.infer.asking import TextQuestion, question_of
from sightwright.jsonl import write_all

TAUGHT = Task(
    type="dense",
    prompt="List.",
    order="image_first",
    json_schema=None,
    prompt_has_schema=False,
    max_output_tokens=64,
    inspection=Inspection(
        system="Look.",
        header_format="<DOMAIN={domain}>, <TASK={task}>",
        norm="norm1000",
        ordering="reference_point",
        domain="rru",
    ),
)


def test_a_picture_is_asked_about_as_in_training() -> None:
    known = Certificate(base_model="tiny", pixels=None, task=TAUGHT)
    question = question_of(known, None, None)
    assert isinstance(question, TextQuestion)
    system, user = question.messages(["a.png"])
    assert (system.role, system.text) == ("system", "Look.")
    assert (user.images, user.text) == (("a.png",), "List.")


def test_merged_weights_are_compared_on_photographs_as_they_were_learnt(tmp_path: Path) -> None:
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")
    record = {
        "images": ["a.png"],
        "width": 100,
        "height": 50,
        "objects": [{"desc": "类别=标签", "bbox_2d": [10, 5, 20, 25]}],
    }
    write_all(tmp_path / "val.jsonl", [record])
    (case,) = record_cases(tmp_path / "val.jsonl", taught=TAUGHT)
    assert [message.text for message in case.messages] == [
        "Look.",
        "List.",
        "<DOMAIN=RRU>, <TASK=DETECTION>\n"
        '{"object_1": {"desc": "类别=标签", "bbox_2d": [100, 100, 200, 500]}}',
    ]
    assert case.images[0].size == (100, 50)
    with pytest.raises(DataError, match=r"val\.jsonl:1.*nothing says how the model is asked"):
        record_cases(tmp_path / "val.jsonl")
