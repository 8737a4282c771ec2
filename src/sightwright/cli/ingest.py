"""`sightwright ingest`: PDFs to pages, pages and labels to chat records."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from sightwright.ingest.label_records import LabelReport
    from sightwright.ingest.pdf import PdfReport

# A table of every document helps for a handful; beyond, only what went wrong is news.
_ROWS_OF_ALL, _ROWS_OF_FAILED = 20, 50

app = typer.Typer(help="PDFs to pages, pages and labels to records.", no_args_is_help=True)


class Format(StrEnum):
    png = "png"
    jpeg = "jpeg"


class Over(StrEnum):
    error = "error"
    first = "first"
    windows = "windows"


@app.command("pdf")
def pdf(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SRC", parser=given_path, help="PDFs, or folders of them."),
    ],
    out: Annotated[
        Path, typer.Option(parser=given_path, metavar="DIR", help="Folder for the pages.")
    ],
    max_pixels: Annotated[
        int, typer.Option(min=1024, help="Most pixels of a page; 1024 are one image token.")
    ] = 1280 * 1024,
    min_pixels: Annotated[
        int | None, typer.Option(min=1, help="Fewest pixels of a page; 4096 unless given.")
    ] = None,
    dpi: Annotated[
        int, typer.Option(min=1, max=2400, help="Resolution, as far as max-pixels allows.")
    ] = 200,
    max_pages: Annotated[
        int, typer.Option(min=1, help="A document with more pages is refused.")
    ] = 2000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one per core unless given.")
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Most that one document may take.")
    ] = 1800.0,
    format: Annotated[Format, typer.Option(help="Of the page files.")] = Format.png,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Exit with 0 though documents failed.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Draw every page of every PDF at the very size the model takes.

    Run again, it does what is not yet done, and nothing else. A PDF that cannot be drawn gets
    its line in DIR/report.jsonl and stops no other; exit code 2 then.
    """
    from sightwright.ingest.pdf import ingest_pdfs
    from sightwright.ingest.render import DEFAULT_PIXELS, RenderPolicy
    from sightwright.ingest.workers import Limits
    from sightwright.vision import PixelPolicy

    fewest = min(DEFAULT_PIXELS.min_pixels, max_pixels) if min_pixels is None else min_pixels
    policy = RenderPolicy(PixelPolicy(fewest, max_pixels), dpi, format.value, max_pages)
    silence = min(time_limit, Limits().silence_seconds)
    limits = Limits(job_seconds=time_limit, silence_seconds=silence)
    report = ingest_pdfs(sources, out, policy, num_workers=workers, limits=limits)
    if json:
        _print_json(_pdf_json(report, out))
    else:
        _print_pdf_report(report, out)
    if report.failures and not allow_failures:
        raise typer.Exit(2)


@app.command("labels")
def labels(
    pages: Annotated[
        Path, typer.Option(parser=given_path, metavar="DIR", help="What `ingest pdf` wrote.")
    ],
    labels: Annotated[
        Path,
        typer.Option(
            parser=given_path, metavar="PATH", help="Folder of one JSON a document, or one JSONL."
        ),
    ],
    schema: Annotated[
        Path, typer.Option(parser=given_path, metavar="FILE", help="JSON Schema of the labels.")
    ],
    out: Annotated[
        Path, typer.Option(parser=given_path, metavar="FILE", help="The JSONL to write.")
    ],
    prompt: Annotated[
        str | None, typer.Option(help="What the model is asked, instead of the default.")
    ] = None,
    drop_unknown: Annotated[
        bool, typer.Option("--drop-unknown", help="Drop keys outside the schema, counted.")
    ] = False,
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing", help="Leave out documents without label and labels without document."
        ),
    ] = False,
    max_pages: Annotated[int | None, typer.Option(min=1, help="Most pages of one record.")] = None,
    over_pages: Annotated[
        Over, typer.Option(help="A longer document: refused, cut, or split (labels by page).")
    ] = Over.error,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Join pages and labels into chat records, one per document.

    Labels are matched by the document's id or the PDF's name, and brought into the schema's
    form: missing keys become null, keys outside it are errors.
    """
    from sightwright.ingest.label_records import LabelRules, make_records
    from sightwright.schema import load_schema
    from sightwright.tasks.extract import DEFAULT_PROMPT, ExtractTask

    task = ExtractTask(schema=load_schema(schema), prompt=prompt or DEFAULT_PROMPT)
    rules = LabelRules(drop_unknown, allow_missing, max_pages, over_pages.value)
    report = make_records(pages, labels, task, out, rules)
    if json:
        _print_json({**report.to_json(), "out": str(out)})
    else:
        _print_label_report(report, out)


def _print_json(value: dict[str, Any]) -> None:
    from sightwright import canonical

    typer.echo(canonical.dumps(value))


def _pdf_json(report: "PdfReport", out: Path) -> dict[str, Any]:
    return {
        "documents": len(report.outcomes),
        "pages": report.num_pages,
        "counts": report.counts,
        "failed": [outcome.to_json() for outcome in report.failures],
        "out": str(out),
    }


def _print_pdf_report(report: "PdfReport", out: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from sightwright import logs

    every = len(report.outcomes) <= _ROWS_OF_ALL
    rows = report.outcomes if every else report.failures[:_ROWS_OF_FAILED]
    console = logs.console()
    if rows:
        table = Table("document", "status", "pages", "why", box=None)
        for row in rows:
            style = "red" if row.failed else None
            pages = str(row.num_pages) if row.num_pages else ""
            table.add_row(escape(row.id), row.status, pages, escape(row.why), style=style)
        console.print(table)
    hidden = len(report.failures) - len(rows)
    if not every and hidden > 0:
        console.print(f"… and {hidden} more failures in {out}/report.jsonl", soft_wrap=True)
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items())
    documents = counted(len(report.outcomes), "document")
    news = "" if set(report.counts) != {"kept"} else "; nothing to do"
    pages = counted(report.num_pages, "page")
    typer.echo(f"{documents}: {counts}; {pages} in {out}{news}")


def _print_label_report(report: "LabelReport", out: Path) -> None:
    if report.dropped_keys:
        keys = ", ".join(f"{key} ({count})" for key, count in report.dropped_keys.most_common())
        typer.echo(f"dropped, not in the schema: {keys}")
    named = {
        "without a label, left out": report.without_label,
        "without a document, left out": report.without_document,
        "cut to the first pages": report.cut_to_first_pages,
        "split into windows": report.split_in_windows,
    }
    for what, names in named.items():
        if names:
            shown = ", ".join(names[:_ROWS_OF_FAILED])
            more = (
                f" and {len(names) - _ROWS_OF_FAILED} more" if len(names) > _ROWS_OF_FAILED else ""
            )
            typer.echo(f"{len(names)} {what}: {shown}{more}")
    records, pages = counted(report.num_records, "record"), counted(report.num_pages, "page")
    typer.echo(f"{records} with {pages} in {out}")
