"""What a certificate keeps of a task is the task again."""

from typing import Literal

from sightwright.certificate import Inspection, Task
from sightwright.tasks.inspection import Asking
from sightwright.tasks.prompts import Prompt
from sightwright.tasks.taught import inspection_task_of, stored
from sightwright.tasks.verdict import VerdictTask


def task(kind: Literal["verdict"], prompt: str, how: Inspection | None) -> Task:
    return Task(
        type=kind,
        prompt=prompt,
        order="instruction_first",
        json_schema=None,
        prompt_has_schema=False,
        max_output_tokens=64,
        inspection=how,
    )


def test_groups_are_asked_in_the_words_they_were_taught_in() -> None:
    own = Prompt("Judge strictly.", "Pass or fail?")
    taught = task("verdict", own.user, stored(own, Asking()))
    assert inspection_task_of(taught) == VerdictTask(own, "instruction_first")
    # Else in their records' words, of which the certificate has the commonest for other readers.
    assert inspection_task_of(task("verdict", "Judge.", None)) == VerdictTask(
        None, "instruction_first"
    )
