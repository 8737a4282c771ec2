"""`sightwright serve`: a model behind an OpenAI-compatible address, and `POST /v1/extract`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright.cli import serve_options as options
from sightwright.cli.paths import given_path
from sightwright.errors import ConfigError

if TYPE_CHECKING:
    from sightwright.config.sections.serve import Serve
    from sightwright.serve.keys import Access
    from sightwright.serve.limits import Limits
    from sightwright.serve.service import Service

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NAMED_FILE = re.compile(r"(?P<name>[\w.-]{1,64})=(?P<file>.+)", re.ASCII | re.DOTALL)


def serve(
    config: options.ConfigFile = None,
    model: options.Model = None,
    adapters: options.Adapters = None,
    schema: options.Schemas = None,
    prompt: options.Prompt = None,
    name: options.Name = None,
    host: options.Host = None,
    port: options.Port = None,
    api_key_file: options.ApiKeyFile = None,
    open_metrics: options.OpenMetrics = None,
    allow_remote_images: options.RemoteImages = None,
    device: options.Device = None,
    dtype: options.Dtype = "auto",
    dpi: options.Dpi = None,
    max_body_mb: options.MaxBodyMb = None,
    max_pages: options.MaxPages = None,
    window_pages: options.WindowPages = None,
    max_image_pixels: options.MaxImagePixels = None,
    max_tokens: options.MaxTokens = None,
    max_waiting: options.MaxWaiting = None,
    request_timeout: options.RequestTimeout = None,
    grace: options.Grace = None,
) -> None:
    """Serve a model: /v1/chat/completions, /v1/extract, /v1/schemas, /health, /metrics."""
    from sightwright import extras

    for module in ("fastapi", "python_multipart", "uvicorn", "prometheus_client"):
        extras.require(module, "serve")
    given: dict[str, Any] = {
        "model": model,
        "adapters": None if adapters is None else str(adapters),
        "served_model_name": name,
        "schemas": _named_schemas(schema) if schema else None,
        "prompt": prompt,
        "host": host,
        "port": port,
        "api_key_file": None if api_key_file is None else str(api_key_file),
        "open_metrics": open_metrics,
        "remote_images": allow_remote_images,
        "dpi": dpi,
        "max_body_bytes": None if max_body_mb is None else int(max_body_mb * 1024 * 1024),
        "max_pages": max_pages,
        "window_pages": window_pages,
        "max_image_pixels": max_image_pixels,
        "max_output_tokens": max_tokens,
        "max_waiting": max_waiting,
        "timeout_seconds": request_timeout,
        "grace_seconds": grace,
    }
    _serve(_settings(config, given), dtype, device)


def _settings(config: Path | None, given: dict[str, Any]) -> "Serve":
    """The `serve` section of a YAML under what the command line gives."""
    from sightwright import logs
    from sightwright.config.load import load_config
    from sightwright.config.sections.serve import Serve

    section = Serve()
    if config is not None:
        loaded = load_config(config)
        for warning in loaded.warnings:
            logs.get_logger(__name__).warning("%s", warning)
        section = loaded.config.serve
    wishes = {key: value for key, value in given.items() if value is not None}
    return section.model_copy(update=wishes)


def _named_schemas(given: Sequence[str]) -> dict[str, str]:
    """Schema files by the name they are asked by: `NAME=FILE`, or the file's own name."""
    files: dict[str, str] = {}
    for text in given:
        match = _NAMED_FILE.fullmatch(text)
        if match is not None and not given_path(text).exists():
            name, file = match["name"], given_path(match["file"])
        else:
            file = given_path(text)
            name = file.name.removesuffix(".json").removesuffix(".schema")
        if name in files:
            raise ConfigError(
                f"two schemas named {name!r}: {files[name]} and {file}",
                remedy="name one of them: --schema NAME=FILE",
            )
        files[name] = str(file)
    return files


def _serve(settings: "Serve", dtype: str, device: str | None) -> None:
    import json

    from sightwright import extras, logs
    from sightwright.serve.running import bind, serve_until_stopped
    from sightwright.serve.service import service_of

    adapters, model = _weights(settings)
    console = logs.console(stderr=True)
    access = _access(settings)

    def tell(url: str) -> None:
        console.print(f"{service.engine.name} is ready at {url} (Ctrl-C ends it)", markup=False)
        # For programs: one line, as soon as requests are taken.
        print(json.dumps({"listening": url, "model": service.engine.name}), flush=True)

    # The address first: no model is loaded for a port that is taken.
    with bind(settings.host, settings.port) as listening:
        if settings.host not in _LOOPBACK and not access.keys:
            console.print("anybody who reaches this address may use it: there is no API key")
        extras.require("transformers", "serve")
        service = service_of(
            model,
            adapters=adapters,
            schemas={name: given_path(file) for name, file in settings.schemas.items()},
            prompt=settings.prompt,
            limits=_limits(settings),
            access=access,
            dpi=settings.dpi,
            dtype=dtype,
            device=device,
            name=settings.served_model_name,
        )
        console.print(_about(service), markup=False, soft_wrap=True)
        serve_until_stopped(service, listening, tell, settings.grace_seconds)
    console.print("stopped")


def _access(settings: "Serve") -> "Access":
    import os

    from sightwright.serve.keys import Access, read_keys

    file = given_path(settings.api_key_file) if settings.api_key_file else None
    return Access(read_keys(file, os.environ), settings.open_metrics)


def _limits(settings: "Serve") -> "Limits":
    from sightwright.serve.limits import Limits

    return Limits(
        max_body_bytes=settings.max_body_bytes,
        max_pages=settings.max_pages,
        window_pages=settings.window_pages,
        max_image_pixels=settings.max_image_pixels,
        max_output_tokens=settings.max_output_tokens,
        request_seconds=settings.timeout_seconds,
        render_seconds=min(Limits.render_seconds, settings.timeout_seconds),
        max_waiting=settings.max_waiting,
        remote_images=settings.remote_images,
    )


def _weights(settings: "Serve") -> tuple[Path | None, str]:
    """The adapter's own folder, and the base: by default what the adapter was trained on."""
    if settings.adapters is None:
        if settings.model is None:
            raise ConfigError(
                "nothing to serve",
                remedy="give --model or --adapters, or write them into `serve` of --config",
            )
        return None, settings.model
    from sightwright import logs
    from sightwright.export.adapter import base_of, find_adapter

    found = find_adapter(given_path(settings.adapters))
    if found.why:
        logs.console(stderr=True).print(found.why, markup=False)
    return found.folder, settings.model or base_of(found.folder)


def _about(service: "Service") -> str:
    pixels = service.spec.pixels
    names = ", ".join(service.tasks)
    extracts = f"/v1/extract reads {names}" if names else "/v1/extract: a request brings its schema"
    num_keys = len(service.access.keys)
    keys = f"API keys: {num_keys}" if num_keys else "no API key"
    sizes = f"pixels {pixels.min_pixels} to {pixels.max_pixels}"
    return f"{extracts}; {sizes}; {keys}; warming up"
