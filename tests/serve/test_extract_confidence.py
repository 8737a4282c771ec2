"""What `POST /v1/extract` says of each value: how sure, and whether to look at it."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from sightwright.certificate import Calibration, digest_of
from sightwright.infer.engine import Completion, Request, Watch
from sightwright.infer.fake import FakeEngine
from sightwright.schema import DocumentSchema, compile_schema
from sightwright.serve.limits import Limits
from sightwright.serve.running import running_server
from sightwright.serve.service import Service

from .conftest import SPEC, TASK, pdf_of

ANSWERS = {
    "page 1": '{"number":"A-1","total":34.70,"rows":["tea"]}',
    "page 2": '{"number":"B-2","total":null,"rows":["rye","oat"]}',
    # What the service asks itself.
    "warm-up": "{}",
}
COSTS = {"A": 0.9, "B": 0.8, "3": 0.5, "n": 0.5, "t": 0.7, "r": 0.6}


class TellingEngine(FakeEngine):
    """Answers by page; a token costs what the dearest character in it costs."""

    def __init__(self) -> None:
        super().__init__(lambda request: ANSWERS[request.messages[0].images[0]], name="reader")

    def generate(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        return [
            replace(answer, logprobs=tuple(map(self._logprob, answer.tokens)))
            for answer in super().generate(requests, watch)
        ]

    def _logprob(self, token: bytes) -> float:
        return math.log(min([COSTS.get(letter, 1.0) for letter in token.decode()]))


@contextmanager
def serving(calibration: Calibration | None = None, **limits: Any) -> Iterator[httpx.Client]:
    service = Service(
        TellingEngine(), SPEC, {TASK.schema.name: TASK}, Limits(**limits), calibration=calibration
    )
    with running_server(service) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def calibration_of(
    schema: DocumentSchema = TASK.schema, threshold: float | None = 0.75
) -> Calibration:
    return Calibration(
        schema_name=schema.name,
        schema_digest=digest_of(schema),
        pooled=((0.0, 0.0), (1.0, 0.8)),
        per_field={"rows[]": ((0.5, 0.6), (0.9, 1.0))},
        threshold=threshold,
        target_risk=0.05,
        coverage=0.9,
        risk=0.01,
        risk_bound=0.04,
        ece_before=0.1,
        ece_after=0.02,
        num_cases=500,
        num_wrong=50,
        num_documents=100,
        data="test.jsonl",
        data_digest=None,
        base_model="tiny",
        adapter_digest=None,
    )


def extract(client: httpx.Client, num_pages: int = 1) -> dict[str, Any]:
    answer = client.post("/v1/extract", files={"file": pdf_of(num_pages)})
    assert answer.status_code == 200, answer.text
    return answer.json()


# Tokens of the first page are of four bytes:
#   {"nu mber ":"A -1", "tot al": 34.7 0,"r ows" :["t ea"] }
# so "number" is written by `":"A` and `-1",`, "total" by `34.7` and `0,"r`, the row by `:["t` and
# `ea"]`.
FIRST = {"number": 0.9, "total": 0.5 * 0.6, "rows[0]": 0.7}


def test_the_service_tells_the_product_of_the_probabilities() -> None:
    with serving() as client:
        content = extract(client)
    assert (content["calibrated"], content["review_threshold"]) == (False, None)
    assert content["fields"] == {
        place: {"confidence": pytest.approx(value), "review": False}
        for place, value in FIRST.items()
    }


def test_a_calibration_is_applied_and_decides_the_review() -> None:
    with serving(calibration_of(threshold=0.75)) as client:
        content = extract(client)
    assert (content["calibrated"], content["review_threshold"]) == (True, 0.75)
    assert content["fields"] == {
        # 0.8 · 0.9 and 0.8 · 0.3 by all fields' knots; 0.6 + (0.7 - 0.5) by its own.
        "number": {"confidence": pytest.approx(0.72), "review": True},
        "total": {"confidence": pytest.approx(0.24), "review": True},
        "rows[0]": {"confidence": pytest.approx(0.8), "review": False},
    }


def test_a_calibration_without_a_threshold_sends_everything_to_review() -> None:
    with serving(calibration_of(threshold=None)) as client:
        content = extract(client)
    assert (content["calibrated"], content["review_threshold"]) == (True, None)
    assert all(told["review"] for told in content["fields"].values())


def test_a_calibration_of_another_schema_says_nothing() -> None:
    other = compile_schema({"type": "object", "properties": {"number": {"type": "string"}}}, "x")
    with serving(calibration_of(other)) as client:
        content = extract(client)
        brought = client.post(
            "/v1/extract",
            files={"file": pdf_of(1)},
            data={"json_schema": json.dumps(TASK.schema.json_schema)},
        ).json()
    assert (content["calibrated"], content["review_threshold"]) == (False, None)
    assert not brought["calibrated"]


def test_values_keep_the_confidence_of_their_window() -> None:
    with serving(window_pages=1) as client:
        content = extract(client, 2)
    # Second page: {"nu mber ":"B -2", "tot al": null ,"ro ws": ["ry e"," oat" ]}
    assert content["document"] == {"number": "A-1", "total": 34.7, "rows": ["tea", "rye", "oat"]}
    told = {place: field["confidence"] for place, field in content["fields"].items()}
    assert told == pytest.approx(
        {"number": 0.9, "total": 0.3, "rows[0]": 0.7, "rows[1]": 0.6, "rows[2]": 0.7}
    )


def test_the_surer_window_wins_value_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COSTS, "A", 0.2)
    with serving(window_pages=1) as client:
        content = extract(client, 2)
    # As a whole the first window is no less sure than before: only this one value is.
    assert content["document"]["number"] == "B-2"
    assert content["fields"]["number"]["confidence"] == pytest.approx(0.8)
    assert content["document"]["total"] == 34.7


def test_no_document_has_no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, "page 1", '{"number":7}')
    with serving(calibration_of()) as client:
        content = extract(client)
    assert (content["valid"], content["fields"]) == (False, {})


def test_the_same_schema_by_another_name_is_the_same() -> None:
    assert calibration_of().is_for(replace(TASK.schema, name="other"))
