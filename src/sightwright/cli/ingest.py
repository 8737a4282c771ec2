"""`sightwright ingest`: PDFs and images to pages, pages and labels to chat records, annotated
photographs to inspection records."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.counts import counted
from sightwright.cli.ingest_annotations import annotations, chat_corpus, irrelevant, sample
from sightwright.cli.ingest_images import images
from sightwright.cli.ingest_results import results
from sightwright.cli.ingest_zip import zip_archives
from sightwright.cli.page_options import (
    GIB,
    MAX_PAGES,
    MAX_PIXELS,
    SECONDS,
    AllowFailures,
    Format,
    Json,
    MaxPages,
    MaxPixels,
    MemoryLimit,
    MinPixels,
    Ocr,
    OcrLanguage,
    Out,
    PageFormat,
    TimeLimit,
    Workers,
    limits,
    pixel_policy,
)
from sightwright.cli.page_report import end_run
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from sightwright.ingest.label_records import LabelReport

# Names of a list that are shown.
_NAMES = 50

app = typer.Typer(
    help="PDFs, images, archives and annotations to pages and records.", no_args_is_help=True
)


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
    out: Out,
    max_pixels: MaxPixels = MAX_PIXELS,
    min_pixels: MinPixels = None,
    dpi: Annotated[
        int, typer.Option(min=1, max=2400, help="Resolution, as far as max-pixels allows.")
    ] = 200,
    max_pages: MaxPages = MAX_PAGES,
    workers: Workers = None,
    time_limit: TimeLimit = SECONDS,
    memory_limit: MemoryLimit = GIB,
    format: Format = PageFormat.png,
    words: Annotated[
        bool, typer.Option("--words/--no-words", help="Write each page's words, with boxes.")
    ] = True,
    ocr: Annotated[Ocr, typer.Option(help="Reads the pages that have no text layer.")] = Ocr.none,
    ocr_language: OcrLanguage = "eng",
    allow_failures: AllowFailures = False,
    json: Json = False,
) -> None:
    """Draw every page of every PDF at the very size the model takes.

    Beside page-0001.png stands page-0001.words.json: its words, each with a box in pixels.

    Run again, it does what is not yet done, and nothing else. A PDF that cannot be drawn gets
    its line in DIR/report.jsonl and stops no other; exit code 2 then.
    """
    from sightwright.ingest.ocr import make_reader
    from sightwright.ingest.pdf import ingest_pdfs
    from sightwright.ingest.reading import Reading
    from sightwright.ingest.render import RenderPolicy

    policy = RenderPolicy(pixel_policy(min_pixels, max_pixels), dpi, format.value, max_pages)
    if ocr != Ocr.none and not words:
        raise typer.BadParameter("--ocr finds words, which --no-words leaves out")
    reading = Reading(words, make_reader(ocr.value, ocr_language))
    bounds = limits(time_limit, memory_limit)
    report = ingest_pdfs(sources, out, policy, reading=reading, num_workers=workers, limits=bounds)
    end_run(report, out, as_json=json, allow_failures=allow_failures)


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


app.command("images")(images)
app.command("zip")(zip_archives)
app.command("results")(results)
app.command("annotations")(annotations)
app.command("irrelevant")(irrelevant)
app.command("sample")(sample)
app.command("chat-corpus")(chat_corpus)


def _print_json(value: dict[str, Any]) -> None:
    from sightwright import canonical

    typer.echo(canonical.dumps(value))


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
            shown = ", ".join(names[:_NAMES])
            more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
            typer.echo(f"{len(names)} {what}: {shown}{more}")
    records, pages = counted(report.num_records, "record"), counted(report.num_pages, "page")
    typer.echo(f"{records} with {pages} in {out}")
