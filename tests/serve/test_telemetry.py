"""`/metrics`: every number in its place, and nothing of what was asked."""

import json
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from sightwright.infer.engine import Request
from sightwright.serve.telemetry import endpoint_of

from .conftest import ANSWER, SCHEMA, Serving, pdf_of, png_of

HELLO: dict[str, Any] = {"model": "reader", "messages": [{"role": "user", "content": "SECRET"}]}


def _values(text: str) -> dict[str, float]:
    return {
        sample.name
        + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def _answers(request: Request) -> str:
    return "{}x" if request.json_schema and request.max_tokens == 3 else ANSWER


def test_requests_tokens_documents_and_times_are_counted(serving: Serving) -> None:
    with serving(_answers) as (client, _):
        client.post("/v1/chat/completions", json=HELLO)
        client.post("/v1/chat/completions", json={**HELLO, "stream": True})
        client.post("/v1/chat/completions", json={**HELLO, "n": 2})
        client.post("/v1/extract", files={"file": pdf_of(1)})
        client.post("/v1/extract", files={"file": png_of()}, data={"max_tokens": "3"})
        named = {"name": "SECRET", "schema": SCHEMA}
        # Also under the name of one that is loaded.
        for brought in (named, {**named, "name": "receipt"}):
            form = {"json_schema": json.dumps(brought)}
            client.post("/v1/extract", files={"file": png_of()}, data=form)
        client.get("/SECRET/path")
        client.get("/v1/models/SECRET")
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "SECRET" not in answer.text
    found = _values(answer.text)
    chat, extract = "/v1/chat/completions", "/v1/extract"
    assert found[f"sightwright_requests_total|{chat}|200"] == 2
    assert found[f"sightwright_requests_total|{chat}|400"] == 1
    assert found[f"sightwright_requests_total|{extract}|200"] == 4
    assert found["sightwright_requests_total|other|404"] == 1
    assert found["sightwright_requests_total|/v1/models|404"] == 1
    assert found["sightwright_documents_total|valid|receipt"] == 1
    assert found["sightwright_documents_total|invalid|receipt"] == 1
    assert found["sightwright_documents_total|valid|brought by the request"] == 2
    assert found["sightwright_requests_in_flight"] == 0
    # Two chats and three documents are answered whole, one document in one token ("{}x").
    tokens = -(-len(ANSWER) // 4)
    assert found["sightwright_completion_tokens_total"] == 5 * tokens + 1
    # "SECRET" has one token of four bytes; "Read the receipt." has four, four times.
    assert found["sightwright_prompt_tokens_total"] == 2 * 1 + 4 * 4
    assert found["sightwright_first_token_seconds_count"] == 6
    assert found["sightwright_queue_seconds_count"] == 6
    assert found["sightwright_generate_seconds_count"] == 6
    assert found["sightwright_render_seconds_count"] == 1
    assert found[f"sightwright_request_seconds_count|{chat}"] == 3
    assert found["sightwright_model_info|reader|receipt|0.1.0"] == 1


def test_two_services_do_not_add_up(serving: Serving) -> None:
    with serving() as (one, _), serving() as (other, _):
        one.post("/v1/chat/completions", json=HELLO)
        assert "sightwright_generate_seconds_count 1.0" in one.get("/metrics").text
        assert "sightwright_generate_seconds_count 0.0" in other.get("/metrics").text
    # Nothing of ours stands in the process's own registry.
    assert not [family for family in REGISTRY.collect() if family.name.startswith("sightwright")]


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/v1/extract", "/v1/extract"),
        ("/v1/extract/more", "/v1/extract"),
        ("/v1/extracted", "other"),
        ("/", "other"),
    ],
)
def test_a_path_is_one_of_ours_or_other(path: str, label: str) -> None:
    assert endpoint_of(path) == label
