"""What a model was taught about photographs, as its certificate keeps it, and the task again."""

from sightwright.certificate import Inspection
from sightwright.certificate import Task as StoredTask
from sightwright.errors import ModelError
from sightwright.tasks.inspection import Asking, InspectionTask, photograph_task
from sightwright.tasks.prompts import Prompt
from sightwright.tasks.verdict import VerdictTask


def stored(prompt: Prompt, asking: Asking) -> Inspection:
    """How a task asks, but for its question, which a certificate keeps for every task."""
    return Inspection(
        system=prompt.system,
        header_format=asking.header_format,
        norm=asking.norm,
        ordering=asking.ordering,
        domain=asking.domain,
    )


def inspection_task_of(taught: StoredTask) -> InspectionTask:
    """The task that a model was taught. Groups are asked for their verdict in their records' words,
    unless the run had its own.

    Raises:
        ModelError: it was taught no task of photographs.
    """
    how = taught.inspection
    if taught.type == "verdict":
        return VerdictTask(None if how is None else Prompt(how.system, taught.prompt), taught.order)
    if taught.type in ("extract", "chat") or how is None:
        raise ModelError(
            f"this model was taught task.type {taught.type}, and not to inspect photographs",
            remedy="give a model that was trained with task.type dense, summary or verdict",
        )
    asking = Asking(how.header_format, how.domain, how.norm, how.ordering, taught.order)
    return photograph_task(taught.type, Prompt(how.system, taught.prompt), asking)
