"""Services around an engine without a model, and the documents that are sent to them."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from sightwright.infer.engine import Request
from sightwright.infer.fake import FakeEngine
from sightwright.schema import compile_schema
from sightwright.serve.keys import Access
from sightwright.serve.limits import Limits
from sightwright.serve.running import running_server
from sightwright.serve.service import Service
from sightwright.tasks.extract import ExtractTask
from sightwright.vision import PixelPolicy, VisionSpec

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "number": {"type": "string"},
        "total": {"type": "number"},
        "rows": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["rows"],
}
SPEC = VisionSpec(PixelPolicy(1024, 65536))
TASK = ExtractTask(compile_schema(SCHEMA, "receipt"), "Read the receipt.")
ANSWER = '{"number":"A-1","total":34.70,"rows":["tea"]}'

Serving = Callable[..., AbstractContextManager[tuple[httpx.Client, FakeEngine]]]


def pdf_of(num_pages: int, size_pt: tuple[float, float] = (192, 288)) -> bytes:
    """A PDF whose pages say their number."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size_pt)
    for number in range(1, num_pages + 1):
        canvas.drawString(20, 100, f"page {number}")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def png_of(width: int = 64, height: int = 96, color: str = "white") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, "PNG")
    return buffer.getvalue()


def service_with(
    engine: FakeEngine,
    *,
    limits: Limits | None = None,
    task: ExtractTask | None = TASK,
    more: Sequence[ExtractTask] = (),
    access: Access | None = None,
) -> Service:
    tasks = {asked.schema.name: asked for asked in ([task] if task else []) + list(more)}
    return Service(engine, SPEC, tasks, limits or Limits(), access or Access(), output_tokens=256)


@contextmanager
def _serving(
    answers: Callable[[Request], str] = lambda request: ANSWER,
    *,
    task: ExtractTask | None = TASK,
    more: Sequence[ExtractTask] = (),
    access: Access | None = None,
    before_step: Callable[[], object] | None = None,
    **limits: Any,
) -> Iterator[tuple[httpx.Client, FakeEngine]]:
    engine = FakeEngine(answers, name="reader", before_step=before_step)
    service = service_with(engine, limits=Limits(**limits), task=task, more=more, access=access)
    with running_server(service) as url, httpx.Client(base_url=url, timeout=30) as client:
        # What the service asked itself is no client's request.
        engine.requests.clear()
        engine.num_steps = 0
        yield client, engine


@pytest.fixture
def serving() -> Serving:
    """A real server on a loopback port, and the client and engine at its two ends."""
    return _serving


@pytest.fixture(scope="module")
def shared_server() -> Iterator[tuple[httpx.Client, FakeEngine]]:
    """One server for the tests of a module that change nothing about it."""
    with _serving() as pair:
        yield pair


@pytest.fixture
def server(
    shared_server: tuple[httpx.Client, FakeEngine],
) -> tuple[httpx.Client, FakeEngine]:
    shared_server[1].requests.clear()
    return shared_server
