"""The engine that asks a server: what it sends, and what it makes of each kind of answer."""

import asyncio
import base64
import io
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightwright.errors import (
    ConfigError,
    DataError,
    RefusedError,
    SchemaError,
    SightwrightError,
)
from sightwright.infer.engine import AnswerCancelledError, Delta, Request
from sightwright.infer.fake import FakeEngine
from sightwright.infer.http_engine import HttpEngine
from sightwright.infer.http_errors import ServerError
from sightwright.infer.http_wire import on_grid
from sightwright.records import ImageRef, Message, Text
from sightwright.serve.running import running_server
from sightwright.serve.service import Service
from sightwright.vision import PixelPolicy, VisionSpec

SPEC = VisionSpec(PixelPolicy(1024, 16384))
HELLO = Request((Message("user", (Text("Hello"),)),))

Reply = tuple[int, dict[str, str], Any]
Script = Callable[[int, dict[str, Any]], Reply]


class Scripted(ThreadingHTTPServer):
    """Answers the n-th request by a script, and keeps what was asked."""

    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            number = len(self.server.asked)
            self.server.asked.append(body)
            self.server.headers.append({k.lower(): v for k, v in self.headers.items()})
        self._reply(*self.server.script(number, body))

    def do_GET(self) -> None:
        self._reply(*self.server.script(-1, {}))

    def _reply(self, status: int, headers: dict[str, str], content: Any) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def scripted(script: Script, **settings: Any) -> Iterator[tuple[HttpEngine, Scripted]]:
    server = Scripted(script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings = {"retries": 0, "timeout_seconds": 10.0} | settings
    try:
        with HttpEngine(server.url, "reader", **settings) as engine:
            yield engine, server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(text: str = "done", finish: str | None = "stop", **more: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, **more}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    content = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "reader",
        "choices": [{**choice, "finish_reason": finish}], "usage": usage,
    }  # fmt: skip
    return 200, {}, content


def refusal(status: int, message: str, **more: Any) -> Reply:
    return status, {}, {"error": {"message": message, "type": "x", "code": None, **more}}


def test_what_is_sent_is_what_was_asked() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = Request(
        (Message("system", (Text("Be"), Text(" brief."))), Message("user", (Text("Hello"),))),
        json_schema=schema, max_tokens=9, temperature=0.5, seed=4,
    )  # fmt: skip
    with scripted(lambda number, body: answer()) as (engine, server):
        (completion,) = engine.generate([request])
    assert server.asked == [
        {
            "model": "reader",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
            ],
            "max_tokens": 9,
            "temperature": 0.5,
            "seed": 4,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "document", "schema": schema, "strict": True},
            },
            "logprobs": True,
        }
    ]
    assert (completion.text, completion.prompt_tokens, completion.completion_tokens) == (
        "done", 7, 3,
    )  # fmt: skip
    # A server that says nothing of its tokens.
    assert (completion.tokens, completion.logprobs) == ((), ())


def test_images_are_sent_at_the_size_the_model_sees() -> None:
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (300, 200, 3), dtype=np.uint8))
    fitting = Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    message = Message("user", (Text("one"), ImageRef("a"), ImageRef("b"), Text("two")))
    with scripted(lambda number, body: answer(), spec=SPEC) as (engine, server):
        engine.generate([Request((message,), (photo, fitting))])
    parts = server.asked[0]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "image_url", "text"]
    seen = [
        Image.open(io.BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2])))
        for part in parts[1:3]
    ]
    # 300 x 200 into 16,384 pixels: 4 x 3 tokens of 32.
    assert [image.size for image in seen] == [(96, 128), (96, 64)]
    assert seen[1].tobytes() == fitting.tobytes()
    # The server, under the same policy, finds nothing to resize.
    assert on_grid(seen[0], SPEC) is seen[0]


def test_the_key_is_ours_and_nothing_of_the_environment_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-another-server")
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project")
    for key, sent in ((None, "Bearer none"), ("open-sesame", "Bearer open-sesame")):
        with scripted(lambda number, body: answer(), api_key=key) as (engine, server):
            engine.generate([HELLO])
        assert server.headers[0]["authorization"] == sent
        assert not {"openai-organization", "openai-project"} & set(server.headers[0])


def _logprobs(*tokens: str | bytes, logprob: float = -0.5) -> dict[str, Any]:
    content = [
        {
            "token": token if isinstance(token, str) else token.decode(errors="replace"),
            "bytes": None if isinstance(token, str) else list(token),
            "logprob": logprob,
            "top_logprobs": [],
        }
        for token in tokens
    ]
    return {"logprobs": {"content": content}}


@pytest.mark.parametrize(
    ("text", "told", "kept"),
    [
        ("done", ("do", "ne"), (b"do", b"ne")),
        # Some servers tell of the end of the turn too.
        ("done", ("do", "ne", "<|im_end|>"), (b"do", b"ne")),
        ("é!", (b"\xc3", b"\xa9", b"!"), (b"\xc3", b"\xa9", b"!")),
        # Cut inside a character.
        ("a\ufffd", (b"a", b"\xc3"), (b"a", b"\xc3")),
        # Tokens that are not those of the text say nothing about it.
        ("done", ("other", "text"), ()),
        ("é", ("\ufffd", "\ufffd"), ()),
    ],
)
def test_tokens_are_kept_where_they_wrote_the_text(
    text: str, told: tuple[str | bytes, ...], kept: tuple[bytes, ...]
) -> None:
    with scripted(lambda number, body: answer(text, **_logprobs(*told))) as (engine, _):
        (completion,) = engine.generate([HELLO])
    assert completion.tokens == kept
    assert completion.logprobs == (-0.5,) * len(kept)
    assert completion.completion_tokens == (len(kept) or 3)


def test_a_server_without_logprobs_is_asked_without() -> None:
    def script(number: int, body: dict[str, Any]) -> Reply:
        return refusal(400, "logprobs are not supported") if "logprobs" in body else answer()

    with scripted(script) as (engine, server):
        for _ in range(2):
            assert [answer.text for answer in engine.generate([HELLO] * 4)] == ["done"] * 4
    asked = sum("logprobs" in body for body in server.asked)
    assert 1 <= asked <= 4 and len(server.asked) == 8 + asked


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (refusal(400, "no such field"), RefusedError, "no such field"),
        (refusal(400, "bad", param="response_format"), SchemaError, "bad"),
        (refusal(400, "This model's maximum context length is 8 tokens"), RefusedError, "length"),
        (refusal(401, "wrong key"), ServerError, "API key"),
        (refusal(403, "not yours"), ServerError, "not yours"),
        (refusal(404, "no such model"), ServerError, "usually ends with /v1"),
        (refusal(413, "too large"), RefusedError, "too large"),
        (refusal(422, "unreadable"), RefusedError, "unreadable"),
        (refusal(429, "slow down"), ServerError, "ask fewer at a time"),
        (refusal(500, "broken"), ServerError, "see the server's log"),
        ((502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"), ServerError, "502"),
        (answer("half", "content_filter"), DataError, "'content_filter'"),
        (answer("half", None), ServerError, "without a finish_reason"),
        (answer(message={"content": ["done"]}), ServerError, "a content of type list"),
        (answer(message={"content": "\ud800"}), ServerError, "surrogates not allowed"),
        (answer(**_logprobs("done", logprob=math.nan)), ServerError, "is no number"),
        ((200, {}, {"choices": []}), SightwrightError, "no chat completion"),
        ((200, {"Content-Type": "text/html"}, b"<html>"), SightwrightError, "no chat completion"),
    ],
)
def test_refusals_become_our_errors(reply: Reply, kind: type[SightwrightError], text: str) -> None:
    with (
        scripted(lambda number, body: reply) as (engine, server),
        pytest.raises(kind) as caught,
    ):
        engine.generate([HELLO])
    assert text in str(caught.value)
    assert caught.value.exit_code == 2
    if kind is ServerError:
        assert caught.value.where == server.url
    if "too large" in str(caught.value) or "length" in str(caught.value):
        assert isinstance(caught.value, RefusedError) and caught.value.status == 413


def test_a_server_that_is_not_there_is_named() -> None:
    with (
        HttpEngine("http://127.0.0.1:9/v1", "reader", retries=0) as engine,
        pytest.raises(ServerError, match="cannot be reached") as caught,
    ):
        engine.generate([HELLO])
    assert caught.value.where == "http://127.0.0.1:9/v1"


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="no http"):
        HttpEngine("localhost:8000", "reader")


def test_a_server_that_does_not_answer_is_given_up() -> None:
    let_go = threading.Event()

    def script(number: int, body: dict[str, Any]) -> Reply:
        let_go.wait(30)
        return answer()

    with scripted(script, timeout_seconds=0.2) as (engine, _):
        with pytest.raises(ServerError, match=r"no answer within 0\.2 s"):
            engine.generate([HELLO])
        let_go.set()


def test_a_busy_server_is_asked_again() -> None:
    def script(number: int, body: dict[str, Any]) -> Reply:
        status, _, content = refusal(429, "busy")
        return (status, {"Retry-After": "0.01"}, content) if number < 2 else answer()

    with scripted(script, retries=2) as (engine, server):
        assert engine.generate([HELLO])[0].text == "done"
    assert len(server.asked) == 3


def test_no_more_are_asked_at_a_time_than_allowed() -> None:
    inside, most = 0, 0
    lock = threading.Lock()
    three_at_once = threading.Barrier(3)

    def script(number: int, body: dict[str, Any]) -> Reply:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        three_at_once.wait(30)
        with lock:
            inside -= 1
        return answer(body["messages"][0]["content"])

    requests = [Request((Message("user", (Text(str(n)),)),)) for n in range(12)]
    with scripted(script, concurrency=3) as (engine, _):
        assert [completion.text for completion in engine.generate(requests)] == [
            str(n) for n in range(12)
        ]
    assert most == 3


class _Onlooker:
    def __init__(self, patience: float = float("inf")) -> None:
        self.deltas: list[Delta] = []
        self.patience = patience

    def wrote(self, index: int, delta: Delta) -> None:
        self.deltas.append(delta)

    def is_cancelled(self) -> bool:
        return len(self.deltas) >= self.patience


def _stream(*events: dict[str, Any] | str) -> Reply:
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    data = "".join(f"data: {line}\n\n" for line in lines).encode()
    return 200, {"Content-Type": "text/event-stream"}, data


def _chunk(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {} if text is None else {"content": text}
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "reader"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def test_a_stream_of_another_server() -> None:
    reply = _stream(
        _chunk(""), _chunk("do"), _chunk("ne"), _chunk(finish="length"),
        _chunk(usage={"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7})
        | {"choices": []},
        "[DONE]",
    )  # fmt: skip
    onlooker = _Onlooker()
    with scripted(lambda number, body: reply) as (engine, server):
        (completion,) = engine.generate([HELLO], onlooker)
    assert [delta.text for delta in onlooker.deltas] == ["do", "ne"]
    assert (completion.text, completion.finish_reason) == ("done", "length")
    assert (completion.prompt_tokens, completion.completion_tokens) == (5, 2)
    assert server.asked[0]["stream_options"] == {"include_usage": True}


def test_a_stream_that_breaks_off_is_an_error() -> None:
    broken = {"error": {"message": "NaN logits", "type": "server_error", "code": None}}
    cases = [
        (_stream(_chunk("do"), broken), ServerError, "broke off: NaN logits"),
        (_stream(_chunk("do")), ServerError, "without a finish_reason"),
        (_stream(_chunk("do"), "{not JSON"), ServerError, "no chat completion"),
    ]
    for reply, kind, text in cases:
        with (
            scripted(lambda number, body, reply=reply: reply) as (engine, _),
            pytest.raises(kind, match=text),
        ):
            engine.generate([HELLO], _Onlooker())


def test_cancelling_does_not_wait_for_the_server() -> None:
    let_go = threading.Event()

    def script(number: int, body: dict[str, Any]) -> Reply:
        let_go.wait(30)
        return answer()

    with scripted(script) as (engine, _):
        with pytest.raises(AnswerCancelledError):
            engine.generate([HELLO], _Onlooker(patience=0))
        let_go.set()


def test_one_refusal_ends_the_others() -> None:
    let_go = threading.Event()

    def script(number: int, body: dict[str, Any]) -> Reply:
        if body["messages"][0]["content"] == "bad":
            return refusal(400, "not this one")
        let_go.wait(30)
        return answer()

    bad = Request((Message("user", (Text("bad"),)),))
    with scripted(script) as (engine, _):
        with pytest.raises(RefusedError, match="not this one"):
            engine.generate([HELLO, bad, HELLO])
        let_go.set()


def test_it_works_where_an_event_loop_is_running() -> None:
    async def in_a_notebook() -> str:
        with scripted(lambda number, body: answer()) as (engine, _):
            return engine.generate([HELLO])[0].text

    assert asyncio.run(in_a_notebook()) == "done"


def test_the_models_of_a_server_are_listed() -> None:
    models = {"object": "list", "data": [{"id": "a", "object": "model", "created": 1}]}
    with scripted(lambda number, body: (200, {}, models)) as (engine, _):
        assert engine.models() == ["a"]
    with (
        scripted(lambda number, body: refusal(401, "no")) as (engine, _),
        pytest.raises(ServerError, match="API key"),
    ):
        engine.models()


class _Choosy(FakeEngine):
    def generate(self, requests: Any, watch: Any = None) -> Any:
        if requests[0].json_schema is not None:
            raise SchemaError("the decoder cannot honour this schema")
        return super().generate(requests, watch)


def test_a_schema_that_our_own_server_refuses_is_a_schema_error() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    service = Service(_Choosy(lambda request: "x", name="reader"), SPEC)
    with running_server(service) as url, HttpEngine(f"{url}/v1", "reader", retries=0) as engine:
        for watch in (None, _Onlooker()):
            with pytest.raises(SchemaError, match="cannot honour"):
                engine.generate([Request(HELLO.messages, json_schema=schema)], watch)
