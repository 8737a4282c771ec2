"""`sightwright infer`: one document or picture in, its answer out, by a model here or a server.

Without either it is a conversation. ms-swift's names of the options are taken too.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright.cli import infer_options as options
from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path
from sightwright.errors import ConfigError

if TYPE_CHECKING:
    from PIL.Image import Image

    from sightwright.certificate import Certificate
    from sightwright.cli.infer_answers import Manner
    from sightwright.infer.asking import TextQuestion
    from sightwright.infer.engine import Engine
    from sightwright.infer.http_engine import HttpEngine
    from sightwright.tasks.extract import ExtractTask
    from sightwright.vision import PixelPolicy, VisionSpec

_DRAW_SECONDS = 600.0
_IS_ADDRESS = ("http://", "https://", "data:")


@dataclass(frozen=True)
class _Where:
    """Which model answers: one loaded here, or a server's."""

    model: str | None
    adapters: Path | None
    url: str | None
    api_key: str | None
    certificate: Path | None
    device: str | None
    dtype: str
    attn_impl: str


@dataclass(frozen=True)
class _Shown:
    """What the model is shown."""

    images: tuple[str, ...]
    pdf: Path | None
    max_pixels: int | None
    dpi: int
    window_pages: int

    @property
    def is_nothing(self) -> bool:
        return not self.images and self.pdf is None


@dataclass(frozen=True)
class _Asked:
    """What the command line says of the question; None where it says nothing."""

    schema: Path | None
    prompt: str | None
    system: str | None

    @property
    def is_nothing(self) -> bool:
        return self.schema is None and self.prompt is None


@dataclass(frozen=True)
class _Told:
    """How the answer is drawn and told."""

    max_tokens: int | None
    temperature: float
    seed: int
    stream: bool
    as_json: bool


def infer(
    model: options.Model = None,
    adapters: options.Adapters = None,
    image: options.Images = None,
    pdf: options.Pdf = None,
    schema: options.Schema = None,
    prompt: options.Prompt = None,
    system: options.System = None,
    max_tokens: options.MaxTokens = None,
    temperature: options.Temperature = 0.0,
    seed: options.Seed = 0,
    stream: options.Stream = False,
    max_pixels: options.MaxPixels = None,
    dpi: options.Dpi = 200,
    window_pages: options.WindowPages = 8,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    certificate: options.Certificate = None,
    device: options.Device = None,
    dtype: options.Dtype = "auto",
    attn_impl: options.AttnImpl = "sdpa",
    infer_backend: options.InferBackend = "transformers",
    as_json: options.AsJson = False,
) -> None:
    """Read one document or picture; prints the document, or the text, on stdout.

    With neither an image nor a PDF nor a question: a conversation, one question a line.
    """
    _check_backend(infer_backend)
    where = _Where(model, adapters, url, api_key, certificate, device, dtype, attn_impl)
    shown = _Shown(tuple(image or ()), pdf, max_pixels, dpi, window_pages)
    asked = _Asked(schema, prompt, system)
    _answer(where, shown, asked, _Told(max_tokens, temperature, seed, stream, as_json))


def _answer(where: _Where, shown: _Shown, asked: _Asked, told: _Told) -> None:
    talks = shown.is_nothing and asked.is_nothing
    _check(where, shown, talks)
    from sightwright.cli.infer_answers import Drawn, Manner
    from sightwright.cli.infer_talk import talk
    from sightwright.infer.asking import output_tokens_of, pixels_of

    known = _known(where)
    limit = told.max_tokens or output_tokens_of(known)
    manner = Manner(limit, told.temperature, told.seed, told.stream, told.as_json)
    spec = _spec(where, pixels_of(known, shown.max_pixels))
    if talks:
        with _engine(where, spec) as engine:
            talk(Drawn(engine, manner), manner, _opened, asked.system or _system_of(known))
        return
    question = _question(known, asked, told)
    pages = _pages(shown, spec)
    with _engine(where, spec) as engine:
        _read(Drawn(engine, manner), question, pages, known, manner, shown.window_pages)


def _question(
    known: "Certificate | None", asked: _Asked, told: _Told
) -> "ExtractTask | TextQuestion":
    from sightwright.infer.asking import TextQuestion, question_of
    from sightwright.schema import load_schema

    schema = load_schema(asked.schema) if asked.schema else None
    question = question_of(known, schema, asked.prompt)
    if isinstance(question, TextQuestion):
        return replace(question, system=asked.system) if asked.system is not None else question
    if asked.system is not None:
        raise ConfigError(
            "--system: a document is asked for by its instruction alone", remedy="give --prompt"
        )
    if told.stream:
        raise ConfigError("--stream: a document is printed when it is whole", remedy="leave it out")
    return question


def _system_of(known: "Certificate | None") -> str | None:
    photographs = known.task.inspection if known and known.task else None
    return photographs.system if photographs else None


def _read(
    engine: "Engine",
    question: "ExtractTask | TextQuestion",
    pages: "list[Image]",
    known: "Certificate | None",
    manner: "Manner",
    window_pages: int,
) -> None:
    from sightwright.cli.infer_answers import read_document, read_text
    from sightwright.infer.asking import TextQuestion

    if isinstance(question, TextQuestion):
        read_text(engine, question, pages, manner)
    else:
        calibration = known.calibration if known else None
        read_document(engine, question, pages, calibration, manner, window_pages)


def _check_backend(name: str) -> None:
    """ms-swift calls transformers pt."""
    if name not in ("pt", "transformers"):
        raise ConfigError(
            f"--infer_backend {name}: models are loaded with transformers alone here",
            remedy="start a server of that kind, and ask it with --url http://host:8000/v1",
        )


def _check(where: _Where, shown: _Shown, talks: bool) -> None:
    if not talks and bool(shown.images) == (shown.pdf is not None):
        raise ConfigError("either images or one PDF", remedy="give --image, or --pdf")
    if where.url is None and where.model is None and where.adapters is None:
        raise ConfigError("nobody to ask", remedy="give --model, or --adapters, or --url")
    if where.url is not None and where.adapters is not None:
        raise ConfigError("a server has its adapters already", remedy="leave --adapters out")
    if where.url is None and where.certificate is not None:
        raise ConfigError(
            "a model that is loaded brings its own sightwright.json",
            remedy="--certificate is for --url",
        )


def _known(where: _Where) -> "Certificate | None":
    """What is recorded of how the model was taught."""
    from sightwright import certificate

    if where.url is not None:
        return certificate.read(where.certificate) if where.certificate else None
    checkpoint, base = _weights(where)
    from sightwright.model.load import resolve_folder

    return certificate.read(checkpoint or resolve_folder(base))


def _weights(where: _Where) -> tuple[Path | None, str]:
    """The adapter's own folder, also where a run folder is given, and the base model."""
    if where.adapters is None:
        assert where.model is not None, "checked before"
        return None, where.model
    from sightwright.export.adapter import base_of, find_adapter

    checkpoint = find_adapter(where.adapters).folder
    return checkpoint, where.model or base_of(checkpoint)


def _spec(where: _Where, pixels: "PixelPolicy | None") -> "VisionSpec | None":
    """The sizes at which the model sees images; None for a server's that nothing is known of."""
    if where.url is None:
        from sightwright.model.load import load_vision_spec, resolve_folder

        return load_vision_spec(resolve_folder(_weights(where)[1]), pixels)
    from sightwright.vision import VisionSpec

    return VisionSpec(pixels) if pixels else None


@contextmanager
def _engine(where: _Where, spec: "VisionSpec | None") -> "Iterator[Engine]":
    if where.url is None:
        yield _loaded(where, spec)
        return
    with _server(where, where.url, spec) as engine:
        yield engine


def _loaded(where: _Where, spec: "VisionSpec | None") -> "Engine":
    from sightwright import extras

    for package in ("torch", "transformers", *(["peft"] if where.adapters else [])):
        extras.require(package, "train")
    from sightwright.infer.transformers_engine import TransformersEngine

    checkpoint, base = _weights(where)
    return TransformersEngine.from_folder(
        base,
        adapters=checkpoint,
        dtype=where.dtype,
        attn_impl=where.attn_impl,
        device=where.device,
        pixels=spec.pixels if spec else None,
    )


def _server(where: _Where, url: str, spec: "VisionSpec | None") -> "HttpEngine":
    from sightwright.infer.http_engine import HttpEngine

    if where.model is not None:
        return HttpEngine(url, where.model, api_key=where.api_key, spec=spec)
    with HttpEngine(url, "", api_key=where.api_key) as asking:
        names = asking.models()
    if len(names) != 1:
        raise ConfigError(
            f"the server has {counted(len(names), 'model')}: {', '.join(names)}",
            where=url,
            remedy="name one with --model",
        )
    return HttpEngine(url, names[0], api_key=where.api_key, spec=spec)


def _opened(name: str) -> "Image":
    from sightwright.images import open_image

    # Absolute: a path of the command line starts here, whatever ROOT_IMAGE_DIR says.
    return open_image(name if name.startswith(_IS_ADDRESS) else given_path(name).absolute())


def _pages(shown: _Shown, spec: "VisionSpec | None") -> "list[Image]":
    if shown.pdf is None:
        return [_opened(name) for name in shown.images]
    from sightwright.ingest.render import DEFAULT_PIXELS, RenderPolicy
    from sightwright.serve.rendering import Renderer

    try:
        data = shown.pdf.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(shown.pdf)) from None
    # In a process of its own, as a server draws it: a PDF may come from anywhere.
    policy = RenderPolicy(spec.pixels if spec else DEFAULT_PIXELS, shown.dpi)
    renderer = Renderer(policy, _DRAW_SECONDS)
    with closing(renderer):
        return renderer.draw(data)
