"""The options of `sightwright serve`, by what they are about.

All are None where they are not given: then the YAML's `serve` section counts, and its defaults,
which the help shows.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from sightwright.cli.paths import given_path

DEFAULTS = {
    "host": "127.0.0.1",
    "port": "8000",
    "dpi": "200",
    "max_body_mb": "32",
    "max_pages": "20",
    "window_pages": "8",
    "max_image_pixels": "100000000",
    "max_tokens": "4096",
    "max_waiting": "64",
    "request_timeout": "120",
    "grace": "30",
}


def _option(name: str, help: str, **more: Any) -> Any:
    return typer.Option(
        f"--{name.replace('_', '-')}", help=help, show_default=DEFAULTS[name], **more
    )


def _path(help: str, metavar: str) -> Any:
    return typer.Option(parser=given_path, metavar=metavar, help=help, show_default=False)


# What is served.
ConfigFile = Annotated[
    Path | None, _path("YAML whose `serve` section is read; options given here win.", "FILE")
]
Model = Annotated[
    str | None,
    typer.Option(
        help="A model's folder, a hub id, or tiny; by default --adapters' base.", show_default=False
    ),
]
Adapters = Annotated[Path | None, _path("An adapter's folder, or a run folder.", "DIR")]
Name = Annotated[
    str | None,
    typer.Option(help="Name that clients ask for; else the folder's.", show_default=False),
]
Device = Annotated[
    str | None, typer.Option(help="cpu, cuda, …; by default the best.", show_default=False)
]
Dtype = Annotated[str, typer.Option(help="Number format; auto: as stored.")]

# What /v1/extract asks.
Schemas = Annotated[
    list[str] | None,
    typer.Option(
        "--schema",
        metavar="[NAME=]FILE",
        help="JSON Schema of /v1/extract, by the file's name or another; else the trained one. "
        "May be given several times.",
        show_default=False,
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(help="Instruction of /v1/extract; else the trained one.", show_default=False),
]
Dpi = Annotated[
    int | None, _option("dpi", "Resolution of PDFs within the pixel budget.", min=36, max=1200)
]

# Where it listens, and to whom.
Host = Annotated[str | None, _option("host", "Address to listen on.")]
Port = Annotated[int | None, _option("port", "0 takes a free one.", min=0, max=65535)]
ApiKeyFile = Annotated[
    Path | None,
    _path("API keys, one a line; SIGHTWRIGHT_API_KEY in the environment counts too.", "FILE"),
]
OpenMetrics = Annotated[
    bool | None,
    typer.Option("--open-metrics/--guarded-metrics", help="Whether /metrics needs no API key.",
                 show_default="guarded"),
]  # fmt: skip
RemoteImages = Annotated[
    bool | None,
    typer.Option("--allow-remote-images/--no-remote-images",
                 help="Fetch http(s) images that requests name; never from private addresses.",
                 show_default="no"),
]  # fmt: skip

# What it takes on.
MaxBodyMb = Annotated[
    float | None, _option("max_body_mb", "Largest request (413 above).", min=0.001)
]
MaxPages = Annotated[int | None, _option("max_pages", "Pages of a document (413 above).", min=1)]
WindowPages = Annotated[
    int | None, _option("window_pages", "Pages shown at once; more are read in windows.", min=1)
]
MaxImagePixels = Annotated[
    int | None, _option("max_image_pixels", "Largest image as sent (413 above).", min=1)
]
MaxTokens = Annotated[
    int | None, _option("max_tokens", "The most output tokens that a request may ask for.", min=1)
]
MaxWaiting = Annotated[
    int | None, _option("max_waiting", "Requests that wait for their turn (429 above).", min=0)
]
RequestTimeout = Annotated[
    float | None, _option("request_timeout", "Seconds for one request (504 above).", min=0.1)
]
Grace = Annotated[
    float | None,
    _option("grace", "Seconds for the requests in hand when the server is stopped.", min=0.1),
]
