"""`sightwright data show`: records as a person sees them, and as the model does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from sightwright.data.encode import Encoder

_MOST_RECORDS = 1000


def show(
    file: Annotated[
        Path, typer.Argument(parser=given_path, metavar="FILE", help="JSONL of records.")
    ],
    out: Annotated[
        Path, typer.Option(parser=given_path, metavar="FILE", help="The HTML file to write.")
    ],
    limit: Annotated[
        int, typer.Option(help="The first so many records.", min=1, max=_MOST_RECORDS)
    ] = 20,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="Only the record with this id; repeatable.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            parser=given_path,
            metavar="FILE",
            help="YAML of a training run: shows the records as that run would learn them.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Whose tokens to show: a model's folder, a hub id, or tiny.")
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(help="Pixel budget of an image; else the model's own.", min=1)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Draw records on an HTML sheet: pages beside the answer, tokens coloured by what is learnt.

    One file that loads nothing and runs no script. Exit code 2 if a record is faulty or reaches the
    length limit of --config; the sheet says why.
    """
    from sightwright import canonical
    from sightwright.data.show import make_sheet, summary
    from sightwright.errors import ConfigError

    if config is not None and (model is not None or max_pixels is not None):
        raise ConfigError(
            "--config brings the model and its pixels",
            remedy="give --config alone, or --model and --max-pixels without it",
        )
    if config is not None:
        encoder, about, max_length = _as_trained(config)
    else:
        encoder, about = _as_stored(model or "tiny", max_pixels)
        max_length = None
    sheet = make_sheet(
        file, encoder, about=about, limit=limit, ids=ids or (), max_length=max_length
    )
    canonical.write_text(out, sheet.page)
    outcome = summary(sheet)
    if json:
        typer.echo(canonical.dumps({"out": str(out), **outcome}))
    else:
        typer.echo(f"{out}: {counted(len(sheet.cards), 'record')}")
        for card in sheet.over_length:
            typer.echo(f"{card.place} ({card.id}): reaches the limit of {max_length} tokens")
        for card in sheet.faulty:
            typer.echo(f"{card.place} ({card.id}): {card.problem}")
    if sheet.faulty or sheet.over_length:
        raise typer.Exit(2)


def _as_stored(model: str, max_pixels: int | None) -> "tuple[Encoder, dict[str, str]]":
    """The records' own turns, in a model's tokens."""
    import sys

    from sightwright.data.encode import Encoder, arrange_chat
    from sightwright.model.load import load_chat_tokenizer, load_vision_spec, resolve_folder
    from sightwright.vision import PixelPolicy

    folder = resolve_folder(model)
    spec = load_vision_spec(folder)
    if max_pixels is not None:
        pixels = PixelPolicy(min(spec.pixels.min_pixels, max_pixels), max_pixels)
        spec = load_vision_spec(folder, pixels)
    tokenizer = load_chat_tokenizer(folder)
    encoder = Encoder(tokenizer, spec, arrange_chat(None), max_length=sys.maxsize)
    return encoder, {"model": model, "pixels": f"at most {spec.pixels.max_pixels:,} an image"}


def _as_trained(path: Path) -> "tuple[Encoder, dict[str, str], int | None]":
    """What the run of a YAML makes of the records, and its length limit."""
    import sys
    from collections import Counter

    from sightwright.config.load import load_config
    from sightwright.data.conversations import arrange_of, extract_task_of, pixels_of
    from sightwright.data.encode import Encoder
    from sightwright.errors import ConfigError
    from sightwright.model.load import load_chat_tokenizer, load_vision_spec, resolve_folder
    from sightwright.tasks.extract import DEFAULT_PROMPT

    config = load_config(path).config
    if config.model.model is None:
        raise ConfigError(
            "no model, so no tokens", where=f"{path}: model.model", remedy="name one, e.g. tiny"
        )
    folder = resolve_folder(config.model.model, config.model.model_revision)
    spec = load_vision_spec(folder, pixels_of(config, load_vision_spec(folder).pixels))
    # Records keep their own instruction, so which one is the commonest changes nothing here.
    is_extraction = config.task.type == "extract"
    task = extract_task_of(config, Counter([DEFAULT_PROMPT])) if is_extraction else None
    encoder = Encoder(
        load_chat_tokenizer(folder),
        spec,
        arrange_of(config, task),
        max_length=sys.maxsize,
        supervise=config.template.supervise,
    )
    about = {
        "config": str(path),
        "task": config.task.type,
        "model": config.model.model,
        "pixels": f"at most {spec.pixels.max_pixels:,} an image",
    }
    return encoder, about, config.template.max_length
