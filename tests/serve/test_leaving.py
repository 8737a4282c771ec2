"""Who leaves, or whose time is up, cancels the work: queued, drawing or half written."""

import base64
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from sightwright.errors import RefusedError
from sightwright.ingest.render import RenderPolicy
from sightwright.serve.rendering import Renderer
from sightwright.vision import PixelPolicy

from .conftest import ANSWER, Serving, pdf_of

LONG = "x" * 4000
HELLO: dict[str, Any] = {"model": "reader", "messages": [{"role": "user", "content": "Hello"}]}


@contextmanager
def _asking(
    client: httpx.Client, body: dict[str, Any], path: str = "/v1/chat/completions"
) -> Iterator[socket.socket]:
    """A connection that has asked; leaving the block hangs up."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((client.base_url.host, client.base_url.port)) as sent:
        sent.sendall(head.encode() + data)
        yield sent


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class _Steps:
    """Lets the engine write as many tokens as were released."""

    def __init__(self) -> None:
        self.taken = 0
        self._allowed = threading.Semaphore(0)
        self.is_held = False

    def __call__(self) -> None:
        if self.is_held:
            assert self._allowed.acquire(timeout=30)
            self.taken += 1

    def release(self, number: int) -> None:
        for _ in range(number):
            self._allowed.release()


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_stops_when_its_client_hangs_up(
    serving: Serving, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="sightwright")
    steps = _Steps()
    with serving(lambda request: LONG, task=None, before_step=steps) as (client, engine):
        steps.is_held = True
        with _asking(client, {**HELLO, "stream": stream}):
            steps.release(3)
            _until(lambda: steps.taken == 3)
        _until(lambda: "completions 499" in caplog.text)
        # Of the thousand tokens that were wanted, only the one being written is finished.
        steps.release(2000)
        steps.is_held = False
        answer = client.post("/v1/chat/completions", json={**HELLO, "max_tokens": 1})
        assert answer.status_code == 200
        assert engine.num_steps <= 5
        metrics = client.get("/metrics").text
    assert 'sightwright_requests_total{endpoint="/v1/chat/completions",status="499"} 1.0' in metrics
    assert "sightwright_requests_in_flight 0.0" in metrics


def test_a_queued_request_is_dropped_when_its_client_hangs_up(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="sightwright")
    steps = _Steps()
    with serving(lambda request: LONG, task=None, before_step=steps) as (client, engine):
        steps.is_held = True
        with _asking(client, {**HELLO, "max_tokens": 2}) as first:
            steps.release(1)
            _until(lambda: steps.taken == 1)
            with _asking(client, {**HELLO, "max_tokens": 77}):
                _until(lambda: "in_flight 2.0" in client.get("/metrics").text)
            _until(lambda: "completions 499" in caplog.text)
            steps.release(1)
            assert first.recv(65536).startswith(b"HTTP/1.1 200")
        assert [request.max_tokens for request in engine.requests] == [2]


def test_an_answer_whose_time_is_up_is_not_written_on(serving: Serving) -> None:
    steps = _Steps()
    with serving(lambda request: LONG, task=None, before_step=steps, request_seconds=1.5) as (
        client,
        engine,
    ):
        steps.is_held = True
        steps.release(2)
        assert client.post("/v1/chat/completions", json=HELLO).status_code == 504
        steps.is_held = False
        steps.release(1)
        assert client.post("/v1/chat/completions", json={**HELLO, "max_tokens": 1}).is_success
        assert engine.num_steps <= 4


def test_windows_that_are_left_are_not_read(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="sightwright")
    steps = _Steps()
    with serving(lambda request: ANSWER, before_step=steps, window_pages=1) as (client, engine):
        steps.is_held = True
        url = f"data:application/pdf;base64,{base64.b64encode(pdf_of(3)).decode()}"
        with _asking(client, {"file": url}, "/v1/extract"):
            steps.release(1)
            _until(lambda: steps.taken == 1)
        _until(lambda: "extract 499" in caplog.text)
        steps.is_held = False
        steps.release(1)
        assert client.post("/v1/extract", files={"file": pdf_of(1)}).is_success
        # One window of the first document, the one of the second.
        assert len(engine.requests) == 2


def test_a_drawing_ends_when_it_is_cancelled() -> None:
    """A child that hangs is not waited for, and the next document is drawn."""
    renderer = Renderer(RenderPolicy(pixels=PixelPolicy(1024, 65536)), seconds=60)
    renderer.draw(pdf_of(1))
    assert renderer._child is not None
    os.kill(renderer._child.process.pid, signal.SIGSTOP)
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    started = time.monotonic()
    with pytest.raises(RefusedError, match="cancelled"):
        renderer.draw(pdf_of(1), cancelled)
    assert time.monotonic() - started < 10
    assert len(renderer.draw(pdf_of(1))) == 1
    renderer.close()


def test_a_client_that_leaves_ends_its_drawing(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="sightwright")
    begun, ended = threading.Event(), threading.Event()

    def draw(self: Renderer, data: bytes, cancelled: threading.Event) -> list[Any]:
        begun.set()
        assert cancelled.wait(30)
        ended.set()
        raise RefusedError("cancelled", status=499)

    with serving() as (client, _):
        monkeypatch.setattr(Renderer, "draw", draw)
        url = f"data:application/pdf;base64,{base64.b64encode(pdf_of(1)).decode()}"
        content = [{"type": "file", "file": {"file_data": url}}]
        with _asking(client, {**HELLO, "messages": [{"role": "user", "content": content}]}):
            assert begun.wait(30)
        assert ended.wait(30)
        _until(lambda: "completions 499" in caplog.text)


def test_a_client_that_reads_slowly_gets_all_of_its_stream(serving: Serving) -> None:
    with (
        serving(lambda request: LONG, task=None) as (client, _),
        _asking(client, {**HELLO, "stream": True, "max_tokens": 4000}) as sent,
    ):
        time.sleep(0.2)
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += sent.recv(256)
    assert data.count(b'"content":"xxxx"') == 1000
    assert b"data: [DONE]" in data
