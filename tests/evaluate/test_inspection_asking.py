from dataclasses import replace
from pathlib import Path

import pytest

from sightwright.certificate import Certificate, Inspection, Pixels, Task
from sightwright.errors import ConfigError, ModelError
from sightwright.evaluate.inspection_asking import InspectionWishes, decide, is_inspection
from sightwright.geometry import Box
from sightwright.inspection_records import DenseObject, InspectionRecord
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.prompts import Prompt, prompt_of
from sightwright.tasks.summary import SummaryTask
from sightwright.tasks.verdict import VerdictTask
from sightwright.vision import PixelPolicy

OWN = PixelPolicy(65536, 16_777_216)
FORMAT = "<DOMAIN={domain}>, <TASK={task}>"
TAUGHT = Task(
    type="dense",
    prompt="List all.",
    order="instruction_first",
    json_schema=None,
    prompt_has_schema=False,
    max_output_tokens=700,
    inspection=Inspection(
        system="Look.", header_format=FORMAT, norm="norm100", ordering="center", domain="bbu"
    ),
)
KNOWN = Certificate(base_model="tiny", pixels=Pixels(min_pixels=64, max_pixels=4096), task=TAUGHT)
BOXED = InspectionRecord("a", "a.png", 9, 9, (DenseObject("x", Box(0, 0, 5, 5)),))
SUMMED = InspectionRecord("b", "b.png", 9, 9, summary="无关图片")
SAID = ChatRecord("c", (Message("user", (ImageRef("c.png"), Text("?"))),))


def test_a_model_is_asked_as_it_was_taught() -> None:
    how = decide(InspectionWishes(), KNOWN, OWN, [BOXED])
    assert how.task == DenseTask(
        Prompt("Look.", "List all."),
        "<DOMAIN=BBU>, <TASK=DETECTION>",
        "norm100",
        "instruction_first",
        "center",
    )
    assert (how.pixels, how.max_tokens) == (PixelPolicy(64, 4096), 700)


def test_wishes_come_first() -> None:
    wishes = InspectionWishes(
        prompt="Name all.", order="image_first", max_pixels=1024, max_tokens=9
    )
    how = decide(wishes, KNOWN, OWN, [BOXED])
    assert isinstance(how.task, DenseTask)
    assert how.task.prompt == Prompt("Look.", "Name all.")
    assert how.task.order == "image_first"
    assert (how.pixels, how.max_tokens) == (PixelPolicy(64, 1024), 9)


def test_another_task_is_asked_in_the_taught_manner() -> None:
    how = decide(InspectionWishes(kind="summary"), KNOWN, OWN, [SUMMED])
    wanted = prompt_of("summary_bbu", header_format=FORMAT, norm="norm100", ordering="center")
    assert how.task == SummaryTask(wanted, "bbu", FORMAT, "instruction_first")
    assert decide(InspectionWishes(kind="verdict"), KNOWN, OWN, [SAID]).task == VerdictTask()


@pytest.mark.parametrize(("record", "kind"), [(BOXED, DenseTask), (SUMMED, SummaryTask)])
def test_without_a_certificate_the_records_say_what_is_asked(
    record: InspectionRecord, kind: type
) -> None:
    wishes = InspectionWishes(max_pixels=1024)
    assert isinstance(decide(wishes, None, OWN, [record]).task, kind)
    with pytest.raises(ConfigError, match="how large images were"):
        decide(InspectionWishes(), None, OWN, [record])


def test_a_model_of_documents() -> None:
    extraction = replace(KNOWN, task=replace(TAUGHT, type="extract", inspection=None))
    with pytest.raises(ModelError, match=r"task\.type extract"):
        decide(InspectionWishes(), extraction, OWN, [BOXED])
    # Asked for all the same, with the ordinary question.
    how = decide(InspectionWishes(kind="dense"), extraction, OWN, [BOXED])
    assert how.task == DenseTask(prompt_of("target_dense"))


def test_a_yaml_says_how(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        "model: {model: tiny}\n"
        "task: {type: dense, max_output_tokens: 321}\n"
        "template: {max_pixels: 4096, min_pixels: 1024}\n"
        "custom: {train_jsonl: a.jsonl, emit_norm: norm100, user_prompt: Find all.}\n"
    )
    how = decide(InspectionWishes(config=path), None, OWN, [BOXED])
    assert isinstance(how.task, DenseTask)
    assert (how.task.norm, how.task.prompt.user) == ("norm100", "Find all.")
    assert (how.pixels, how.max_tokens) == (PixelPolicy(1024, 4096), 321)
    smaller = decide(InspectionWishes(config=path, max_pixels=2048), KNOWN, OWN, [BOXED])
    assert smaller.pixels == PixelPolicy(1024, 2048)
    as_summary = decide(InspectionWishes(kind="summary", config=path), None, OWN, [SUMMED])
    assert isinstance(as_summary.task, SummaryTask)
    with pytest.raises(ConfigError, match="verdict is asked for"):
        decide(InspectionWishes(kind="verdict", config=path), None, OWN, [SAID])


def test_which_road_an_evaluation_takes() -> None:
    plain = InspectionWishes()
    assert is_inspection(plain, None, [BOXED])
    assert is_inspection(plain, KNOWN, [SAID])
    assert is_inspection(replace(plain, kind="verdict"), None, [SAID])
    assert is_inspection(replace(plain, config=Path("x.yaml")), None, [SAID])
    assert not is_inspection(plain, None, [SAID])
    assert not is_inspection(plain, replace(KNOWN, task=None), [SAID])
