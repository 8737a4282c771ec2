"""`sightwright infer`: one document or picture in, its answer out, by a model here or a server."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path
from sightwright.errors import ConfigError

if TYPE_CHECKING:
    from PIL.Image import Image

    from sightwright.certificate import Calibration, Certificate
    from sightwright.infer.asking import TextQuestion
    from sightwright.infer.engine import Completion, Engine
    from sightwright.infer.http_engine import HttpEngine
    from sightwright.infer.reading import Extraction
    from sightwright.tasks.extract import ExtractTask
    from sightwright.vision import PixelPolicy, VisionSpec

_DRAW_SECONDS = 600.0


def _path(help: str, metavar: str = "FILE") -> Any:
    return typer.Option(parser=given_path, metavar=metavar, help=help, show_default=False)


def _given(help: str, **more: Any) -> Any:
    return typer.Option(help=help, show_default=False, **more)


Images = Annotated[
    list[str] | None,
    typer.Option("--image", metavar="FILE", show_default=False,
                 help="An image, or its http(s) address; give one option for each."),
]  # fmt: skip
ApiKey = Annotated[
    str | None,
    _given("Key of the server at --url.", envvar="SIGHTWRIGHT_API_KEY"),
]


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


@dataclass(frozen=True)
class _Shown:
    """What the model is shown."""

    images: tuple[str, ...]
    pdf: Path | None
    dpi: int
    window_pages: int


def infer(
    model: Annotated[
        str | None,
        _given("A model's folder, a hub id, or tiny; with --url its name at the server."),
    ] = None,
    adapters: Annotated[Path | None, _path("An adapter's folder, or a run folder.", "DIR")] = None,
    image: Images = None,
    pdf: Annotated[Path | None, _path("A PDF.")] = None,
    schema: Annotated[
        Path | None, _path("JSON Schema of the document; else the trained one.")
    ] = None,
    prompt: Annotated[str | None, _given("Instruction; else the trained one.")] = None,
    max_tokens: Annotated[
        int | None, _given("Output limit; else as trained, or 512.", min=1)
    ] = None,
    max_pixels: Annotated[
        int | None, _given("Most pixels of an image; else as trained.", min=1)
    ] = None,
    dpi: Annotated[int, typer.Option(help="Resolution of the PDF.", min=36, max=1200)] = 200,
    window_pages: Annotated[
        int, typer.Option(help="Pages shown at once; more are read in windows.", min=1)
    ] = 8,
    url: Annotated[
        str | None,
        _given("Ask this OpenAI-compatible server: http://host:8000/v1.", metavar="URL"),
    ] = None,
    api_key: ApiKey = None,
    certificate: Annotated[
        Path | None,
        _path("With --url: folder whose sightwright.json says how to ask.", "DIR"),
    ] = None,
    device: Annotated[str | None, _given("cpu, cuda, …; by default the best.")] = None,
    dtype: Annotated[str, typer.Option(help="Number format; auto: as stored.")] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the answer and its story as one JSON object.")
    ] = False,
) -> None:
    """Read one document or picture; prints the document, or the text, on stdout."""
    where = _Where(model, adapters, url, api_key, certificate, device, dtype)
    shown = _Shown(tuple(image or ()), pdf, dpi, window_pages)
    _check(where, shown)
    from sightwright.infer.asking import TextQuestion, output_tokens_of, pixels_of, question_of
    from sightwright.infer.reading import read_pages
    from sightwright.schema import load_schema

    known = _known(where)
    question = question_of(known, load_schema(schema) if schema else None, prompt)
    limit = max_tokens or output_tokens_of(known)
    spec = _spec(where, pixels_of(known, max_pixels))
    pages = _pages(shown, spec)
    with _engine(where, spec) as engine:
        if isinstance(question, TextQuestion):
            _answer_text(engine, question, pages, limit, as_json=as_json)
        else:
            found = read_pages(
                engine, question, pages, window_pages=shown.window_pages, max_tokens=limit
            )
            calibration = known.calibration if known else None
            _tell_document(engine, question, pages, found, calibration, as_json=as_json)


def _check(where: _Where, shown: _Shown) -> None:
    if bool(shown.images) == (shown.pdf is not None):
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


def _pages(shown: _Shown, spec: "VisionSpec | None") -> "list[Image]":
    if shown.pdf is None:
        from sightwright.images import open_image

        is_address = ("http://", "https://", "data:")
        return [
            # Absolute: a path of the command line starts here, whatever ROOT_IMAGE_DIR says.
            open_image(name if name.startswith(is_address) else given_path(name).absolute())
            for name in shown.images
        ]
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


def _tell_document(
    engine: "Engine",
    task: "ExtractTask",
    pages: "list[Image]",
    found: "Extraction",
    calibration: "Calibration | None",
    *,
    as_json: bool,
) -> None:
    from sightwright import canonical

    _tell(engine, f"schema {task.schema.name!r}", pages, [w.completion for w in found.windows])
    if as_json:
        typer.echo(canonical.dumps(_document_value(engine, task, found, calibration)))
    elif found.document is not None:
        typer.echo(canonical.dumps(found.document))
    if found.document is None:
        _end_badly("no valid document: " + "; ".join(_problems(found)))


def _problems(found: "Extraction") -> list[str]:
    problems: list[str] = []
    for window in found.windows:
        if window.problem is not None:
            alone = window.first_page == window.last_page
            pages = f"{window.first_page}" if alone else f"{window.first_page}-{window.last_page}"
            problems.append(f"page {pages}: {window.problem}")
    return problems


def _document_value(
    engine: "Engine",
    task: "ExtractTask",
    found: "Extraction",
    calibration: "Calibration | None",
) -> dict[str, Any]:
    from sightwright.infer.review import judged

    return {
        "document": found.document,
        "valid": found.document is not None,
        "finish_reason": found.finish_reason,
        "model": engine.name,
        "schema": task.schema.name,
        **judged(found.confidences, task.schema, calibration).value(),
        "windows": [
            {
                "first_page": window.first_page,
                "last_page": window.last_page,
                "problem": window.problem,
                "text": window.completion.text,
                "confidence": round(window.confidence, 6) if window.completion.logprobs else None,
                "prompt_tokens": window.prompt_tokens,
                "completion_tokens": window.completion_tokens,
                "seconds": round(window.generate_seconds, 3),
            }
            for window in found.windows
        ],
    }


def _answer_text(
    engine: "Engine",
    question: "TextQuestion",
    pages: "list[Image]",
    limit: int,
    *,
    as_json: bool,
) -> None:
    from sightwright import canonical
    from sightwright.infer.engine import Request

    messages = question.messages([f"page {number + 1}" for number in range(len(pages))])
    request = Request(messages, tuple(pages), max_tokens=limit)
    (completion,) = engine.generate([request])
    _tell(engine, "free text", pages, [completion])
    if as_json:
        value = {
            "text": completion.text,
            "finish_reason": completion.finish_reason,
            "model": engine.name,
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
        }
        typer.echo(canonical.dumps(value))
    else:
        typer.echo(completion.text)
    if completion.finish_reason == "length":
        _end_badly(f"the answer was cut after {completion.completion_tokens} tokens")


def _tell(
    engine: "Engine", asked_for: str, pages: "list[Image]", completions: "list[Completion]"
) -> None:
    from sightwright import logs

    read = sum(completion.prompt_tokens for completion in completions)
    written = sum(completion.completion_tokens for completion in completions)
    line = (
        f"{engine.name}: {asked_for}, {counted(len(pages), 'page')} "
        f"in {counted(len(completions), 'window')}, {read} tokens read, {written} written"
    )
    logs.console(stderr=True).print(line, markup=False, soft_wrap=True)


def _end_badly(reason: str) -> None:
    from sightwright import logs

    logs.console(stderr=True).print(f"error: {reason}", markup=False, soft_wrap=True)
    raise typer.Exit(2)
