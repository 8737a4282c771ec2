"""Which conversation a run's settings make of a record: what training learns, and a sheet shows.

No torch: `data show` reads a YAML as training does, without its machinery.
"""

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

from sightwright import jsonl
from sightwright.config.schema import Config
from sightwright.data.encode import Arrange, arrange_chat, arrange_extraction, conversation
from sightwright.errors import ConfigError, DataError
from sightwright.record_formats import Record, read_record
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.schema import load_schema
from sightwright.tasks.extract import ExtractTask
from sightwright.vision import PixelPolicy


def prompts_of(path: Path) -> Counter[str]:
    """How the records of a file ask, and how often: a server asks as most of them do.

    Raises:
        DataError: a record that breaks the contract, or none at all.
    """
    found: Counter[str] = Counter()
    for line, value in jsonl.read_values(path):
        try:
            turns = read_record(value).messages
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


def arrange_of(config: Config, task: ExtractTask | None) -> Arrange:
    """What training makes of a record; without a task, the record's own turns.

    Raises:
        ConfigError: a system turn for extraction.
    """
    system = config.template.system
    if task is None:
        return arrange_chat(system)
    if system is not None:
        raise ConfigError(
            "extraction asks with a user turn alone, so that every server asks the same",
            where="template.system",
            remedy="write it into task.prompt",
        )
    return partial(_asked_and_arranged, config.task.prompt, arrange_extraction(task))


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
