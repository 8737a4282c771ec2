"""`sightwright data show`: records as a person sees them, and as the model does."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from sightwright.cli.show_views import View
    from sightwright.config.schema import Config
    from sightwright.data.show_picture import DrawnRecords

_RECORDS = 20
_MOST_RECORDS = 1000
_MOST_ON_A_PICTURE = 100
_MOST_VERSIONS = 63
_MOST_PRINTED = 20
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def show(
    file: Annotated[
        Path, typer.Argument(parser=given_path, metavar="FILE", help="JSONL of records.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            parser=given_path,
            metavar="FILE",
            help="The file to write: HTML, or a picture (.png, .jpg, .webp) of the objects.",
        ),
    ],
    limit: Annotated[
        int | None,
        typer.Option(help=f"The first so many records; else {_RECORDS}.", min=1, max=_MOST_RECORDS),
    ] = None,
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
    augment: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Draw what the augmentation of --config makes of a record in N epochs.",
            min=0,
            max=_MOST_VERSIONS,
        ),
    ] = 0,
    model: Annotated[
        str | None, typer.Option(help="Whose tokens to show: a model's folder, a hub id, or tiny.")
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(help="Pixel budget of an image; else the model's own.", min=1)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Draw records: an HTML sheet with pages or photographs beside what is to be answered.

    The sheet is one file that loads nothing and runs no script; with --config it has the answer
    that is learnt, and tokens coloured by what the loss falls on. A picture shows photographs with
    their objects: one record as it is, several as a contact sheet. Exit code 2 if a record is
    faulty or reaches the length limit of --config; the sheet says why.
    """
    settings = _settings(config, model, max_pixels, augment)
    if out.suffix.lower() not in _PICTURES:
        view = _view(settings, config, file, augment, model, max_pixels)
        _write_sheet(file, out, view, limit or _RECORDS, ids or (), as_json=json)
    elif augment:
        assert settings is not None
        _require_one(limit)
        _write_versions(file, out, settings, augment, ids or (), as_json=json)
    else:
        _write_picture(file, out, settings, limit or _RECORDS, ids or (), as_json=json)


def _settings(
    config: Path | None, model: str | None, max_pixels: int | None, augment: int
) -> "Config | None":
    """The YAML read, if there is one.

    Raises:
        ConfigError: options that contradict it, or want it.
    """
    from sightwright.config.load import load_config
    from sightwright.errors import ConfigError

    if config is None:
        if augment:
            raise ConfigError(
                "--augment draws the augmentation of a run",
                remedy="give --config with custom.augmentation",
            )
        return None
    if model is not None or max_pixels is not None:
        raise ConfigError(
            "--config brings the model and its pixels",
            remedy="give --config alone, or --model and --max-pixels without it",
        )
    return load_config(config).config


def _view(
    settings: "Config | None",
    config: Path | None,
    file: Path,
    augment: int,
    model: str | None,
    max_pixels: int | None,
) -> "View":
    from sightwright.cli.show_views import as_stored, as_trained

    if settings is None or config is None:
        return as_stored(model or "tiny", max_pixels)
    return as_trained(settings, config, file, augment)


def _write_sheet(
    file: Path, out: Path, view: "View", limit: int, ids: Sequence[str], *, as_json: bool
) -> None:
    from sightwright import canonical
    from sightwright.data.show import make_sheet, summary

    sheet = make_sheet(
        file, view.how, about=view.about, limit=limit, ids=ids, max_length=view.max_length
    )
    canonical.write_text(out, sheet.page)
    if as_json:
        typer.echo(canonical.dumps({"out": str(out), **summary(sheet)}))
    else:
        typer.echo(f"{out}: {counted(len(sheet.cards), 'record')}")
        for card in sheet.over_length:
            typer.echo(f"{card.place} ({card.id}): reaches the limit of {view.max_length} tokens")
        for card in sheet.faulty:
            typer.echo(f"{card.place} ({card.id}): {card.problem}")
    if sheet.faulty or sheet.over_length:
        raise typer.Exit(2)


def _write_picture(
    file: Path,
    out: Path,
    settings: "Config | None",
    limit: int,
    ids: Sequence[str],
    *,
    as_json: bool,
) -> None:
    from sightwright import canonical
    from sightwright.data.show_picture import draw_records, write_picture
    from sightwright.errors import DataError

    ordering = settings.custom.object_ordering_policy if settings else "reference_point"
    if max(limit, len(ids)) > _MOST_ON_A_PICTURE:
        raise DataError(
            f"a picture holds {_MOST_ON_A_PICTURE} records at most", remedy="write HTML"
        )
    drawn = draw_records(file, limit=limit, ids=ids, ordering=ordering)
    write_picture(out, drawn.picture())
    if as_json:
        value = {"out": str(out), "records": len(drawn.names), "objects": drawn.num_objects}
        faulty = [vars(fault) for fault in drawn.faulty]
        typer.echo(canonical.dumps({**value, "faulty": faulty, "unwritten": drawn.unwritten}))
    else:
        _print_drawn(out, drawn)
    if drawn.faulty:
        raise typer.Exit(2)


def _print_drawn(out: Path, drawn: "DrawnRecords") -> None:
    from sightwright.draw.fonts import VARIABLE
    from sightwright.draw.overlay import shown

    objects = counted(drawn.num_objects, "object")
    typer.echo(f"{out}: {counted(len(drawn.names), 'record')} with {objects}")
    for fault in drawn.faulty:
        typer.echo(f"{fault.place} ({fault.id}): {fault.why}")
    if not drawn.unwritten:
        return
    number = counted(len(drawn.unwritten), "description")
    typer.echo(
        f"no font here can write {number}, whose objects have their number alone "
        f"({VARIABLE} may name a font):"
    )
    for line in drawn.unwritten[:_MOST_PRINTED]:
        typer.echo(f"  {shown(line, 200)}")
    if (left := len(drawn.unwritten) - _MOST_PRINTED) > 0:
        typer.echo(f"  … and {left} more")


def _require_one(limit: int | None) -> None:
    from sightwright.errors import ConfigError

    if limit not in (None, 1):
        raise ConfigError(
            "a picture of versions is of one record, and --limit asks for more",
            remedy="write HTML, or leave --limit out; --id names another record than the first",
        )


def _write_versions(
    file: Path,
    out: Path,
    settings: "Config",
    augment: int,
    ids: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """The record that is named, else the first."""
    from sightwright import canonical
    from sightwright.data.mixture_entries import entry_holding
    from sightwright.data.show_picture import open_first, write_picture
    from sightwright.data.show_versions import versions_of

    record, image = open_first(file, ids)
    versions = versions_of(settings, augment, entry_holding(settings, file))
    write_picture(out, versions(image, record))
    name = record.id or record.images[0]
    if as_json:
        typer.echo(canonical.dumps({"out": str(out), "record": name, "versions": augment}))
    else:
        typer.echo(f"{out}: {name} and {counted(augment, 'version')} of it")
