"""Which conversation a run's settings make of a record: what training learns, and a sheet shows.

No torch: `data show` reads a YAML as training does, without its machinery.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sightwright import jsonl
from sightwright.config.schema import Config
from sightwright.data.encode import (
    Arrange,
    ArrangeGroup,
    arrange_chat,
    arrange_extraction,
    arrange_inspection,
    conversation,
)
from sightwright.errors import ConfigError, DataError
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record, read_any_record
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.schema import load_schema
from sightwright.tasks import prompt_texts
from sightwright.tasks.dense import GroupMode, render_group
from sightwright.tasks.extract import DEFAULT_PROMPT, ExtractTask
from sightwright.tasks.inspection import (
    Asking,
    PhotographKind,
    PhotographTask,
    Task,
    default_prompt,
    photograph_task,
)
from sightwright.tasks.prompts import Prompt
from sightwright.tasks.verdict import VerdictTask
from sightwright.vision import PixelPolicy


def prompts_of(path: Path) -> Counter[str]:
    """How the records of a file ask, and how often: a server asks as most of them do.

    Raises:
        DataError: a record that breaks the contract, or none at all.
    """
    found: Counter[str] = Counter()
    for line, value in jsonl.read_values(path):
        try:
            turns = conversation(read_any_record(value)).messages
        except DataError as error:
            raise DataError(error.message, where=line.where, remedy=error.remedy) from None
        found[[turn.text for turn in turns if turn.role == "user"][-1]] += 1
    if not found:
        raise DataError("no records to learn from", where=str(path))
    return found


def extract_task_of(config: Config, prompts: Counter[str]) -> ExtractTask:
    """The task of a configuration whose `task.type` is extract.

    Args:
        prompts: of the training records; the commonest is the task's where the YAML names none.

    Raises:
        ConfigError: no `task.json_schema`.
        SchemaError: a schema that cannot be honoured.
    """
    if config.task.json_schema is None:
        raise ConfigError(
            "extraction needs a schema",
            where="task.json_schema",
            remedy="name the JSON Schema file of the answers",
        )
    return ExtractTask(
        schema=load_schema(Path(config.task.json_schema)),
        prompt=config.task.prompt or prompts.most_common(1)[0][0],
        order=config.task.order,
        prompt_has_schema=config.task.prompt_has_schema,
    )


def asking_of(config: Config) -> Asking:
    """How a configuration asks about photographs."""
    return Asking(
        header_format=config.custom.assistant_prefix_format,
        domain=config.domain,
        norm=config.custom.emit_norm,
        ordering=config.custom.object_ordering_policy,
        order=config.task.order,
    )


def prompt_of(config: Config, kind: PhotographKind) -> Prompt:
    """What a configuration asks about photographs: its own words over those of its domain."""
    written, (system, user) = default_prompt(kind, asking_of(config)), _own_words(config)
    return Prompt(
        written.system if system is None else system, written.user if user is None else user
    )


def _own_words(config: Config) -> tuple[str | None, str | None]:
    """The system turn and the question that a YAML gives; no two of its keys disagree."""
    systems = (config.template.system, config.prompts.system)
    users = (config.task.prompt, config.prompts.user, config.custom.user_prompt)
    return (
        next((text for text in systems if text is not None), None),
        next((text for text in users if text is not None), None),
    )


def task_of(config: Config, prompts: Counter[str] | None) -> Task | None:
    """What a configuration teaches; None where answers are the records' own, free text.

    Args:
        prompts: of the training records, for extraction (see `extract_task_of`).

    Raises:
        ConfigError: no `task.json_schema` for extraction.
        SchemaError: a schema that cannot be honoured.
    """
    match config.task.type:
        case "extract":
            return extract_task_of(config, prompts or Counter([DEFAULT_PROMPT]))
        case "chat":
            return None
        case "verdict":
            system, user = _own_words(config)
            return VerdictTask(None if user is None else Prompt(system, user), config.task.order)
        case kind:
            return photograph_task(kind, prompt_of(config, kind), asking_of(config))


def arrange_of(config: Config, task: Task | None) -> Arrange:
    """What training makes of a record; without a task, the record's own turns.

    Raises:
        ConfigError: a system turn for extraction.
    """
    system = config.template.system
    if task is None:
        return arrange_chat(system)
    if not isinstance(task, ExtractTask):
        return arrange_inspection(task)
    if system is not None:
        raise ConfigError(
            "extraction asks with a user turn alone, so that every server asks the same",
            where="template.system",
            remedy="write it into task.prompt",
        )
    return partial(_asked_and_arranged, config.task.prompt, arrange_extraction(task))


def arrange_groups_of(config: Config) -> ArrangeGroup:
    """What legacy pairing makes of a group: one question about all its images."""
    tasks: dict[GroupMode, PhotographTask] = {
        kind: photograph_task(kind, _group_prompt(config, kind), asking_of(config))
        for kind in ("dense", "summary")
    }
    return partial(_group, tasks, asking_of(config))


def _group_prompt(config: Config, kind: GroupMode) -> Prompt:
    """The question about one photograph, and how several are told apart; the configuration's own
    words are left as they are."""
    prompt = prompt_of(config, kind)
    if _own_words(config)[1] is not None:
        return prompt
    return replace(prompt, user=prompt.user + prompt_texts.GROUPS[kind])


def _group(
    tasks: Mapping[GroupMode, PhotographTask],
    asking: Asking,
    records: Sequence[InspectionRecord],
    mode: GroupMode,
    /,
) -> tuple[Message, ...]:
    text = render_group(records, mode, norm=asking.norm, ordering=asking.ordering)
    images = [record.image for record in records]
    return (*tasks[mode].messages(images), Message("assistant", (Text(text),)))


# A function of the module, so that a loader's process may be spawned with it.
def _asked_and_arranged(
    prompt: str | None, arrange: Arrange, record: Record, epoch: int | None = None, /
) -> tuple[Message, ...]:
    return arrange(asked_with(prompt, conversation(record)), epoch)


def asked_with(prompt: str | None, record: ChatRecord) -> ChatRecord:
    """The record with task.prompt in place of its last instruction; None keeps its own."""
    if prompt is None:
        return record
    last = max(i for i, message in enumerate(record.messages) if message.role == "user")
    images = [item for item in record.messages[last].content if isinstance(item, ImageRef)]
    question = Message("user", (*images, Text(prompt)))
    messages = (*record.messages[:last], question, *record.messages[last + 1 :])
    return replace(record, messages=messages)


def pixels_of(config: Config, own: PixelPolicy) -> PixelPolicy:
    """The pixel budget of a run: the YAML's, else the checkpoint's own.

    Raises:
        ConfigError: the two together leave no size.
    """
    low, high = config.template.min_pixels, config.template.max_pixels
    return PixelPolicy(
        own.min_pixels if low is None else low, own.max_pixels if high is None else high
    )
