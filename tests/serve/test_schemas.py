"""Several kinds of documents behind one address: by name, brought along, or the only one."""

import base64
import json
import socket
from typing import Any

import httpx
import pytest

from sightwright.infer.engine import Request
from sightwright.records import Text
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask

from .conftest import ANSWER, SCHEMA, TASK, Serving, png_of

LETTER = ExtractTask(
    compile_schema({"type": "object", "properties": {"to": {"type": "string"}}}, "letter"),
    "Read the letter.",
)
OTHER: dict[str, Any] = {
    "type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"],
}  # fmt: skip
DEEP: dict[str, Any] = {"type": "string"}
for _ in range(70):
    DEEP = {"anyOf": [DEEP]}
URL = f"data:image/png;base64,{base64.b64encode(png_of()).decode()}"


def _answers(request: Request) -> str:
    if request.json_schema is None:
        return "the warm-up of a model without schemas"
    keys = list(request.json_schema["properties"])
    return ANSWER if "rows" in keys else json.dumps({keys[0]: "here"})


def _post(client: httpx.Client, *, as_form: bool, **fields: Any) -> httpx.Response:
    if not as_form:
        return client.post("/v1/extract", json={"file": URL, **fields})
    texts = {key: v if isinstance(v, str) else json.dumps(v) for key, v in fields.items()}
    return client.post("/v1/extract", files={"file": png_of()}, data=texts)


@pytest.mark.parametrize("as_form", [True, False])
def test_a_request_names_its_schema(serving: Serving, as_form: bool) -> None:
    with serving(_answers, more=[LETTER]) as (client, engine):
        letter = _post(client, as_form=as_form, schema="letter").json()
        receipt = _post(client, as_form=as_form, schema="receipt").json()
    assert letter["document"] == {"to": "here"}
    assert list(receipt["document"]) == ["number", "total", "rows"]
    assert engine.requests[0].messages[0].content[-1] == Text("Read the letter.")
    assert engine.requests[1].messages[0].content[-1] == Text("Read the receipt.")


@pytest.mark.parametrize("as_form", [True, False])
@pytest.mark.parametrize("brought", [OTHER, {"name": "place", "schema": OTHER, "strict": True}])
def test_a_request_brings_its_schema(
    serving: Serving, as_form: bool, brought: dict[str, Any]
) -> None:
    with serving(_answers) as (client, engine):
        answer = _post(client, as_form=as_form, json_schema=brought)
    assert answer.json()["document"] == {"place": "here"}
    assert engine.requests[0].json_schema == compile_schema(OTHER, "x").json_schema
    # It is asked for as the model was taught to be asked.
    assert engine.requests[0].messages[0].content[-1] == Text("Read the receipt.")


def test_a_model_that_was_taught_no_documents_takes_a_schema_along(serving: Serving) -> None:
    with serving(_answers, task=None) as (client, _):
        answer = _post(client, as_form=True, json_schema=OTHER)
        assert answer.json()["document"] == {"place": "here"}
        assert _post(client, as_form=True).status_code == 404


def test_without_a_name_there_must_be_one_alone(serving: Serving) -> None:
    with serving(_answers, more=[LETTER]) as (client, engine):
        answer = _post(client, as_form=True)
        assert answer.status_code == 400
        assert "one of receipt, letter" in answer.json()["error"]["message"]
        chat = {"model": "reader", "messages": [{"role": "user", "content": "x"}]}
        kind = {"response_format": {"type": "json_object"}}
        assert client.post("/v1/chat/completions", json={**chat, **kind}).status_code == 400
        assert engine.requests == []


@pytest.mark.parametrize("as_form", [True, False])
@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"schema": "contract"}, 404, "known: receipt, letter"),
        ({"schema": "receipt", "json_schema": OTHER}, 400, "not both"),
        ({"json_schema": {"type": "object", "properties": {}}}, 400, "properties"),
        ({"json_schema": {**OTHER, "not": {}}}, 400, "not"),
        ({"json_schema": {"schema": OTHER}}, 400, "json_schema.name"),
        ({"json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}, 400, "not required"),
        ({"json_schema": [1]}, 400, "an object"),
        ({"json_schema": {**OTHER, "properties": {"place": True}}}, 400, "says nothing"),
        ({"json_schema": {**OTHER, "$defs": {"x": DEEP}}}, 400, "over 64 deep"),
    ],
)
def test_what_cannot_be_read_is_refused(
    serving: Serving, as_form: bool, fields: dict[str, Any], status: int, reason: str
) -> None:
    with serving(_answers, more=[LETTER]) as (client, engine):
        answer = _post(client, as_form=as_form, **fields)
        assert engine.requests == []
    assert answer.status_code == status, answer.text
    assert reason in answer.json()["error"]["message"]


def test_a_schema_makes_the_server_ask_nobody(serving: Serving) -> None:
    with serving(_answers) as (client, _), socket.create_server(("127.0.0.1", 0)) as asked:
        asked.setblocking(False)
        draft = {"$schema": f"http://127.0.0.1:{asked.getsockname()[1]}/draft"}
        assert _post(client, as_form=True, json_schema={**draft, **OTHER}).status_code == 200
        wanted = {"name": "x", "schema": {**draft, **OTHER}}
        chat = {"model": "reader", "messages": [{"role": "user", "content": "x"}]}
        kind = {"response_format": {"type": "json_schema", "json_schema": wanted}}
        assert client.post("/v1/chat/completions", json={**chat, **kind}).status_code == 200
        with pytest.raises(BlockingIOError):
            asked.accept()


def test_a_schema_may_hold_decimals(serving: Serving) -> None:
    price = {"type": "number", "minimum": 0.5, "maximum": 99.5}
    schema = {"type": "object", "properties": {"price": price}, "required": ["price"]}
    with serving(lambda request: '{"price":0.70}') as (client, _):
        answer = _post(client, as_form=False, json_schema=schema)
    assert '"document":{"price":0.70}' in answer.text


def test_a_form_whose_schema_is_no_json_is_refused(serving: Serving) -> None:
    with serving(_answers) as (client, _):
        answer = _post(client, as_form=True, json_schema="{")
    assert (answer.status_code, "not JSON" in answer.text) == (400, True)


def test_the_schemas_are_listed(serving: Serving) -> None:
    with serving(_answers) as (client, _):
        (alone,) = client.get("/v1/schemas").json()["data"]
    assert alone == {
        "id": "receipt",
        "object": "schema",
        "default": True,
        "json_schema": TASK.schema.json_schema,
    }
    with serving(_answers, more=[LETTER]) as (client, engine):
        listed = client.get("/v1/schemas").json()["data"]
        assert client.get("/health").json()["extracts"] == ["receipt", "letter"]
        # All of them are checked before the first request.
        assert engine.schemas == [TASK.schema.json_schema, LETTER.schema.json_schema]
    assert [(one["id"], one["default"]) for one in listed] == [
        ("receipt", False),
        ("letter", False),
    ]
