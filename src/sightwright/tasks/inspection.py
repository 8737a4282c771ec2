"""The tasks about photographs, made of what a run's YAML or a model's certificate says."""

from dataclasses import dataclass
from typing import Literal

from sightwright.geometry import Ordering
from sightwright.metrics.header import DEFAULT_FORMAT, header_line
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.domains import DOMAINS, DomainName
from sightwright.tasks.extract import ExtractTask, Order
from sightwright.tasks.prompt_texts import Norm
from sightwright.tasks.prompts import Prompt, prompt_of
from sightwright.tasks.summary import SummaryTask
from sightwright.tasks.verdict import VerdictTask

PhotographKind = Literal["dense", "summary"]
InspectionKind = PhotographKind | Literal["verdict"]
PhotographTask = DenseTask | SummaryTask
"""Asked about one photograph, in words of ours; the records of groups bring their own."""
InspectionTask = PhotographTask | VerdictTask
Task = ExtractTask | InspectionTask


@dataclass(frozen=True)
class Asking:
    """How a model of photographs is asked, whatever it is asked for.

    Attributes:
        header_format: of an answer's first line; None where answers have none.
        domain: whose vocabulary it is; None for other data.
    """

    header_format: str | None = None
    domain: DomainName | None = None
    norm: Norm = "norm1000"
    ordering: Ordering = "reference_point"
    order: Order = "image_first"


def photograph_task(kind: PhotographKind, prompt: Prompt, asking: Asking) -> PhotographTask:
    """The task of a kind. A dense answer has a header where there is a domain to name in it."""
    match kind:
        case "dense":
            return DenseTask(
                prompt,
                header=_header(asking),
                norm=asking.norm,
                order=asking.order,
                ordering=asking.ordering,
                header_format=asking.header_format or DEFAULT_FORMAT,
            )
        case "summary":
            return SummaryTask(prompt, asking.domain, asking.header_format, asking.order)


def kind_of(task: InspectionTask) -> InspectionKind:
    """What `task.type` calls it."""
    match task:
        case DenseTask():
            return "dense"
        case SummaryTask():
            return "summary"
        case VerdictTask():
            return "verdict"


def default_prompt(kind: PhotographKind, asking: Asking) -> Prompt:
    """What is asked where nobody says otherwise: in the domain's words, where there is one."""
    name = "summary" if kind == "summary" else "target_dense"
    return prompt_of(
        name if asking.domain is None else f"{name}_{asking.domain}",
        header_format=asking.header_format,
        norm=asking.norm,
        ordering=asking.ordering,
    )


def _header(asking: Asking) -> str | None:
    if asking.header_format is None or asking.domain is None:
        return None
    return header_line(asking.header_format, DOMAINS[asking.domain].token, "DETECTION")
