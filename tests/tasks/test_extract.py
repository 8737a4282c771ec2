from typing import Any

import pytest

from sightwright import canonical
from sightwright.errors import DataError, SchemaError
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask

SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {"vendor": {"type": "string"}, "total": {"type": "number"}},
        "required": ["vendor"],
    },
    "receipt",
)
TASK = ExtractTask(SCHEMA, prompt="Extract.")
PAGES = ("p1.png", "p2.png")


def test_a_record_holds_question_and_canonical_answer() -> None:
    label = canonical.loads('{"total":34.70,"vendor":"A"}')
    record = TASK.record("a", PAGES, label, {"document": "a"})
    assert record.messages == (
        Message("user", (ImageRef("p1.png"), ImageRef("p2.png"), Text("Extract."))),
        Message("assistant", (Text('{"vendor":"A","total":34.70}'),)),
    )
    assert TASK.gold(record) == {"vendor": "A", "total": 34.7}


@pytest.mark.parametrize(
    ("order", "kinds"),
    [
        ("image_first", [ImageRef, ImageRef, Text]),
        ("instruction_first", [Text, ImageRef, ImageRef]),
    ],
)
def test_the_order_of_a_turn_is_the_tasks(order: Any, kinds: list[type]) -> None:
    task = ExtractTask(SCHEMA, prompt="Extract.", order=order)
    stored = TASK.record("a", PAGES, {"vendor": "A"})
    (asked,) = task.prompt_of(stored)
    assert [type(item) for item in asked.content] == kinds
    # What is trained on and what is served are one.
    assert (asked,) == task.messages(PAGES)


def test_a_record_keeps_its_own_instruction() -> None:
    record = ExtractTask(SCHEMA, prompt="Read it.").record("a", PAGES, {"vendor": "A"})
    assert TASK.prompt_of(record)[0].text == "Read it."


def test_the_tasks_instruction_can_replace_that_of_the_records() -> None:
    record = ExtractTask(SCHEMA, prompt="Read it.").record("a", PAGES, {"vendor": "A"})
    task = ExtractTask(SCHEMA, prompt="Extract.", replace_prompt=True)
    assert task.prompt_of(record) == task.messages(PAGES)


def test_turns_before_the_question_are_kept() -> None:
    turns = (
        Message("system", (Text("Be brief."),)),
        Message("user", (Text("Page 1:"), ImageRef("p1.png"), Text("Page 2:"), ImageRef("p2.png"))),
    )
    answer = Message("assistant", (Text('{"vendor":"A"}'),))
    asked = TASK.prompt_of(ChatRecord("a", (*turns, answer)))
    assert asked[0] == turns[0]
    assert asked[1].content == (
        *(ImageRef("p1.png"), ImageRef("p2.png")),
        *(Text("Page 1:"), Text("Page 2:")),
    )
    assert TASK.prompt_of(ChatRecord("a", turns)) == asked


def test_the_schema_is_in_the_prompt_only_if_asked() -> None:
    assert "properties" not in TASK.messages(PAGES)[0].text
    told = ExtractTask(SCHEMA, prompt="Extract.", prompt_has_schema=True).messages(PAGES)[0].text
    assert told == f"Extract.\nJSON Schema: {canonical.dumps(SCHEMA.json_schema)}"


@pytest.mark.parametrize(
    ("text", "valid_json", "error"),
    [
        ('{"vendor":"A","total":1.5}', True, None),
        ('{"vendor":"A","total":null}', True, None),
        ('{"vendor":"A"}', True, None),
        ('{"total":1.5}', True, "vendor"),
        ('{"vendor":"A","tax":1}', True, "tax"),
        ('["A"]', True, "against the schema"),
        ("null", True, "against the schema"),
        ('{"vendor":"A","total":1e999}', True, "total"),
        ('{"vendor":"A","total":"1.5"}', True, "total"),
        ('{"vendor":"A","total":1.5} thanks', False, "not JSON"),
        ('```json\n{"vendor":"A","total":1.5}\n```', False, "not JSON"),
        ("", False, "not JSON"),
        ('{"vendor":"\\ud800"}', False, "surrogates"),
        ('{"vendor":' + "[" * 5000, False, "not JSON"),
        ('{"vendor":NaN}', False, "NaN"),
        ('{"vendor":"A","vendor":"B","total":1}', False, "twice"),
    ],
)
def test_an_answer_is_read_strictly(text: str, valid_json: bool, error: str | None) -> None:
    parsed = TASK.parse(text)
    assert parsed.valid_json is valid_json
    assert (parsed.value is None) is (error is not None)
    assert error is None or error in (parsed.error or "")


def test_a_key_left_out_is_null_and_keys_come_in_the_order_of_the_schema() -> None:
    value = TASK.parse(' {"total": 1.50, "vendor": "A"} ').value
    assert value is not None and canonical.dumps(value) == '{"vendor":"A","total":1.50}'
    assert TASK.parse('{"vendor":"A"}').value == {"vendor": "A", "total": None}


def test_every_target_is_read_back_and_marked_as_right() -> None:
    label = canonical.loads('{"total":34.70,"vendor":"Café \\"x\\" 😀"}')
    text = TASK.target(label)
    assert TASK.parse(text).value == label
    mark = TASK.mark(label, text, cut=False)
    assert mark.exact and mark.valid_json and mark.valid_schema


def test_an_answer_against_the_schema_misses_every_cell() -> None:
    mark = TASK.mark({"vendor": "A", "total": 1.5}, '{"vendor":"A","total":"1.5"}', cut=False)
    assert mark.valid_json and not mark.valid_schema and not mark.exact
    assert (mark.total.tp, mark.total.fp, mark.total.fn) == (0, 0, 2)


def test_a_cut_answer_fails_even_if_it_parses() -> None:
    gold = {"vendor": "A", "total": 1.5}
    text = '{"vendor":"A","total":1.5}'
    assert TASK.mark(gold, text, cut=False).exact
    cut = TASK.mark(gold, text, cut=True)
    assert cut.cut and not cut.exact
    assert cut.counts["vendor"].fn == 1


def test_a_label_against_the_schema_is_refused() -> None:
    with pytest.raises(SchemaError, match="vendor"):
        TASK.target({"total": 1})


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ((Message("user", (Text("x"),)),), "not the assistant's"),
        ((Message("user", (Text("x"),)), Message("assistant", (Text("{"),))), "not JSON"),
        ((Message("user", (Text("x"),)), Message("assistant", (Text("{}"),))), "vendor"),
    ],
)
def test_a_record_without_a_usable_label_is_named(messages: Any, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        TASK.gold(ChatRecord("doc-7", messages))
    assert "doc-7" in str(caught.value)
    assert complaint in str(caught.value)
