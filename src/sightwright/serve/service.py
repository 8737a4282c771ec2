"""A model at work: the engine, what it was taught, and the limits it serves under."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright import certificate
from sightwright.certificate import Certificate
from sightwright.infer.engine import Completion, Engine, Request
from sightwright.ingest.render import RenderPolicy
from sightwright.records import ImageRef, Message, Text
from sightwright.schema import DocumentSchema, load_schema
from sightwright.serve.limits import Limits
from sightwright.serve.rendering import Renderer
from sightwright.serve.worker import Worked, Worker
from sightwright.tasks.extract import DEFAULT_PROMPT, ExtractTask
from sightwright.vision import PixelPolicy, VisionSpec

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

DEFAULT_OUTPUT_TOKENS = 512
_WARM_UP_TOKENS = 4


@dataclass
class Service:
    """What the endpoints work with.

    Attributes:
        spec: pixel settings of the model.
        task: what `/v1/extract` asks; None for a model that was taught no extraction.
        output_tokens: limit of an answer that names none.
        dpi: resolution at which PDFs are drawn, as far as the pixel budget allows it.
    """

    engine: Engine
    spec: VisionSpec
    task: ExtractTask | None = None
    limits: Limits = field(default_factory=Limits)
    output_tokens: int = DEFAULT_OUTPUT_TOKENS
    dpi: int = 200
    is_ready: bool = False

    def __post_init__(self) -> None:
        policy = RenderPolicy(
            pixels=self.spec.pixels, dpi=self.dpi, max_pages=self.limits.max_pages
        )
        self.renderer = Renderer(policy, self.limits.render_seconds)
        self._worker = Worker()

    def start(self) -> None:
        """Answer one request for ourselves, so that no client pays for the first; then be ready.

        Raises:
            SchemaError: the decoder cannot honour the task's schema.
        """
        if self.is_ready:
            return
        self.renderer.start()
        schema = self.task.schema.json_schema if self.task else None
        if schema is not None:
            self.engine.check_schema(schema)
        turn = Message("user", (ImageRef("warm-up"), Text("Read this.")))
        request = Request(
            messages=self.task.messages(["warm-up"]) if self.task else (turn,),
            images=(_blank_page(self.spec),),
            json_schema=schema,
            max_tokens=min(_WARM_UP_TOKENS, self.limits.max_output_tokens),
        )
        self.engine.generate([request])
        self.is_ready = True

    async def generate(self, request: Request) -> Worked[Completion]:
        """Answer in turn, off the event loop.

        Raises:
            DataError: as `Engine.generate`.
        """
        return await self._worker.run(lambda: self.engine.generate([request])[0])

    def close(self) -> None:
        """Let the answer in hand end; drop the rest."""
        self.is_ready = False
        self._worker.close()
        self.renderer.close()


def service_of(
    model: str | Path,
    *,
    adapters: Path | None = None,
    schema: Path | None = None,
    prompt: str | None = None,
    limits: Limits | None = None,
    dpi: int = 200,
    dtype: str = "auto",
    device: str | None = None,
    name: str | None = None,
) -> Service:
    """Load a model for service: by default with the task and pixels that its folder records.

    Args:
        model: a model's folder, a hub id, or "tiny".
        adapters: an adapter's own folder, whose record then counts.
        schema, prompt: instead of the recorded ones.
        name: that clients ask for; by default the folder's.

    Raises:
        ModelError: a folder or an adapter that cannot be loaded.
        SchemaError: a schema that cannot be honoured.
    """
    from sightwright.infer.transformers_engine import TransformersEngine
    from sightwright.model.load import resolve_folder

    folder = resolve_folder(model)
    recorded = certificate.read(adapters or folder)
    pixels = recorded.pixels if recorded else None
    engine = TransformersEngine.from_folder(
        folder,
        adapters=adapters,
        dtype=dtype,
        device=device,
        pixels=PixelPolicy(pixels.min_pixels, pixels.max_pixels) if pixels else None,
    )
    engine.name = name or folder.resolve().name
    limits = limits or Limits()
    taught = recorded.task.max_output_tokens if recorded and recorded.task else None
    return Service(
        engine=engine,
        spec=engine.spec,
        task=_task(recorded, load_schema(schema) if schema else None, prompt),
        limits=limits,
        output_tokens=min(taught or DEFAULT_OUTPUT_TOKENS, limits.max_output_tokens),
        dpi=dpi,
    )


def _task(
    recorded: Certificate | None, schema: DocumentSchema | None, prompt: str | None
) -> ExtractTask | None:
    taught = recorded.task if recorded else None
    if schema is None and taught is not None and taught.json_schema is not None:
        schema = taught.json_schema.compiled()
    if schema is None:
        return None
    if taught is None or taught.type != "extract":
        return ExtractTask(schema, prompt or DEFAULT_PROMPT)
    return ExtractTask(schema, prompt or taught.prompt, taught.order, taught.prompt_has_schema)


def _blank_page(spec: VisionSpec) -> "Image":
    """White, A4 upright, at the largest size the model is shown."""
    from PIL import Image

    height = int(spec.pixels.max_pixels**0.5)
    return Image.new("RGB", (max(1, int(height / 2**0.5)), max(1, height)), "white")
