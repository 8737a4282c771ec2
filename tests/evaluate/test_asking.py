from dataclasses import replace
from pathlib import Path

import pytest

from sightwright import canonical
from sightwright.certificate import Certificate, Pixels, StoredSchema, Task
from sightwright.errors import ConfigError
from sightwright.evaluate.asking import Wishes, decide, num_asked_otherwise
from sightwright.tasks.extract import DEFAULT_PROMPT, ExtractTask
from sightwright.vision import PixelPolicy

OWN = PixelPolicy(65536, 16_777_216)


@pytest.fixture
def known(task: ExtractTask) -> Certificate:
    taught = Task(
        type="extract",
        prompt="Read it.",
        order="instruction_first",
        json_schema=StoredSchema.of(task.schema),
        prompt_has_schema=True,
        max_output_tokens=300,
    )
    pixels = Pixels(min_pixels=4096, max_pixels=262_144)
    return Certificate(base_model="tiny", pixels=pixels, task=taught)


@pytest.fixture
def schema_file(tmp_path: Path) -> Path:
    path = tmp_path / "other.schema.json"
    canonical.write_json(path, {"type": "object", "properties": {"x": {"type": "string"}}})
    return path


def test_a_model_is_asked_as_it_was_taught(known: Certificate, task: ExtractTask) -> None:
    how = decide(Wishes(), known, OWN)
    assert how.task == ExtractTask(task.schema, "Read it.", "instruction_first", True)
    assert how.pixels == PixelPolicy(4096, 262_144)
    assert how.max_tokens == 300


def test_wishes_win(known: Certificate, schema_file: Path) -> None:
    wishes = Wishes(schema_file, "Look!", "image_first", False, 2048, 99)
    how = decide(wishes, known, OWN)
    assert how.task.schema.name == "other"
    assert (how.task.prompt, how.task.replace_prompt) == ("Look!", True)
    assert (how.task.order, how.task.prompt_has_schema) == ("image_first", False)
    # The trained minimum is above the wished maximum.
    assert how.pixels == PixelPolicy(2048, 2048)
    assert how.max_tokens == 99


def test_an_untaught_model_needs_a_schema_and_pixels(schema_file: Path) -> None:
    with pytest.raises(ConfigError, match="--schema"):
        decide(Wishes(max_pixels=65536), None, OWN)
    with pytest.raises(ConfigError, match="--max-pixels"):
        decide(Wishes(schema=schema_file), None, OWN)
    how = decide(Wishes(schema=schema_file, max_pixels=100_000), None, OWN)
    assert (how.pixels, how.max_tokens) == (PixelPolicy(65536, 100_000), 512)
    assert (how.task.prompt, how.task.order) == (DEFAULT_PROMPT, "image_first")


def test_a_model_that_was_taught_free_text_needs_a_schema(known: Certificate) -> None:
    assert known.task is not None
    chat = replace(known, task=replace(known.task, type="chat", json_schema=None, prompt=""))
    with pytest.raises(ConfigError, match="free text"):
        decide(Wishes(), chat, OWN)


def test_records_that_ask_otherwise_are_counted(known: Certificate, task: ExtractTask) -> None:
    same = task.record("a", ["a.png"], {})
    other = ExtractTask(task.schema, "What is this?").record("b", ["b.png"], {})
    how = decide(Wishes(), known, OWN)
    assert num_asked_otherwise([same, other], how.task, known) == 1
    assert num_asked_otherwise([same, other], how.task, None) == 0
    replaced = decide(Wishes(prompt="Look!"), known, OWN)
    assert num_asked_otherwise([same, other], replaced.task, known) == 0
