"""`sightwright data` about files of records: convert, stats, verify-images, example, schema."""

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from rich.table import Table

    from sightwright.ingest.spread import Spread
    from sightwright.ingest.stats import FileStats
    from sightwright.record_formats import RecordFormat

T = TypeVar("T")

# What --json lists one by one; the counts are always whole.
_MOST_IN_JSON = 1000
_MOST_PRINTED = 20

File = Annotated[
    Path, typer.Argument(metavar="FILE", parser=given_path, help="JSONL of records, in any style.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


def convert(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", parser=given_path, help="Records in any style: JSONL, or one list."
        ),
    ],
    to: Annotated[
        str, typer.Option(metavar="STYLE", help="sightwright, openai, ms-swift, llava or qwen-vl.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            parser=given_path, metavar="FILE", help="The new file; called .json it is one list."
        ),
    ],
    ids: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Call records without an id NAME-000001 and so on."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Rewrite records in another program's style: the same conversations, the same images.

    The style of FILE is told by its keys. Image paths are written as seen from the new file's
    folder. Ids are kept; `meta` is only in the style of sightwright, and what is left behind is
    counted. A record that the style cannot say is an error, and nothing is written.
    """
    from sightwright import canonical
    from sightwright.ingest.convert import convert_file
    from sightwright.logs import console

    report = convert_file(file, out, _style(to), ids=ids)
    if json:
        left = {f"meta.{key}": number for key, number in report.dropped.items()}
        value = {"records": report.num_records, "to": to, "read": report.styles, "dropped": left}
        value["named"] = report.num_named
        typer.echo(canonical.dumps({**value, "out": str(out)}))
        return
    read = ", ".join(f"{number} {style}" for style, number in report.styles.most_common())
    typer.echo(f"{out}: {counted(report.num_records, 'record')} as {to} (read: {read})")
    if report.num_named:
        typer.echo(f"{counted(report.num_named, 'record')} had no id and got one: {ids}-…")
    if report.dropped:
        table = _table("left behind", "records")
        for key, number in report.dropped.most_common():
            table.add_row(f"meta.{key}", str(number))
        console().print(table)


def _style(name: str) -> "RecordFormat":
    from sightwright.errors import DataError
    from sightwright.record_formats import FORMATS

    for known in FORMATS:
        if name == known:
            return known
    raise DataError(f"--to {name!r} is none of {', '.join(FORMATS)}")


def verify_images(
    file: File,
    out_missing: Annotated[
        Path | None,
        typer.Option(
            parser=given_path,
            metavar="FILE",
            help="Write the missing ones here: path, tab, id of the record; empty if there are "
            "none.",
        ),
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch http(s) images too, into the cache.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Check that every image is there, is not empty and begins as an image does.

    Exit code 2 if one is not, or if a line is no record.
    """
    from sightwright import canonical
    from sightwright.ingest import verify_images as verify
    from sightwright.logs import progress

    report = _last(progress(verify.verify_images(file, fetch=fetch), f"looking at {file.name}"))
    if out_missing is not None:
        verify.write_missing(out_missing, report)
    if json:
        value = {
            "ok": report.ok,
            "records": report.num_records,
            "images": report.num_images,
            "not_fetched": report.num_not_fetched,
            "missing": len(report.missing),
            "unread": len(report.unread),
            "missing_images": [vars(missing) for missing in report.missing[:_MOST_IN_JSON]],
            "unread_lines": report.unread[:_MOST_IN_JSON],
        }
        typer.echo(canonical.dumps(value))
    else:
        _print_missing(file, report, out_missing)
    if not report.ok:
        raise typer.Exit(2)


def _print_missing(file: Path, report: object, out_missing: Path | None) -> None:
    from sightwright.ingest.verify_images import ImageReport

    assert isinstance(report, ImageReport)
    lines = [f"{file}:{m.line} ({m.record}): {m.image}: {m.why}" for m in report.missing]
    for line in (*lines, *report.unread)[:_MOST_PRINTED]:
        typer.echo(line)
    if (left := len(lines) + len(report.unread) - _MOST_PRINTED) > 0:
        typer.echo(f"… and {left} more")
    seen = f"{counted(report.num_images, 'image')} of {counted(report.num_records, 'record')}"
    if report.num_not_fetched:
        seen += f", {report.num_not_fetched} behind a URL not fetched (--fetch)"
    faults = f"{len(report.missing)} missing"
    if report.unread:
        faults += f", {counted(len(report.unread), 'line')} that cannot be read"
    typer.echo(f"{'OK' if report.ok else 'FAILED'}: {seen}: {faults}")
    if out_missing is not None:
        typer.echo(f"the missing ones: {out_missing}")


def stats(file: File, json: AsJson = False) -> None:
    """Count records, images and rows; how long prompts and answers are.

    Bad lines are counted and named; `data validate` says what is wrong with each.
    """
    from sightwright import canonical
    from sightwright.ingest.stats import file_stats
    from sightwright.logs import console, progress

    found = _last(progress(file_stats(file), f"reading {file.name}"))
    if json:
        typer.echo(canonical.dumps(found.value()))
        return
    for table in _stats_tables(found):
        console().print(table)
    for line in found.unread:
        typer.echo(line)


def _last(items: Iterable[T]) -> T:
    return deque(items, maxlen=1).pop()


def _stats_tables(found: "FileStats") -> "list[Table]":
    photographs = found.photographs
    if photographs.num_records == found.num_records - found.num_unread:
        return _photograph_tables(found)
    counts = _table("", "records")
    counts.add_row("records", str(found.num_records))
    if photographs.num_records:
        counts.add_row("  photographs with objects", str(photographs.num_records))
    for style, number in found.styles.most_common():
        counts.add_row(f"  in the style of {style}", str(number))
    counts.add_row("missing image", str(found.num_without_image))
    counts.add_row("no JSON object as answer", str(found.num_without_answer))
    counts.add_row("cannot be read", str(found.num_unread))
    extensions = _table("image files", "images")
    for extension, number in found.extensions.most_common():
        extensions.add_row(extension, str(number))
    spreads = _table("a record", "min", "p50", "p95", "max")
    _add_spread(spreads, "images", found.pages)
    _add_spread(spreads, "characters of the prompt", found.prompt_characters)
    _add_spread(spreads, "characters of the answer", found.answer_characters)
    for path, spread in found.rows.items():
        _add_spread(spreads, f"rows of {path}", spread)
    filled = _table("answer's key", "not null in")
    for key, number in found.filled.items():
        filled.add_row(key, str(number))
    tables = [table for table in (counts, extensions, spreads, filled) if table.row_count]
    return tables + (_photograph_tables(found)[1:] if photographs.num_records else [])


def _photograph_tables(found: "FileStats") -> "list[Table]":
    from rich.text import Text

    from sightwright.draw.overlay import shown

    photographs = found.photographs
    counts = _table("", "records")
    counts.add_row("records", str(found.num_records))
    counts.add_row("with a summary", str(photographs.num_summaries))
    counts.add_row("cannot be read", str(found.num_unread))
    spreads = _table("a photograph", "min", "p50", "p95", "max")
    _add_spread(spreads, "thousands of pixels", photographs.pixels)
    _add_spread(spreads, "objects", photographs.objects)
    _add_spread(spreads, "points of a polygon or line", photographs.points)
    _add_spread(spreads, "characters of a description", photographs.desc_characters)
    _add_spread(spreads, "characters of a summary", photographs.summary_characters)
    geometries = _table("geometry", "objects")
    for kind, number in photographs.geometries.most_common():
        geometries.add_row(kind, str(number))
    classes = _table("class", "objects")
    for name, number in photographs.classes.most_common(_MOST_PRINTED):
        classes.add_row(Text(shown(name)), str(number))
    left = sum(sorted(photographs.classes.values(), reverse=True)[_MOST_PRINTED:])
    if left := left + photographs.num_of_other_classes:
        classes.add_row("all others", str(left))
    return [table for table in (counts, spreads, geometries, classes) if table.row_count]


def _add_spread(table: "Table", name: str, spread: "Spread") -> None:
    from rich.text import Text

    if spread.counts:
        # As text: `lines[].taxes` is no markup.
        table.add_row(Text(name), *(str(number) for number in spread.value().values()))


def _table(first: str, *numbers: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def example(
    out: Annotated[
        Path, typer.Option(parser=given_path, metavar="FILE", help="The JSONL to write.")
    ] = Path("examples/example.jsonl"),
    json: AsJson = False,
) -> None:
    """Write one invoice as a record, its page image beside it: the format to copy from."""
    from sightwright import canonical
    from sightwright.ingest.example import write_example

    written = write_example(out)
    if json:
        typer.echo(canonical.dumps({"record": str(written.record), "page": str(written.page)}))
        return
    typer.echo(f"{written.record}: 1 record")
    typer.echo(f"{written.page}: its page")


def schema(
    kind: Annotated[
        str,
        typer.Option(metavar="KIND", help="extraction, inspection, bbu-summary or rru-summary."),
    ] = "extraction",
    out: Annotated[
        Path | None, typer.Option(parser=given_path, metavar="FILE", help="Write it here.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Print the JSON Schema (draft 2020-12) of a record, made from the types that read it.

    A record of extraction, a photograph with its objects (inspection), or what the summary of a
    photograph of BBU or RRU equipment holds.
    """
    from sightwright import canonical
    from sightwright.errors import DataError
    from sightwright.ingest.record_schema import SCHEMAS

    if kind not in SCHEMAS:
        raise DataError(f"--kind {kind!r} is none of {', '.join(SCHEMAS)}")
    if out is None:
        typer.echo(canonical.dumps(SCHEMAS[kind]()))
        return
    canonical.write_json(out, SCHEMAS[kind]())
    typer.echo(canonical.dumps({"schema": str(out)}) if json else str(out))
