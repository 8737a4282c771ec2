"""How the data sets of a mixture are asked and answered, each in its own way. No torch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sightwright.config.fusion import FusedSet, load_fusion
from sightwright.config.schema import Config
from sightwright.data.conversations import asking_of
from sightwright.data.encode import Arrange, arrange_chat, arrange_inspection
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record
from sightwright.records import Message
from sightwright.sampling import entry_prompts
from sightwright.sampling.caps import boxes_for_large_polygons, longest
from sightwright.tasks.domains import DomainName, domain_of_token
from sightwright.tasks.inspection import Asking, PhotographTask, photograph_task
from sightwright.tasks.irrelevant import irrelevant_template
from sightwright.tasks.prompts import Template, domain_of

_ALTERNATING: tuple[Template, ...] = ("summary_bbu", "summary_rru")


def entry_holding(config: Config, file: Path) -> FusedSet | None:
    """The data set of a run's mixture that a file has records of, the first of several; None
    where there is none."""
    if config.custom.fusion_config is None:
        return None
    for each in load_fusion(Path(config.custom.fusion_config)).sets:
        held = [path.resolve() for path in (each.train_jsonl, each.val_jsonl) if path is not None]
        if file.resolve() in held:
            return each
    return None


def arrange_entry(config: Config, each: FusedSet, *, measures: bool = False) -> Arrange:
    """The conversation of a record of one entry; irrelevant pictures are asked about by both
    domains in turn.

    Args:
        measures: outside training the longer of the two, for those who plan with its length.
    """
    if each.learns == "chat":
        return arrange_chat(None)
    if not each.is_irrelevant:
        return arrange_inspection(_task_by(config, each, each.template))
    by_template: dict[Template, Arrange] = {
        name: arrange_inspection(_task_by(config, each, name)) for name in _ALTERNATING
    }
    return partial(_alternating, by_template, measures)


def task_of_entry(config: Config, each: FusedSet) -> PhotographTask | None:
    """What an entry teaches; None for conversations."""
    return None if each.learns == "chat" else _task_by(config, each, each.template)


def asking_of_entry(config: Config, each: FusedSet, template: Template | None = None) -> Asking:
    """How an entry asks: in its family's words, with a header where its answers have one."""
    run = asking_of(config)
    return replace(
        run,
        domain=_family(each, template or each.template),
        header_format=run.header_format if each.writes_header else None,
    )


# Functions of the module, so that a loader's process may be spawned with them.
def within_limits(
    limits: FusedSet, arrange: Arrange, record: Record, epoch: int | None = None, /
) -> tuple[Message, ...]:
    """What is learnt in an epoch is inside the limits already; what is measured beforehand is the
    longest that may be."""
    if epoch is None and isinstance(record, InspectionRecord):
        record = replace(record, objects=longest(record.objects, limits))
    return arrange(record, epoch)


def with_boxes(limits: FusedSet, record: Record, /) -> Record:
    """A held-out record with boxes where the entry learns boxes."""
    if not isinstance(record, InspectionRecord):
        return record
    objects, _ = boxes_for_large_polygons(record.objects, limits.poly_max_points)
    return replace(record, objects=objects)


def _alternating(
    by_template: dict[Template, Arrange],
    measures: bool,
    record: Record,
    epoch: int | None = None,
    /,
) -> tuple[Message, ...]:
    if measures and epoch is None:
        return max((arrange(record) for arrange in by_template.values()), key=_num_characters)
    template = irrelevant_template(record.images[0], epoch=epoch)
    return by_template[template](record, epoch)


def _task_by(config: Config, each: FusedSet, template: Template) -> PhotographTask:
    run = asking_of(config)
    how = entry_prompts.Asking(run.header_format, run.norm, run.ordering)
    prompt = entry_prompts.entry_prompt(each, how, template).prompt
    kind = "summary" if each.learns == "summary" else "dense"
    return photograph_task(kind, prompt, asking_of_entry(config, each, template))


def _family(each: FusedSet, template: Template) -> DomainName | None:
    """Whose vocabulary an entry's answers are in."""
    domain = domain_of_token(each.domain_token or "") or domain_of(template)
    return None if domain is None else domain.name


def _num_characters(messages: Sequence[Message]) -> int:
    """With which tokens all but go."""
    return sum(len(message.text) for message in messages)
