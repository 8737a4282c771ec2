"""A server starts, says where it is, ends by itself, and needs no torch to be imported."""

import signal
import subprocess
import sys
import threading

import httpx
import pytest

from sightwright.errors import ConfigError, SchemaError
from sightwright.infer.engine import Completion, Request
from sightwright.infer.fake import FakeEngine
from sightwright.serve.running import bind, running_server, url_of

from .conftest import ANSWER, TASK, service_with


def test_a_server_ends_with_its_block() -> None:
    before = threading.active_count()
    service = service_with(FakeEngine(lambda request: ANSWER))
    with running_server(service) as url:
        assert httpx.get(f"{url}/health").json() == {
            "status": "ready",
            "model": "fake",
            "extracts": ["receipt"],
        }
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")
    assert not service.is_ready
    assert threading.active_count() == before


def test_the_engine_is_warm_before_the_first_request() -> None:
    engine = FakeEngine(lambda request: ANSWER)
    with running_server(service_with(engine)):
        assert engine.schemas == [TASK.schema.json_schema]
        (request,) = engine.requests
    assert request.json_schema == TASK.schema.json_schema
    assert len(request.images) == 1


class _Choosy(FakeEngine):
    def check_schema(self, json_schema: dict[str, object]) -> None:
        raise SchemaError("the decoder cannot honour this")


def test_a_schema_that_cannot_be_honoured_stops_the_start() -> None:
    service = service_with(_Choosy(lambda request: ANSWER))
    with pytest.raises(SchemaError, match="cannot honour"), running_server(service):
        raise AssertionError("not reached")


class _Broken(FakeEngine):
    def generate(self, requests: list[Request]) -> list[Completion]:  # pyright: ignore
        raise RuntimeError("no weights")


def test_an_engine_that_cannot_answer_stops_the_start() -> None:
    service = service_with(_Broken(lambda request: ANSWER))
    with pytest.raises(RuntimeError, match="no weights"), running_server(service):
        raise AssertionError("not reached")


_FOREGROUND = """
from sightwright.infer.fake import FakeEngine
from sightwright.serve.running import bind, serve_until_stopped
from sightwright.serve.service import Service
from sightwright.vision import PixelPolicy, VisionSpec

def slowly(request):
    if not request.images:
        print("begun", flush=True)
        time.sleep(0.5)
    return "done"

service = Service(FakeEngine(slowly), VisionSpec(PixelPolicy(1024, 4096)))
with bind("127.0.0.1", 0) as bound:
    serve_until_stopped(service, bound, lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_server_after_the_answer_in_hand(ending: signal.Signals) -> None:
    command = [sys.executable, "-c", f"import time\n{_FOREGROUND}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        body = {"model": "fake", "messages": [{"role": "user", "content": "Hello"}]}
        answers: list[httpx.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30)
            )
        )
        asking.start()
        assert process.stdout.readline() == "begun\n"
        process.send_signal(ending)
        asking.join()
        assert answers[0].json()["choices"][0]["message"]["content"] == "done"
        assert process.stdout.readline() == "stopped\n"
        assert process.wait(30) == 0


def test_an_address_in_use_is_refused() -> None:
    with bind("127.0.0.1", 0) as held:
        held.listen()
        port = held.getsockname()[1]
        assert url_of(held) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConfigError, match="cannot listen"):
            bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        bind("203.0.113.7", 0)


def test_the_server_imports_without_torch() -> None:
    modules = "app, service, running, openai_api, extract_api, rendering"
    code = (
        f"import sys; from sightwright.serve import {modules}; import sightwright.cli.serve; "
        "sys.exit(', '.join({'torch', 'transformers', 'peft'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
