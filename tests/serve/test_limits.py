"""Every limit refuses with its own status and reason, and leaves the server at work."""

import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from sightwright.infer.engine import Request

from .conftest import ANSWER, Serving, pdf_of, png_of

HELLO = {"model": "reader", "messages": [{"role": "user", "content": "Hello"}]}


def _refused(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    return error["message"]


def _still_works(client: httpx.Client) -> bool:
    return client.post("/v1/chat/completions", json=HELLO).status_code == 200


def test_a_body_over_the_limit_is_refused_by_its_length(serving: Serving) -> None:
    with serving(max_body_bytes=50_000) as (client, engine):
        answer = client.post("/v1/extract", files={"file": bytes(80_000)})
        assert "50000 bytes" in _refused(answer, 413, "too_large")
        assert engine.requests == []
        assert _still_works(client)


def test_a_body_of_unknown_length_is_refused_as_it_arrives(serving: Serving) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    with serving(max_body_bytes=50_000) as (client, _):
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/chat/completions", content=chunks(), headers=headers)
        assert "50000 bytes" in _refused(answer, 413, "too_large")
        assert _still_works(client)


def test_a_body_under_the_limit_passes(serving: Serving) -> None:
    with serving(max_body_bytes=len(pdf_of(1)) + 1000) as (client, _):
        assert client.post("/v1/extract", files={"file": pdf_of(1)}).status_code == 200


def test_pages_are_counted(serving: Serving) -> None:
    with serving(max_pages=2) as (client, engine):
        answer = client.post("/v1/extract", files={"file": pdf_of(3)})
        assert "3 pages, over the limit of 2" in _refused(answer, 413, "too_large")
        images = [("file", png_of())] * 3
        answer = client.post("/v1/extract", files=images)
        assert "3 pages, over the limit of 2" in _refused(answer, 413, "too_large")
        import base64

        url = "data:image/png;base64," + base64.b64encode(png_of()).decode()
        content = [{"type": "image_url", "image_url": {"url": url}}] * 3
        body = {"model": "reader", "messages": [{"role": "user", "content": content}]}
        answer = client.post("/v1/chat/completions", json=body)
        assert "3 pages, over the limit of 2" in _refused(answer, 413, "too_large")
        assert engine.requests == []


def test_pixels_are_counted_before_an_image_is_decoded(serving: Serving) -> None:
    with serving(max_image_pixels=10_000) as (client, _):
        answer = client.post("/v1/extract", files={"file": png_of(101, 100)})
        assert "101x100 pixels, over the limit of 10000" in _refused(answer, 413, "too_large")
        assert client.post("/v1/extract", files={"file": png_of(100, 100)}).status_code == 200


def test_a_bomb_is_refused(serving: Serving) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with serving() as (client, _):
        _refused(client.post("/v1/extract", files={"file": bomb}), 413, "too_large")


class _Slow:
    """Answers once it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self, request: Request) -> str:
        if request.images and request.max_tokens == 4:
            return ANSWER  # the server's own warm-up
        self.begun.release()
        assert self.go.wait(30)
        return ANSWER


def _in_thread(work: Callable[[], httpx.Response]) -> tuple[threading.Thread, list[httpx.Response]]:
    results: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


def test_a_full_queue_turns_requests_away_at_once(serving: Serving) -> None:
    slow = _Slow()
    with serving(slow, max_waiting=1) as (client, _):

        def post() -> httpx.Response:
            return client.post("/v1/chat/completions", json=HELLO)

        first, first_results = _in_thread(post)
        assert slow.begun.acquire(timeout=30)
        # Of two more one may wait; which of them arrives first is open.
        others = [_in_thread(post) for _ in range(2)]
        while not (refused := [result for _, results in others for result in results]):
            time.sleep(0.01)
        assert "2 requests" in _refused(refused[0], 429, "busy")
        assert refused[0].headers["retry-after"] == "1"
        # Health is answered whatever the engine does.
        assert client.get("/health").json()["status"] == "ready"
        slow.go.set()
        for thread in (first, *(thread for thread, _ in others)):
            thread.join()
        answered = first_results + [result for _, results in others for result in results]
        assert sorted(result.status_code for result in answered) == [200, 200, 429]
        assert _still_works(client)


def test_an_answer_that_takes_too_long_is_given_up(serving: Serving) -> None:
    slow = _Slow()
    with serving(slow, request_seconds=0.5) as (client, _):
        answer = client.post("/v1/chat/completions", json=HELLO)
        assert "no answer within 0.5 s" in _refused(answer, 504, "timeout")
        slow.go.set()
        assert _still_works(client)


def test_a_request_given_up_while_waiting_never_reaches_the_engine(serving: Serving) -> None:
    slow = _Slow()
    with serving(slow, request_seconds=0.5) as (client, engine):
        first, _ = _in_thread(lambda: client.post("/v1/chat/completions", json=HELLO))
        assert slow.begun.acquire(timeout=30)
        answer = client.post("/v1/chat/completions", json={**HELLO, "max_tokens": 77})
        _refused(answer, 504, "timeout")
        first.join()
        slow.go.set()
        assert _still_works(client)
        assert 77 not in [request.max_tokens for request in engine.requests]


def test_a_body_that_never_ends_arriving_is_given_up(serving: Serving) -> None:
    with serving(request_seconds=0.5) as (client, _):
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=30) as sent:
            head = "POST /v1/extract HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            sent.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
            answer = b"".join(iter(lambda: sent.recv(65536), b"")).decode()
        assert answer.startswith("HTTP/1.1 408")
        assert "did not arrive within 0.5 s" in answer
        assert _still_works(client)


def test_the_loop_answers_while_the_engine_works(serving: Serving) -> None:
    slow = _Slow()
    with serving(slow) as (client, _):
        thread, results = _in_thread(lambda: client.post("/v1/chat/completions", json=HELLO))
        assert slow.begun.acquire(timeout=30)
        started = time.monotonic()
        assert client.get("/v1/models").status_code == 200
        assert time.monotonic() - started < 5
        assert results == []
        slow.go.set()
        thread.join()


def test_what_is_asked_and_answered_is_never_logged(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="sightwright")
    secret: dict[str, Any] = {
        "model": "reader",
        "messages": [{"role": "user", "content": "SECRET-4711"}],
    }
    with serving(lambda request: '{"number":"SECRET-0815","total":1,"rows":[]}') as (client, _):
        client.post("/v1/chat/completions", json=secret)
        client.post("/v1/chat/completions", json={**secret, "stream": True})
        client.post("/v1/chat/completions", json={**secret, "n": 2})
        client.post("/v1/extract", files={"file": ("SECRET.pdf", pdf_of(1))})
    assert "POST /v1/extract 200" in caplog.text
    assert "POST /v1/chat/completions 400" in caplog.text
    assert "SECRET" not in caplog.text


def test_a_bug_is_a_500_that_tells_nothing_of_the_inside(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Request) -> str:
        if request.images:
            return ANSWER
        raise KeyError("inside")

    with serving(broken) as (client, _):
        answer = client.post("/v1/chat/completions", json=HELLO)
        message = _refused(answer, 500, "internal_error")
        assert "inside" not in message
        assert "KeyError: 'inside'" in caplog.text
        assert client.post("/v1/extract", files={"file": io.BytesIO(png_of())}).status_code == 200


def test_a_path_cannot_write_lines_of_its_own_into_the_log(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="sightwright")
    with serving() as (client, _):
        assert client.get("/x%0aINFO%20forged" + "y" * 5000).status_code == 404
    (message,) = [record.message for record in caplog.records if "forged" in record.message]
    assert "\n" not in message and len(message) < 300
