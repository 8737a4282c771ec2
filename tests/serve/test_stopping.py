"""SIGTERM at a server at work: what is in hand is answered, or ended in time; a second one ends."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import httpx
import pytest

_PROGRAM = """
import sys, time
from sightwright.infer.fake import FakeEngine
from sightwright.serve.running import bind, serve_until_stopped
from sightwright.serve.service import Service
from sightwright.vision import PixelPolicy, VisionSpec

step_seconds, grace_seconds = map(float, sys.argv[1:])
is_warm = False

def step():
    if is_warm:
        print("step", flush=True)
        time.sleep(step_seconds)

service = Service(
    FakeEngine(lambda request: "word" * 10, before_step=step),
    VisionSpec(PixelPolicy(1024, 4096)),
)
service.start()
is_warm = True
with bind("127.0.0.1", 0) as bound:
    serve_until_stopped(service, bound, lambda url: print(url, flush=True), grace_seconds)
print("stopped", flush=True)
"""
_STARTING = """
import time
from sightwright.infer.fake import FakeEngine
from sightwright.serve.running import bind, serve_until_stopped
from sightwright.serve.service import Service
from sightwright.vision import PixelPolicy, VisionSpec

def step():
    print("warming up", flush=True)
    time.sleep(60)

service = Service(FakeEngine(lambda request: "x", before_step=step), VisionSpec(PixelPolicy(1, 9)))
with bind("127.0.0.1", 0) as bound:
    serve_until_stopped(service, bound, print)
print("stopped", flush=True)
"""
BODY: dict[str, Any] = {"model": "fake", "messages": [{"role": "user", "content": "Hello"}]}


@contextmanager
def _server(step_seconds: float, grace_seconds: float) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _PROGRAM, str(step_seconds), str(grace_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _in_thread(url: str, **more: Any) -> tuple[threading.Thread, list[httpx.Response]]:
    answers: list[httpx.Response] = []

    def ask() -> None:
        body = {**BODY, **more}
        answers.append(httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


def _wait_until_inside(url: str, count: int, *answered: list[httpx.Response]) -> None:
    """Wait until so many requests have been taken in, those that are answered already included."""
    inside = "sightwright_requests_in_flight"
    while True:
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        in_flight = next(float(line.split()[1]) for line in lines if line.startswith(f"{inside} "))
        if in_flight + sum(map(len, answered)) >= count:
            return
        time.sleep(0.01)


def _out(process: "subprocess.Popen[str]") -> IO[str]:
    assert process.stdout is not None
    return process.stdout


@pytest.mark.parametrize("stream", [False, True])
def test_answers_in_hand_are_finished(stream: bool) -> None:
    with _server(0.05, 20) as process:
        url = _out(process).readline().strip()
        first, answers = _in_thread(url, stream=stream)
        second, more = _in_thread(url, stream=stream)
        assert _out(process).readline() == "step\n"
        _wait_until_inside(url, 2, answers, more)
        process.send_signal(signal.SIGTERM)
        first.join()
        second.join()
        for answer in (*answers, *more):
            assert answer.status_code == 200
            assert ("[DONE]" if stream else "word" * 10) in answer.text
        assert _out(process).read().endswith("stopped\n")
        assert process.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


@pytest.mark.parametrize("stream", [False, True])
def test_what_outlasts_the_grace_is_ended_with_the_reason(stream: bool) -> None:
    with _server(0.5, 0.6) as process:
        url = _out(process).readline().strip()
        thread, answers = _in_thread(url, stream=stream)
        # The second step has begun, so the first token is on its way.
        assert [_out(process).readline() for _ in range(2)] == ["step\n"] * 2
        process.send_signal(signal.SIGINT)
        thread.join()
        assert _out(process).read().endswith("stopped\n")
        assert process.wait(30) == 0
    (answer,) = answers
    if stream:
        last = json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))
        assert answer.status_code == 200
    else:
        last = answer.json()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert last["error"]["code"] == "unavailable"
    assert "stopped" in last["error"]["message"]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once(kind: signal.Signals) -> None:
    with _server(60, 60) as process:
        url = _out(process).readline().strip()
        thread = threading.Thread(target=_expect_nothing, args=(url,))
        thread.start()
        assert _out(process).readline() == "step\n"
        process.send_signal(signal.SIGTERM)
        # The first one has been taken once nobody is let in any more.
        deadline = time.monotonic() + 20
        while _is_listening(url):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        started = time.monotonic()
        process.send_signal(kind)
        assert process.wait(30) == -kind
        assert time.monotonic() - started < 5
        thread.join()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_server_that_is_still_starting(kind: signal.Signals) -> None:
    command = [sys.executable, "-c", _STARTING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert _out(process).readline() == "warming up\n"
            process.send_signal(kind)
            assert _out(process).read() == "stopped\n"
            assert process.wait(30) == 0
        finally:
            process.kill()


def _expect_nothing(url: str) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{url}/v1/chat/completions", json=BODY, timeout=30)


def _is_listening(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False
