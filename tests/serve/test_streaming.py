"""Answers sent as they grow, read by OpenAI's own client and byte by byte."""

import base64
import json
import threading
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from sightwright.errors import ModelError, RefusedError
from sightwright.infer.engine import Request
from sightwright.infer.fake import FakeEngine

from .conftest import ANSWER, Serving, png_of

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
BODY: dict[str, Any] = {"model": "reader", "messages": HELLO, "stream": True}
WORDS = "Größe 漢字🙂!"


def _client(http: httpx.Client) -> OpenAI:
    return OpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0)


def _events(client: httpx.Client, **fields: Any) -> list[str]:
    answer = client.post("/v1/chat/completions", json={**BODY, **fields})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events.pop() == ""
    return [event.removeprefix("data: ") for event in events]


def test_the_official_client_reads_a_stream(server: tuple[httpx.Client, FakeEngine]) -> None:
    with _client(server[0]) as client:
        whole = client.chat.completions.create(model="reader", messages=HELLO)
        chunks = list(
            client.chat.completions.create(
                model="reader",
                messages=HELLO,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    assert chunks[0].choices[0].delta.role == "assistant"
    *growing, last = chunks
    assert "".join(c.choices[0].delta.content or "" for c in growing) == ANSWER
    assert [c.choices[0].finish_reason for c in growing] == [None] * (len(growing) - 1) + ["stop"]
    assert all(chunk.usage is None for chunk in growing)
    assert (last.choices, last.usage) == ([], whole.usage)
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_clients_own_stream_helper_works(server: tuple[httpx.Client, FakeEngine]) -> None:
    with (
        _client(server[0]) as client,
        client.chat.completions.stream(model="reader", messages=HELLO) as stream,
    ):
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == ANSWER


def test_events_are_role_text_end_and_done(server: tuple[httpx.Client, FakeEngine]) -> None:
    *events, done = _events(server[0], max_tokens=2)
    choices = [json.loads(event)["choices"][0] for event in events]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"content": ANSWER[:4]},
        {"content": ANSWER[4:8]},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "length"]
    assert "usage" not in json.loads(events[0])
    assert done == "[DONE]"


def test_no_character_is_split(serving: Serving) -> None:
    with serving(lambda request: WORDS, task=None) as (client, _):
        contents = [
            json.loads(event)["choices"][0]["delta"].get("content", "")
            for event in _events(client)[:-1]
        ]
        with_parts = [
            json.loads(event)["choices"][0]["logprobs"]
            for event in _events(client, logprobs=True)[1:-2]
        ]
    assert "".join(contents) == WORDS
    assert not any("\ufffd" in content for content in contents)
    tokens = [token for part in with_parts for token in part["content"]]
    assert b"".join(bytes(token["bytes"]) for token in tokens) == WORDS.encode()
    # Some token of four bytes ends inside a character, and says so in its text alone.
    assert any("\ufffd" in token["token"] for token in tokens)


def test_no_text_ends_a_line_of_the_stream(serving: Serving) -> None:
    text = "a\nb\rc\x85d\u2028e\u2029f\x0bg\x1ch"
    with (
        serving(lambda request: text, task=None) as (client, _),
        client.stream("POST", "/v1/chat/completions", json=BODY) as answer,
    ):
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("content", "") for delta in deltas) == text


def test_an_empty_answer_is_a_stream_too(serving: Serving) -> None:
    with serving(lambda request: "" if not request.images else ANSWER) as (client, _):
        *events, done = _events(client)
    assert [json.loads(event)["choices"][0]["finish_reason"] for event in events] == [None, "stop"]
    assert done == "[DONE]"


def test_text_is_sent_while_the_engine_writes(serving: Serving) -> None:
    written = threading.Semaphore(0)
    steps = iter(range(10**6))

    def wait_for_the_reader() -> None:
        # The warm-up writes four tokens; of the answer, the third waits for the first two.
        if next(steps) >= 6:
            assert written.acquire(timeout=30)

    with (
        serving(before_step=wait_for_the_reader) as (http, _),
        _client(http) as client,
        client.chat.completions.create(model="reader", messages=HELLO, stream=True) as stream,
    ):
        text = ""
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            written.release()
    assert text == ANSWER


def test_a_refusal_before_the_first_token_is_an_ordinary_one(serving: Serving) -> None:
    def refuse(request: Request) -> str:
        if request.images:
            return ANSWER
        raise RefusedError("too long", status=413)

    with serving(refuse) as (http, _), _client(http) as client:
        with pytest.raises(openai.APIStatusError, match="too long") as caught:
            client.chat.completions.create(model="reader", messages=HELLO, stream=True)
        assert caught.value.status_code == 413


class _BreaksAfter:
    """Raises before token `number` of the answers that are no warm-up."""

    def __init__(self, number: int, error: Exception) -> None:
        self.left = number
        self.error = error
        self.is_armed = False

    def __call__(self) -> None:
        if self.is_armed:
            self.left -= 1
            if self.left < 0:
                raise self.error


@pytest.mark.parametrize(
    ("error", "text", "code"),
    [
        (ModelError("NaN logits"), "NaN logits", "internal_error"),
        (KeyError("inside"), "an error of the server's own", "internal_error"),
    ],
)
def test_an_error_in_midstream_is_its_last_event(
    serving: Serving, error: Exception, text: str, code: str
) -> None:
    breaking = _BreaksAfter(2, error)
    with serving(before_step=breaking) as (http, _):
        breaking.is_armed = True
        events = _events(http)
        assert (
            "".join(json.loads(event)["choices"][0]["delta"]["content"] for event in events[:-1])
            == ANSWER[:8]
        )
        last = json.loads(events[-1])["error"]
        assert text in last["message"] and "inside" not in last["message"]
        assert last["code"] == code
        breaking.left = 1
        with _client(http) as client, pytest.raises(openai.APIError, match=text):
            list(client.chat.completions.create(model="reader", messages=HELLO, stream=True))
        breaking.is_armed = False
        assert _events(http)[-1] == "[DONE]"


def test_a_stream_whose_time_is_up_ends_with_the_reason(serving: Serving) -> None:
    steps = threading.Semaphore(6)
    with serving(before_step=lambda: steps.acquire(timeout=30), request_seconds=1.5) as (
        http,
        engine,
    ):
        events = _events(http)
        last = json.loads(events[-1])["error"]
        assert (last["message"], last["code"]) == ("no answer within 1.5 s", "timeout")
        for _ in range(1000):
            steps.release()
        assert _events(http)[-1] == "[DONE]"
        # Two tokens of the first answer, all of the second, and none beyond.
        assert engine.num_steps == 2 + -(-len(ANSWER) // 4)


def test_logprobs_are_those_of_the_tokens(server: tuple[httpx.Client, FakeEngine]) -> None:
    with _client(server[0]) as client:
        answer = client.chat.completions.create(model="reader", messages=HELLO, logprobs=True)
        assert (
            client.chat.completions.create(model="reader", messages=HELLO).choices[0].logprobs
            is None
        )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None and logprobs.content is not None
    assert "".join(token.token for token in logprobs.content) == ANSWER
    assert [token.logprob for token in logprobs.content] == [0.0] * len(logprobs.content)


def test_a_picture_can_be_asked_about_in_a_stream(
    server: tuple[httpx.Client, FakeEngine],
) -> None:
    url = f"data:image/png;base64,{base64.b64encode(png_of()).decode()}"
    part = {"type": "image_url", "image_url": {"url": url}}
    events = _events(server[0], messages=[{"role": "user", "content": [part]}])
    assert events[-1] == "[DONE]"
    assert [image.size for image in server[1].requests[-1].images] == [(64, 96)]
