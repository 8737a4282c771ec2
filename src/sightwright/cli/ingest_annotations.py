"""`sightwright ingest annotations`, `irrelevant`, `sample`, `chat-corpus`: inspection data."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli import annotation_options as options
from sightwright.cli.counts import counted
from sightwright.cli.paths import folder_option, given_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightwright.ingest.annotations.found import ReadOptions
    from sightwright.ingest.annotations.outputs import Totals
    from sightwright.ingest.annotations.run import Report, Settings
    from sightwright.ingest.annotations.sample import Rules

# Lines of a list that are shown.
_SHOWN = 20
_STYLES = {"left-out": "red", "kept": "yellow"}


def annotations(
    source: options.Source,
    format: options.WrittenBy,
    images: options.Images,
    out: options.OutFolder,
    mode: options.Mode = options.ErrorMode.strict,
    max_pixels: options.MaxPixels = 1024 * 1024,
    image_factor: options.ImageFactor = 32,
    resize: options.Resize = True,
    poly_max_points: options.PolyMaxPoints = None,
    boxes: options.Boxes = False,
    keep_crowd: options.KeepCrowd = False,
    clip_boxes: options.ClipBoxes = True,
    frame: options.Frame = options.PixelFrame.auto,
    one_based: options.OneBased = False,
    ignore_label: options.IgnoreLabel = None,
    attributes: options.Attributes = False,
    strip_occlusion: options.StripOcclusion = True,
    sanitize_text: options.SanitizeText = True,
    standardize_labels: options.StandardizeLabels = True,
    val_ratio: options.ValRatio = 0.2,
    seed: options.Seed = 17,
    limit: options.Limit = None,
    num_workers: options.NumWorkers = None,
    absolute_paths: options.AbsolutePaths = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Make records of annotated photographs: train.jsonl, val.jsonl, and the images for them.

    Each image is turned upright by its EXIF orientation, resized onto the model's grid and written
    to DIR/images (JPEG stays JPEG at quality 95, other kinds become PNG, and one that needs no
    change is copied); its objects go the same way, in whole pixels, clipped at the edge.

    Every object and sample that is not taken over as it is gets a line with its place and the
    reason in DIR/invalid_objects.jsonl or DIR/invalid_samples.jsonl. In strict mode one that is
    invalid fails the run after all are reported: exit code 2, and no samples are written.
    """
    from sightwright.ingest.annotations import run

    sizes = (resize, max_pixels, image_factor)
    words = (attributes, strip_occlusion, sanitize_text, standardize_labels)
    settings = run.Settings(
        format=format.value,
        reading=_reading(boxes, keep_crowd, one_based, ignore_label),
        rules=_rules(mode, frame, sizes, (poly_max_points, clip_boxes), words),
        val_ratio=val_ratio,
        seed=seed,
        limit=limit,
        absolute_paths=absolute_paths,
    )
    workers = len(os.sched_getaffinity(0)) if num_workers is None else num_workers
    report = run.convert_annotations(
        source, images, out, settings, num_workers=workers, overwrite=overwrite
    )
    _end(report, out, settings, as_json=json)


def _reading(
    boxes: bool, keep_crowd: bool, one_based: bool, ignore_label: list[str] | None
) -> "ReadOptions":
    from sightwright.ingest.annotations.found import ReadOptions

    ignored = frozenset(ignore_label) if ignore_label else ReadOptions().ignore_labels
    return ReadOptions(boxes, keep_crowd, one_based, ignored)


def _rules(
    mode: options.ErrorMode,
    frame: options.PixelFrame,
    sizes: tuple[bool, int, int],
    shapes: tuple[int | None, bool],
    words: tuple[bool, bool, bool, bool],
) -> "Rules":
    from sightwright.ingest.annotations.descriptions import WordRules
    from sightwright.ingest.annotations.pictures import SizeRules
    from sightwright.ingest.annotations.sample import Rules
    from sightwright.ingest.annotations.shapes import ShapeRules

    resize, max_pixels, factor = sizes
    return Rules(
        mode=mode.value,
        frame=frame.value,
        sizes=SizeRules(resize, max_pixels, options.MIN_PIXELS, factor),
        shapes=ShapeRules(*shapes),
        words=WordRules(*words),
    )


def _end(report: "Report", out: Path, settings: "Settings", *, as_json: bool) -> None:
    from sightwright import canonical

    totals = report.totals
    if as_json:
        value = {"failed": report.failed, **totals.to_json(), "out": str(out)}
        value["unused_images"] = list(report.unused_images)
        typer.echo(canonical.dumps(value))
    else:
        _print(report, out)
    if report.failed:
        if not as_json:
            typer.echo(_why_failed(totals, out, settings.rules.mode), err=True)
        raise typer.Exit(2)


def _why_failed(totals: "Totals", out: Path, mode: str) -> str:
    lists = f"{out}/invalid_objects.jsonl and {out}/invalid_samples.jsonl"
    if mode != "strict" or not totals.num_invalid:
        return f"failed: no sample is left; {lists} say why"
    return (
        f"failed: {counted(totals.num_invalid, 'fault')}, listed in {lists}; no samples were "
        "written\n  remedy: mend them, or leave them out with --mode lenient"
    )


def _print(report: "Report", out: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from sightwright import logs

    totals = report.totals
    table = Table("what", "reason", "number", box=None)
    for what, reason, number, style in _rows(totals):
        table.add_row(what, escape(reason), str(number), style=style)
    if table.row_count:
        logs.console().print(table)
    if not report.failed:
        samples = f"{totals.samples_written} of {counted(totals.samples_read, 'sample')}"
        objects = f"{totals.objects_written} of {counted(totals.objects_read, 'object')}"
        sides = ", ".join(f"{number} in {name}.jsonl" for name, number in totals.sides.items())
        typer.echo(f"{samples} with {objects} in {out}: {sides}")
    _print_unused(report.unused_images, out)


def _rows(totals: "Totals") -> "Iterator[tuple[str, str, int, str | None]]":
    """What, the reason, how many, and the colour of the row."""
    from sightwright.ingest.annotations.run import reasons

    for what, counts in (("objects", totals.objects), ("samples", totals.samples)):
        for outcome, reason, number in reasons(counts):
            yield f"{what} {outcome}", reason, number, _STYLES.get(outcome)
    if totals.objects_lost:
        yield "objects left-out", "with their sample", totals.objects_lost, "red"
    for what, found in (
        ("objects changed", totals.changes),
        ("objects written", totals.geometries),
        ("images", totals.images),
        ("frames", totals.frames),
    ):
        for reason, number in sorted(found.items()):
            if number:
                yield what, reason, number, None


def _print_unused(names: tuple[str, ...], out: Path) -> None:
    if names:
        shown = ", ".join(names[:_SHOWN])
        images = counted(len(names), "image")
        typer.echo(f"{images} of an earlier run that no record names, in {out}/images: {shown}")


def irrelevant(
    images_dir: Annotated[Path, folder_option("The pictures.")],
    output_jsonl: options.OutFile,
    summary: Annotated[str, typer.Option(help="What each record says.")] = "无关图片",
    max_pixels: options.MaxPixels = 1024 * 1024,
    image_factor: options.ImageFactor = 32,
    overwrite_images: Annotated[
        bool,
        typer.Option(
            "--overwrite-images",
            help="Change the pictures in DIR instead of writing images/ beside FILE.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Make summary records of pictures that show nothing of the subject.

    Each is turned upright, resized and padded with grey to multiples of 32; its record has one
    object, `irrelevant`, as large as the image. A picture that cannot be read is named, and stops
    no other; exit code 2 then.
    """
    from sightwright import canonical
    from sightwright.ingest.annotations.irrelevant import write_irrelevant
    from sightwright.ingest.annotations.pictures import SizeRules

    sizes = SizeRules(max_pixels=max_pixels, factor=image_factor)
    report = write_irrelevant(
        images_dir, output_jsonl, summary=summary, sizes=sizes, in_place=overwrite_images
    )
    if json:
        value = {"records": report.num_records, "unchanged": report.num_copied}
        typer.echo(canonical.dumps({**value, "broken": report.broken, "out": str(output_jsonl)}))
    else:
        for line in report.broken:
            typer.echo(f"left out: {line}")
        records = counted(report.num_records, "record")
        typer.echo(f"{records} in {output_jsonl}; {report.num_copied} needed no change")
    if report.broken:
        raise typer.Exit(2)


def sample(
    file: Annotated[
        Path, typer.Argument(parser=given_path, metavar="FILE", help="A JSONL of records.")
    ],
    out: options.OutFile,
    number: Annotated[int, typer.Option("--num", min=1, help="Most records to choose.")],
    strategy: Annotated[
        options.SampleStrategy, typer.Option(help="Which.")
    ] = options.SampleStrategy.stratified,
    top_k: Annotated[int, typer.Option(min=1, help="top_k: so many classes.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 17,
    json: options.Json = False,
) -> None:
    """Choose a part of a set: random, stratified by main class, uniform over classes, or of the
    k most frequent classes. The same seed chooses the same records."""
    from sightwright import canonical
    from sightwright.ingest.annotations.sampling import sample_file

    report = sample_file(file, out, strategy.value, number, seed=seed, top_k=top_k)
    if json:
        value = {"read": report.num_read, "chosen": report.num_chosen, "classes": report.classes}
        typer.echo(canonical.dumps({**value, "out": str(out)}))
        return
    for name, count in list(report.classes.items())[:_SHOWN]:
        typer.echo(f"{count:>7}  {name}")
    if (more := len(report.classes) - _SHOWN) > 0:
        typer.echo(f"    and {more} more classes")
    typer.echo(f"{report.num_chosen} of {counted(report.num_read, 'record')} in {out}")


def chat_corpus(
    source: Annotated[
        Path,
        typer.Argument(
            parser=given_path,
            metavar="SOURCE",
            help="A JSONL of instructions, or a folder of them.",
        ),
    ],
    out: options.OutFile,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many records.")] = None,
    json: options.Json = False,
) -> None:
    """Make conversations of a corpus of instructions and answers, as COIG-CQIA has them."""
    from sightwright import canonical
    from sightwright.ingest.annotations.chat_corpus import convert_corpus

    report = convert_corpus(source, out, limit=limit)
    if json:
        value = {"records": report.num_records, "left_out": dict(report.left_out)}
        typer.echo(canonical.dumps({**value, "places": report.places, "out": str(out)}))
        return
    for place in report.places[:_SHOWN]:
        typer.echo(f"left out: {place}")
    left = sum(report.left_out.values())
    typer.echo(
        f"{counted(report.num_records, 'record')} in {out}; {counted(left, 'line')} left out"
    )
