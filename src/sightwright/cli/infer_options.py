"""The options of `sightwright infer`, by what they are about."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sightwright.cli.paths import given_path


def _path(help: str, metavar: str = "FILE") -> Any:
    return typer.Option(parser=given_path, metavar=metavar, help=help, show_default=False)


def _given(help: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, show_default=False, **more)


# Who answers.
Model = Annotated[
    str | None,
    _given("A model's folder, a hub id, or tiny; with --url its name at the server."),
]
Adapters = Annotated[Path | None, _path("An adapter's folder, or a run folder.", "DIR")]
Url = Annotated[
    str | None, _given("Ask this OpenAI-compatible server: http://host:8000/v1.", metavar="URL")
]
ApiKey = Annotated[str | None, _given("Key of the server at --url.", envvar="SIGHTWRIGHT_API_KEY")]
Certificate = Annotated[
    Path | None, _path("With --url: folder whose sightwright.json says how to ask.", "DIR")
]
Device = Annotated[str | None, _given("cpu, cuda, …; by default the best.")]
Dtype = Annotated[
    str, typer.Option("--dtype", "--torch-dtype", help="Number format; auto: as stored.")
]
AttnImpl = Annotated[
    str, typer.Option(help="sdpa, flash_attention_2 or eager; of a model loaded here.")
]
InferBackend = Annotated[str, typer.Option(hidden=True)]

# What it is shown.
Images = Annotated[
    list[str] | None,
    _given("An image, or its http(s) address; give one option for each.", "--image",
           metavar="FILE"),
]  # fmt: skip
Pdf = Annotated[Path | None, _path("A PDF.")]
MaxPixels = Annotated[int | None, _given("Most pixels of an image; else as trained.", min=1)]
Dpi = Annotated[int, typer.Option(help="Resolution of the PDF.", min=36, max=1200)]
WindowPages = Annotated[
    int, typer.Option(help="Pages shown at once; more are read in windows.", min=1)
]

# What it is asked.
Schema = Annotated[Path | None, _path("JSON Schema of the document; else the trained one.")]
Prompt = Annotated[str | None, _given("Instruction; else the trained one.")]
System = Annotated[
    str | None, _given("System turn of a question in free text; else the trained one.")
]

# How the answer is drawn and told.
MaxTokens = Annotated[
    int | None,
    _given("Output limit; else as trained, or 512.", "--max-tokens", "--max-new-tokens", min=1),
]
Temperature = Annotated[
    float, typer.Option(help="Draw at this temperature; 0: the likeliest.", min=0)
]
Seed = Annotated[int, typer.Option(help="Of the draw.")]
Stream = Annotated[bool, typer.Option("--stream", help="Print a text as it is written.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the answer and its story as one JSON object.")
]
