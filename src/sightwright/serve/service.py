"""A model at work: the engine, what it was taught, and the limits it serves under."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright import certificate
from sightwright.certificate import Calibration, Certificate
from sightwright.infer.asking import (
    DEFAULT_OUTPUT_TOKENS,
    output_tokens_of,
    pixels_of,
    task_of,
)
from sightwright.infer.engine import Completion, Delta, Engine, Request
from sightwright.ingest.render import RenderPolicy
from sightwright.records import ImageRef, Message, Text
from sightwright.schema import DocumentSchema, load_schema
from sightwright.serve.keys import Access
from sightwright.serve.limits import Limits
from sightwright.serve.remote_files import RemoteFiles
from sightwright.serve.rendering import Renderer
from sightwright.serve.telemetry import Telemetry
from sightwright.serve.worker import Worked, Worker
from sightwright.tasks.extract import ExtractTask
from sightwright.vision import VisionSpec
from sightwright.web.fetch import Fetcher

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

_WARM_UP_TOKENS = 4


@dataclass
class Service:
    """What the endpoints work with.

    Attributes:
        spec: pixel settings of the model.
        tasks: what `/v1/extract` asks, by the schema's name; none for a model that was taught no
            extraction.
        access: who may ask.
        output_tokens: limit of an answer that names none.
        dpi: resolution at which PDFs are drawn, as far as the pixel budget allows it.
        network: over which remote images are fetched, where `limits` allows that.
    """

    engine: Engine
    spec: VisionSpec
    tasks: Mapping[str, ExtractTask] = field(default_factory=dict[str, ExtractTask])
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
    output_tokens: int = DEFAULT_OUTPUT_TOKENS
    dpi: int = 200
    calibration: Calibration | None = None
    is_ready: bool = False
    network: Fetcher = field(default_factory=Fetcher)

    def __post_init__(self) -> None:
        policy = RenderPolicy(
            pixels=self.spec.pixels, dpi=self.dpi, max_pages=self.limits.max_pages
        )
        self.renderer = Renderer(policy, self.limits.render_seconds)
        self.telemetry = Telemetry(self.engine.name, list(self.tasks))
        self.remote_files = RemoteFiles(self.limits, self.network)
        self._engine_worker = Worker("engine")
        self._renderer_worker = Worker("renderer")

    @property
    def task(self) -> ExtractTask | None:
        """What is asked where no schema is named: the one task, if there is one alone."""
        return next(iter(self.tasks.values())) if len(self.tasks) == 1 else None

    def start(self) -> None:
        """Answer one request for ourselves, so that no client pays for the first; then be ready.

        Raises:
            SchemaError: the decoder cannot honour a task's schema.
        """
        if self.is_ready:
            return
        self.renderer.start()
        for task in self.tasks.values():
            self.engine.check_schema(task.schema.json_schema)
        self.engine.generate([self._warm_up()])
        self.is_ready = True

    def _warm_up(self) -> Request:
        task = next(iter(self.tasks.values()), None)
        turn = Message("user", (ImageRef("warm-up"), Text("Read this.")))
        return Request(
            messages=task.messages(["warm-up"]) if task else (turn,),
            images=(_blank_page(self.spec),),
            json_schema=task.schema.json_schema if task else None,
            max_tokens=min(_WARM_UP_TOKENS, self.limits.max_output_tokens),
        )

    async def generate(
        self, request: Request, on_delta: Callable[[Delta], object] | None = None
    ) -> Worked[Completion]:
        """Answer in turn, off the event loop. A caller that is cancelled stops the engine.

        Args:
            on_delta: called in the event loop's thread as the answer grows.

        Raises:
            DataError: as `Engine.generate`.
        """
        loop, asked = asyncio.get_running_loop(), time.monotonic()

        def work(cancelled: threading.Event) -> Completion:
            watch = _Watch(cancelled, self.telemetry, asked, loop, on_delta)
            return self.engine.generate([request], watch)[0]

        answer = await self._engine_worker.run(work)
        self.telemetry.generated(answer.result, answer.queue_seconds, answer.work_seconds)
        return answer

    async def draw(self, pdf: bytes) -> "list[Image]":
        """The pages of a PDF, drawn in turn. A caller that is cancelled ends the drawing.

        Raises:
            RefusedError: as `Renderer.draw`.
        """
        drawn = await self._renderer_worker.run(
            lambda cancelled: self.renderer.draw(pdf, cancelled)
        )
        self.telemetry.rendered(drawn.work_seconds)
        return drawn.result

    def close(self) -> None:
        """Let the answer in hand end; drop the rest."""
        self.is_ready = False
        self._engine_worker.close()
        self._renderer_worker.close()
        self.remote_files.close()
        self.renderer.close()


@dataclass
class _Watch:
    """Hands an answer's deltas from the engine's thread to the event loop's."""

    cancelled: threading.Event
    telemetry: Telemetry
    asked: float
    loop: asyncio.AbstractEventLoop
    on_delta: Callable[[Delta], object] | None
    has_begun: bool = False

    def wrote(self, index: int, delta: Delta) -> None:
        if not self.has_begun:
            self.has_begun = True
            self.telemetry.wrote_first_token(time.monotonic() - self.asked)
        if self.on_delta is not None:
            self.loop.call_soon_threadsafe(self.on_delta, delta)

    def is_cancelled(self) -> bool:
        return self.cancelled.is_set()


def service_of(
    model: str | Path,
    *,
    adapters: Path | None = None,
    schemas: Mapping[str, Path] | None = None,
    prompt: str | None = None,
    limits: Limits | None = None,
    access: Access | None = None,
    dpi: int = 200,
    dtype: str = "auto",
    device: str | None = None,
    name: str | None = None,
) -> Service:
    """Load a model for service: by default with the task and pixels that its folder records.

    Args:
        model: a model's folder, a hub id, or "tiny".
        adapters: an adapter's own folder, whose record then counts.
        schemas, prompt: instead of the recorded ones; schema files by the name they are asked by.
        name: that clients ask for; by default the folder's.

    Raises:
        ModelError: a folder or an adapter that cannot be loaded.
        SchemaError: a schema that cannot be honoured.
    """
    from sightwright.infer.transformers_engine import TransformersEngine
    from sightwright.model.load import resolve_folder

    folder = resolve_folder(model)
    recorded = certificate.read(adapters or folder)
    engine = TransformersEngine.from_folder(
        folder,
        adapters=adapters,
        dtype=dtype,
        device=device,
        pixels=pixels_of(recorded, None),
    )
    engine.name = name or folder.resolve().name
    limits = limits or Limits()
    given = [replace(load_schema(path), name=name) for name, path in (schemas or {}).items()]
    return Service(
        engine=engine,
        spec=engine.spec,
        tasks=_tasks(recorded, given, prompt),
        limits=limits,
        access=access or Access(),
        output_tokens=min(output_tokens_of(recorded), limits.max_output_tokens),
        dpi=dpi,
        calibration=recorded.calibration if recorded else None,
    )


def _tasks(
    recorded: Certificate | None, given: list[DocumentSchema], prompt: str | None
) -> dict[str, ExtractTask]:
    asked = [task_of(recorded, schema, prompt) for schema in given or [None]]
    return {task.schema.name: task for task in asked if task is not None}


def _blank_page(spec: VisionSpec) -> "Image":
    """White, A4 upright, at the largest size the model is shown."""
    from PIL import Image

    height = int(spec.pixels.max_pixels**0.5)
    return Image.new("RGB", (max(1, int(height / 2**0.5)), max(1, height)), "white")
