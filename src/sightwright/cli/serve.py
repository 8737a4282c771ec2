"""`sightwright serve`: a model behind an OpenAI-compatible address, and `POST /v1/extract`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sightwright.serve.service import Service

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    model: Annotated[str, typer.Option(help="A model's folder, a hub id, or tiny.")],
    adapters: Annotated[
        Path | None, typer.Option(help="An adapter's folder, or a run folder.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="JSON Schema of /v1/extract; else the trained one.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Instruction of /v1/extract; else the trained one.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
    name: Annotated[
        str | None, typer.Option(help="Name that clients ask for; else the folder's.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; by default the best.")] = None,
    dtype: Annotated[str, typer.Option(help="Number format; auto: as stored.")] = "auto",
    dpi: Annotated[
        int, typer.Option(help="Resolution of PDFs within the pixel budget.", min=36, max=1200)
    ] = 200,
    max_body_mb: Annotated[
        float, typer.Option(help="Largest request (413 above).", min=0.001)
    ] = 32,
    max_pages: Annotated[int, typer.Option(help="Pages of a document (413 above).", min=1)] = 20,
    window_pages: Annotated[
        int, typer.Option(help="Pages shown at once; more are read in windows.", min=1)
    ] = 8,
    max_image_pixels: Annotated[
        int, typer.Option(help="Largest image as sent (413 above).", min=1)
    ] = 100_000_000,
    max_tokens: Annotated[
        int, typer.Option(help="The most output tokens that a request may ask for.", min=1)
    ] = 4096,
    max_waiting: Annotated[
        int, typer.Option(help="Requests that wait for their turn (503 above).", min=0)
    ] = 64,
    request_timeout: Annotated[
        float, typer.Option(help="Seconds for one request (504 above).", min=0.1)
    ] = 120,
) -> None:
    """Serve a model: /v1/chat/completions, /v1/models, /v1/extract, /health."""
    import json

    from sightwright import extras, logs

    for module in ("fastapi", "python_multipart", "uvicorn"):
        extras.require(module, "serve")
    from sightwright.serve.limits import Limits
    from sightwright.serve.running import bind, serve_until_stopped
    from sightwright.serve.service import service_of

    console = logs.console(stderr=True)
    limits = Limits(
        max_body_bytes=int(max_body_mb * 1024 * 1024),
        max_pages=max_pages,
        window_pages=window_pages,
        max_image_pixels=max_image_pixels,
        max_output_tokens=max_tokens,
        request_seconds=request_timeout,
        render_seconds=min(Limits.render_seconds, request_timeout),
        max_waiting=max_waiting,
    )

    def tell(url: str) -> None:
        console.print(f"{service.engine.name} is ready at {url} (Ctrl-C ends it)", markup=False)
        # For programs: one line, as soon as requests are taken.
        print(json.dumps({"listening": url, "model": service.engine.name}), flush=True)

    # The address first: no model is loaded for a port that is taken.
    with bind(host, port) as listening:
        if host not in _LOOPBACK:
            console.print("anybody who reaches this address may use it: there is no authentication")
        extras.require("transformers", "serve")
        service = service_of(
            model,
            adapters=_adapter_folder(adapters),
            schema=schema,
            prompt=prompt,
            limits=limits,
            dpi=dpi,
            dtype=dtype,
            device=device,
            name=name,
        )
        console.print(_about(service), markup=False)
        serve_until_stopped(service, listening, tell)
    console.print("stopped")


def _adapter_folder(adapters: Path | None) -> Path | None:
    if adapters is None:
        return None
    from sightwright import logs
    from sightwright.export.adapter import find_adapter

    found = find_adapter(adapters)
    if found.why:
        logs.console(stderr=True).print(found.why, markup=False)
    return found.folder


def _about(service: "Service") -> str:
    pixels = service.spec.pixels
    task = service.task
    extracts = f"/v1/extract reads {task.schema.name!r}" if task else "no /v1/extract: no schema"
    return f"{extracts}; pixels {pixels.min_pixels} to {pixels.max_pixels}; warming up"
