"""`sightwright ingest annotations`, `irrelevant`, `sample`, `chat-corpus`: inspection data."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightwright.ingest.annotations.outputs import Totals
    from sightwright.ingest.annotations.run import Report, Settings

# Lines of a list that are shown.
_SHOWN = 20
_STYLES = {"left-out": "red", "kept": "yellow"}


class Format(StrEnum):
    bbu = "bbu"
    rru = "rru"
    coco = "coco"
    lvis = "lvis"
    labelme = "labelme"
    cvat = "cvat"
    voc = "voc"
    ms_swift = "ms-swift"


class ErrorMode(StrEnum):
    strict = "strict"
    lenient = "lenient"
    warn = "warn"


class PixelFrame(StrEnum):
    auto = "auto"
    upright = "upright"
    stored = "stored"


class SampleStrategy(StrEnum):
    random = "random"
    stratified = "stratified"
    uniform = "uniform"
    top_k = "top_k"


Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]
OutFile = Annotated[
    Path, typer.Option(parser=given_path, metavar="FILE", help="The JSONL to write.")
]
_MIN_PIXELS = 4 * 32 * 32


def annotations(
    source: Annotated[
        Path,
        typer.Argument(
            parser=given_path, metavar="SOURCE", help="A file of annotations, or a folder of them."
        ),
    ],
    format: Annotated[Format, typer.Option(help="What wrote them.")],
    images: Annotated[
        Path, typer.Option(parser=given_path, metavar="DIR", help="Where the images lie.")
    ],
    out: Annotated[
        Path, typer.Option(parser=given_path, metavar="DIR", help="Folder for the records.")
    ],
    mode: Annotated[
        ErrorMode,
        typer.Option(
            help="An invalid object fails the run, is left out, or is kept where it can be."
        ),
    ] = ErrorMode.strict,
    max_pixels: Annotated[
        int, typer.Option(min=_MIN_PIXELS, help="Most pixels of an image.")
    ] = 1024 * 1024,
    image_factor: Annotated[
        int, typer.Option(min=1, help="Both sides of an image become multiples of it.")
    ] = 32,
    resize: Annotated[
        bool, typer.Option("--resize/--no-resize", help="Bring images onto the model's grid.")
    ] = True,
    poly_max_points: Annotated[
        int | None, typer.Option(min=3, help="A polygon with more points becomes its box.")
    ] = None,
    boxes: Annotated[
        bool, typer.Option("--boxes/--polygons", help="COCO and LVIS: boxes, or polygons.")
    ] = False,
    keep_crowd: Annotated[
        bool,
        typer.Option("--keep-crowd", help="Take crowd regions and masks (RLE) as their boxes."),
    ] = False,
    clip_boxes: Annotated[
        bool,
        typer.Option(
            "--clip-boxes/--no-clip-boxes",
            help="Cut off what reaches over the edge, or call it invalid.",
        ),
    ] = True,
    frame: Annotated[
        PixelFrame,
        typer.Option(
            help="Pixels that coordinates of a turned photograph are of; auto: by the stated size."
        ),
    ] = PixelFrame.auto,
    one_based: Annotated[
        bool, typer.Option("--one-based", help="VOC: the first pixel is 1, as in the VOC sets.")
    ] = False,
    ignore_label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            help="Leave out objects of it; __ignore__ and _background_ unless given.",
        ),
    ] = None,
    attributes: Annotated[
        bool,
        typer.Option("--attributes", help="Append attributes to class names (not bbu, rru)."),
    ] = False,
    strip_occlusion: Annotated[
        bool,
        typer.Option(
            "--strip-occlusion/--keep-occlusion", help="bbu, rru: drop words about occlusion."
        ),
    ] = True,
    sanitize_text: Annotated[
        bool,
        typer.Option(
            "--sanitize-text/--keep-text", help="bbu, rru: put white space of labels in order."
        ),
    ] = True,
    standardize_labels: Annotated[
        bool,
        typer.Option(
            "--standardize-labels/--keep-labels", help="bbu, rru: a label without text is 不可读."
        ),
    ] = True,
    val_ratio: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the images for val.jsonl.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the split.")] = 17,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many samples.")] = None,
    num_workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes; one per core unless given, 0 for none beside this."),
    ] = None,
    absolute_paths: Annotated[
        bool, typer.Option("--absolute-paths", help="Name images by their whole path.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write anew over another conversion in DIR.")
    ] = False,
    json: Json = False,
) -> None:
    """Make records of annotated photographs: train.jsonl, val.jsonl, and the images for them.

    Each image is turned upright by its EXIF orientation, resized onto the model's grid and written
    to DIR/images (JPEG stays JPEG at quality 95, other kinds become PNG, and one that needs no
    change is copied); its objects go the same way, in whole pixels, clipped at the edge.

    Every object and sample that is not taken over as it is gets a line with its place and the
    reason in DIR/invalid_objects.jsonl or DIR/invalid_samples.jsonl. In strict mode one that is
    invalid fails the run after all are reported: exit code 2, and no samples are written.
    """
    import os

    from sightwright.ingest.annotations.found import ReadOptions
    from sightwright.ingest.annotations.run import Settings, convert_annotations

    ignored = frozenset(ignore_label) if ignore_label else ReadOptions().ignore_labels
    settings = Settings(
        format=format.value,
        reading=ReadOptions(boxes, keep_crowd, one_based, ignored),
        rules=_rules(
            mode, frame, (resize, max_pixels, image_factor), (poly_max_points, clip_boxes),
            (attributes, strip_occlusion, sanitize_text, standardize_labels),
        ),
        val_ratio=val_ratio,
        seed=seed,
        limit=limit,
        absolute_paths=absolute_paths,
    )  # fmt: skip
    workers = len(os.sched_getaffinity(0)) if num_workers is None else num_workers
    report = convert_annotations(
        source, images, out, settings, num_workers=workers, overwrite=overwrite
    )
    _end(report, out, settings, as_json=json)


def _rules(
    mode: ErrorMode,
    frame: PixelFrame,
    sizes: tuple[bool, int, int],
    shapes: tuple[int | None, bool],
    words: tuple[bool, bool, bool, bool],
) -> Any:
    from sightwright.ingest.annotations.descriptions import WordRules
    from sightwright.ingest.annotations.pictures import SizeRules
    from sightwright.ingest.annotations.sample import Rules
    from sightwright.ingest.annotations.shapes import ShapeRules

    resize, max_pixels, factor = sizes
    return Rules(
        mode=mode.value,
        frame=frame.value,
        sizes=SizeRules(resize, max_pixels, _MIN_PIXELS, factor),
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
    images_dir: Annotated[
        Path, typer.Option(parser=given_path, metavar="DIR", help="The pictures.")
    ],
    output_jsonl: OutFile,
    summary: Annotated[str, typer.Option(help="What each record says.")] = "无关图片",
    max_pixels: Annotated[
        int, typer.Option(min=_MIN_PIXELS, help="Most pixels of an image.")
    ] = 1024 * 1024,
    image_factor: Annotated[
        int, typer.Option(min=1, help="Both sides of an image become multiples of it.")
    ] = 32,
    overwrite_images: Annotated[
        bool,
        typer.Option(
            "--overwrite-images",
            help="Change the pictures in DIR instead of writing images/ beside FILE.",
        ),
    ] = False,
    json: Json = False,
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
    out: OutFile,
    number: Annotated[int, typer.Option("--num", min=1, help="Most records to choose.")],
    strategy: Annotated[SampleStrategy, typer.Option(help="Which.")] = SampleStrategy.stratified,
    top_k: Annotated[int, typer.Option(min=1, help="top_k: so many classes.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 17,
    json: Json = False,
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
    out: OutFile,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many records.")] = None,
    json: Json = False,
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
