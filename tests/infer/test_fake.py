import pytest

from sightwright.errors import SchemaError
from sightwright.infer.engine import Engine, Request
from sightwright.infer.fake import FakeEngine
from sightwright.records import Message, Text

QUESTION = Request((Message("user", (Text("How much?"),)),), max_tokens=2)


def test_it_answers_every_request_and_remembers_it() -> None:
    engine: Engine = FakeEngine(lambda request: request.messages[0].text.upper()[:4], name="mock")
    first, second = engine.generate([QUESTION, QUESTION])
    assert engine.name == "mock" and first == second
    assert (first.text, first.finish_reason, first.completion_tokens) == ("HOW ", "stop", 1)
    assert len(first.logprobs) == 1


def test_a_long_answer_is_cut_at_the_limit() -> None:
    answer = FakeEngine(lambda _: "123456789").generate([QUESTION])[0]
    assert (answer.text, answer.finish_reason, answer.completion_tokens) == (
        "12345678",
        "length",
        2,
    )


def test_it_refuses_the_schemas_that_are_refused_everywhere() -> None:
    engine = FakeEngine(lambda _: "")
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    engine.check_schema(schema)
    assert engine.schemas == [schema]
    with pytest.raises(SchemaError, match="patternProperties"):
        engine.check_schema(schema | {"patternProperties": {}})
