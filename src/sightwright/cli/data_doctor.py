"""`sightwright data doctor`: what is wrong with a data set before a model is trained on it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.counts import counted
from sightwright.cli.page_options import Ocr, OcrLanguage, Workers
from sightwright.cli.paths import file_option, folder_option, given_path, make_output_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sightwright.config.schema import Config
    from sightwright.doctor.corpus import Split
    from sightwright.doctor.diagnosis import Diagnosis
    from sightwright.doctor.exam import Setup

_MAX_PIXELS, _MIN_PIXELS = 1280 * 1024, 4096
_MOST_PRINTED = 5


_Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        parser=given_path,
        help="JSONL of records of any kind; each file is a split, the first is trained on.",
    ),
]
_Against = Annotated[
    list[Path] | None,
    file_option("A split of its own; all FILEs are then one, to be trained on. Repeatable."),
]
_Out = Annotated[Path | None, folder_option("Write doctor.json and doctor.html there.")]
_Config = Annotated[
    Path | None,
    file_option("YAML of a training run: its pixels, lengths in its tokens, its schema."),
]
_MaxPixels = Annotated[
    int | None,
    typer.Option(min=1024, help="Pixel budget of an image; else --config's, else 1310720."),
]
_MinText = Annotated[
    float, typer.Option(min=0, metavar="PX", help="Least height of a letter at that budget.")
]
_MinObject = Annotated[
    float, typer.Option(min=0, metavar="PX", help="Least side of an object at that budget.")
]
_GroupBy = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY",
        help="What should not be in two splits: a key such as meta.vendor, or `layout`. "
        "Repeatable; meta.document, meta.vendor and meta.template always count.",
    ),
]
_Ocr = Annotated[
    Ocr, typer.Option(help="What reads pages without a text layer, to look values up in them.")
]
_ListMost = Annotated[
    int, typer.Option(min=1, max=1000, help="Findings of a check that are listed.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print doctor.json.")]


def doctor(
    files: _Files,
    against: _Against = None,
    out: _Out = None,
    config: _Config = None,
    max_pixels: _MaxPixels = None,
    min_text: _MinText = 6.0,
    min_object: _MinObject = 8.0,
    group_by: _GroupBy = None,
    ocr: _Ocr = Ocr.none,
    ocr_language: OcrLanguage = "eng",
    list_most: _ListMost = 20,
    workers: Workers = None,
    json: _Json = False,
) -> None:
    """Look for what spoils a data set: leaks, conflicts, wrong sizes, unreadable text, and more.

    Every record and image is looked at once. Exit code 2 if there is an error; warnings alone
    leave it 0. Of a check, --list-most findings are listed, and all are counted.
    """
    from sightwright import canonical
    from sightwright.doctor.diagnosis import diagnose
    from sightwright.doctor.report import to_json

    run = _config(config)
    setup = _setup(run, config, max_pixels, min_text, min_object, group_by or [])
    setup = _with_ocr(setup, ocr, ocr_language)
    num_workers = workers or len(os.sched_getaffinity(0))
    if out is not None:
        make_output_folder(out)
    found = diagnose(
        _splits(files, against or []), setup, num_workers=num_workers, most_listed=list_most
    )
    if out is not None:
        _write(found, out, num_workers, None if run is None else run.template.max_length)
    if json:
        typer.echo(canonical.dumps(to_json(found)))
    else:
        _print(found, out)
    if found.total("error"):
        raise typer.Exit(2)


def _config(path: Path | None) -> "Config | None":
    from sightwright.config.load import load_config

    return None if path is None else load_config(path).config


def _setup(
    run: "Config | None",
    config: Path | None,
    max_pixels: int | None,
    min_text: float,
    min_object: float,
    group_by: "Sequence[str]",
) -> "Setup":
    from sightwright.doctor.checks.leakage import ALWAYS
    from sightwright.doctor.exam import Setup

    own = None if run is None else run.template.max_pixels
    low = None if run is None else run.template.min_pixels
    most = max_pixels or own or _MAX_PIXELS
    keys = (*ALWAYS, *group_by)
    return Setup(
        max_pixels=most,
        min_pixels=min(low or _MIN_PIXELS, most),
        min_text_px=min_text,
        min_object_px=min_object,
        config=None if config is None else str(config),
        group_by=tuple(dict.fromkeys(keys)),
    )


def _with_ocr(setup: "Setup", ocr: Ocr, language: str) -> "Setup":
    from dataclasses import replace

    from sightwright.ingest.ocr import TesseractReader

    if ocr is Ocr.none:
        return setup
    TesseractReader(language).check()
    return replace(setup, ocr=language)


def _splits(files: "Sequence[Path]", against: "Sequence[Path]") -> "list[Split]":
    """Each with a name that no other has.

    Raises:
        DataError: a file that is given twice.
    """
    from sightwright.doctor.corpus import Split
    from sightwright.errors import DataError
    from sightwright.ingest.sources import printable

    every = [*files, *against]
    resolved = [file.resolve() for file in every]
    if twice := [str(file) for i, file in enumerate(every) if resolved[i] in resolved[:i]]:
        raise DataError(f"given twice: {', '.join(twice)}", remedy="give each file once")
    stems = [file.stem for file in every]
    names = [
        printable(file.stem if stems.count(file.stem) == 1 else file.with_suffix(""))
        for file in every
    ]
    if not against:
        return [Split(name, (file,)) for name, file in zip(names, files, strict=True)]
    first = names[0] if len(files) == 1 else "train"
    rest = zip(names[len(files) :], against, strict=True)
    return [Split(first, tuple(files)), *(Split(name, (file,)) for name, file in rest)]


def _write(found: "Diagnosis", out: Path, num_workers: int, max_length: int | None) -> None:
    from sightwright import canonical
    from sightwright.doctor.page import JSON_NAME, PAGE_NAME, page
    from sightwright.doctor.report import to_json

    text = page(found, num_workers=num_workers, max_length=max_length)
    canonical.write_text(out / PAGE_NAME, text)
    canonical.write_json(out / JSON_NAME, to_json(found))


def _print(found: "Diagnosis", out: Path | None) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from sightwright.doctor.diagnosis import CHECKS
    from sightwright.logs import console

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("check", "looks for"):
        table.add_column(name, overflow="fold")
    for name in ("errors", "warnings"):
        table.add_column(name, justify="right", no_wrap=True)
    for check, about in CHECKS.items():
        errors, warnings = found.counts[check, "error"], found.counts[check, "warning"]
        if errors or warnings:
            table.add_row(check, Text(about), str(errors or ""), str(warnings or ""))
    if table.row_count:
        console().print(table)
    for check in CHECKS:
        for finding in found.findings.get(check, [])[:_MOST_PRINTED]:
            typer.echo(f"{finding.severity}: {finding.where}: {finding.what}")
    verdict = "FAILED" if found.total("error") else "OK"
    told = counted(found.corpus.num_records, "record")
    errors = counted(found.total("error"), "error")
    warnings = counted(found.total("warning"), "warning")
    typer.echo(f"{verdict}: {told}: {errors}, {warnings}")
    _print_unseen(found)
    if out is not None:
        typer.echo(f"{out / 'doctor.html'}: each finding with its picture")


def _print_unseen(found: "Diagnosis") -> None:
    """What could not be looked at, so that silence about it means nothing."""
    corpus = found.corpus
    if corpus.num_away:
        typer.echo(f"{counted(corpus.num_away, 'image')} behind a URL not looked at")
    if unread := corpus.num_pages - corpus.num_read_pages:
        typer.echo(
            f"{unread} of {counted(corpus.num_pages, 'page')} without words: their values were not "
            "looked up (`ingest pdf` writes words; --ocr tesseract reads scans)"
        )
