"""`sightwright ingest results`: a table of bills of lading and their images to chat records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.counts import counted
from sightwright.cli.page_options import Json
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from sightwright.ingest.result_rows import RowsReport
    from sightwright.ingest.results import Missing, ResultsReport

_MOST_NAMES = 20


def _path(help: str, metavar: str) -> Any:
    return typer.Option(parser=given_path, metavar=metavar, help=help)


Results = Annotated[Path, _path("JSON list, one row per container.", "FILE")]
ImagesDirs = Annotated[
    list[Path] | None,
    _path(
        "Folder of images, searched with its folders; repeatable. data/raw/combined unless given.",
        "DIR",
    ),
]
Prompt = Annotated[
    Path | None,
    _path("What the model is asked; prompts/bl_extraction_prompt.txt unless given.", "FILE"),
]
Out = Annotated[Path, _path("The JSONL to write.", "FILE")]
Limit = Annotated[int, typer.Option(min=0, help="Most documents; 0 for all.")]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing-images", help="Leave out documents without image, counted.")
]
EmptyMissing = Annotated[
    bool,
    typer.Option(
        "--empty-missing-images",
        help="Write them with an empty image, which `data validate` then names.",
    ),
]
MissingReport = Annotated[Path | None, _path("Gets the names without image.", "FILE")]


def results(
    results: Results = Path("docs/results.json"),
    images_dir: ImagesDirs = None,
    prompt: Prompt = None,
    out: Out = Path("data/train.jsonl"),
    limit: Limit = 0,
    skip_missing_images: SkipMissing = False,
    empty_missing_images: EmptyMissing = False,
    missing_report: MissingReport = None,
    json: Json = False,
) -> None:
    """Join a table of results with its images into chat records.

    The table has a row per container of a bill of lading; a record is a document: the rows of one
    Filename. Its image is found by its name, the Filename without .pdf, then whatever: of several,
    NAME_single_page is taken, then NAME_combined_grid, then the lowest NAME_1, NAME_2, …. A
    document without image is an error unless a flag says otherwise.
    """
    from sightwright import canonical
    from sightwright.ingest.results import make_result_records, read_prompt

    report = make_result_records(
        results,
        images_dir or [Path("data/raw/combined")],
        read_prompt(prompt),
        out,
        limit=limit,
        missing=_missing(skip_missing_images, empty_missing_images),
        missing_report=missing_report,
    )
    if json:
        typer.echo(canonical.dumps({**report.to_json(), "out": str(out)}))
        return
    _print_rows(report.rows)
    _print(report, skip_missing_images)
    typer.echo(f"{counted(report.num_records, 'record')} in {out}")


def _missing(skip: bool, empty: bool) -> "Missing":
    if skip and empty:
        raise typer.BadParameter(
            "--skip-missing-images and --empty-missing-images exclude each other"
        )
    if skip:
        return "skip"
    return "empty" if empty else "error"


def _print(report: "ResultsReport", skipped: bool) -> None:
    if report.missing:
        how = "left out" if skipped else "written with an empty image"
        typer.echo(f"{len(report.missing)} without an image, {how}: {_first(report.missing)}")
    if report.same_names:
        names = _first(report.same_names)
        typer.echo(f"{len(report.same_names)} with the image of a document named alike: {names}")
    if report.with_other_images:
        number = report.with_other_images
        typer.echo(f"{counted(number, 'document')} with other images beside the one taken")


def _print_rows(rows: "RowsReport") -> None:
    from sightwright.ingest.result_rows import shown_rows

    named = {
        "rows without a Filename, left out": rows.without_filename,
        "rows with a container's size or type but no number, left out": rows.without_number,
        "rows that say something else of their document than its first": rows.other_headers,
    }
    for what, numbers in named.items():
        if numbers:
            typer.echo(f"{len(numbers)} {what}: rows {', '.join(shown_rows(numbers))}")
    if rows.repeated_containers:
        typer.echo(f"{counted(rows.repeated_containers, 'row')} with a container met before")
    if rows.absent_keys:
        typer.echo(f'in no row, so "" everywhere: {", ".join(rows.absent_keys)}')
    if rows.unread_keys:
        typer.echo(f"not read: {_first(list(rows.unread_keys))}")


def _first(names: tuple[str, ...] | list[str]) -> str:
    from sightwright.ingest.results import one_line

    more = len(names) - _MOST_NAMES
    return ", ".join(map(one_line, names[:_MOST_NAMES])) + (f" and {more} more" if more > 0 else "")
