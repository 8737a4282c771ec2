"""What `ingest pdf` and `ingest images` say of their documents, and how they end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sightwright.cli.counts import counted

if TYPE_CHECKING:
    from sightwright.ingest.page_run import PagesReport

# A table of every document helps for a handful; beyond, only what went wrong is news.
_ROWS_OF_ALL, _ROWS_OF_FAILED = 20, 50


def end_run(report: "PagesReport", out: Path, *, as_json: bool, allow_failures: bool) -> None:
    """Print what became of the documents; exit with 2 where some failed and none may."""
    from sightwright import canonical

    if as_json:
        typer.echo(canonical.dumps(_as_json(report, out)))
    else:
        _print(report, out)
    if report.failures and not allow_failures:
        raise typer.Exit(2)


def _as_json(report: "PagesReport", out: Path) -> dict[str, Any]:
    return {
        "documents": len(report.outcomes),
        "pages": report.num_pages,
        "pages_without_text": _num_without_text(report, out),
        "counts": report.counts,
        "failed": [outcome.to_json() for outcome in report.failures],
        "out": str(out),
    }


def _print(report: "PagesReport", out: Path) -> None:
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
    if textless := _num_without_text(report, out):
        pages = counted(textless, "page")
        typer.echo(
            f"{pages} without a text layer: --ocr tesseract reads their words from the image"
        )


def _num_without_text(report: "PagesReport", out: Path) -> int:
    """Pages whose words were looked for, and had none."""
    from sightwright.ingest.pages import read_index

    if not report.num_pages:
        return 0
    return sum(page.words_source == "none" for found in read_index(out) for page in found.pages)
