"""`sightwright eval` of photographs and groups of them: objects, summaries, verdicts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from sightwright.evaluate.inspection import InspectionEvaluation
    from sightwright.evaluate.inspection_asking import InspectionAsking


def described(how: "InspectionAsking", config: Path | None) -> dict[str, Any]:
    """How the model was asked, as the report says it."""
    from sightwright.ingest.sources import printable
    from sightwright.tasks.dense import DenseTask
    from sightwright.tasks.summary import SummaryTask

    task = how.task
    about: dict[str, Any] = {"config": None if config is None else printable(config)}
    about["order"] = task.order
    match task:
        case DenseTask():
            about |= {"norm": task.norm, "ordering": task.ordering, "header": task.header}
        case SummaryTask():
            # Not `header`: that is a score of summaries.
            about |= {"domain": task.domain, "header_format": task.header_format}
        case _:
            pass
    pixels = how.pixels
    about |= {"min_pixels": pixels.min_pixels, "max_pixels": pixels.max_pixels}
    return {**about, "max_tokens": how.max_tokens}


def show(found: "InspectionEvaluation", about: dict[str, Any], *, as_json: bool) -> None:
    """The tables on the console, or the report as JSON and the tables beside it."""
    from sightwright import canonical, logs
    from sightwright.evaluate import inspection_report

    console = logs.console(stderr=as_json)
    for table in inspection_report.score_tables(found):
        console.print(table)
    if as_json:
        typer.echo(canonical.dumps(inspection_report.report_value(found, about)))


def write(
    out: Path,
    found: "InspectionEvaluation",
    about: dict[str, Any],
    root: Path,
    max_records: int | None,
    *,
    as_json: bool,
) -> None:
    """The files of an evaluation; no page where `max_records` is None."""
    from sightwright.evaluate import inspection_page, inspection_report
    from sightwright.evaluate.page import PAGE_NAME

    written = inspection_report.write_report(out, found, about)
    page_path = out / PAGE_NAME
    # An older evaluation's page must not stand beside this one's numbers.
    page_path.unlink(missing_ok=True)
    if max_records is not None:
        inspection_page.write_page(page_path, found, root, about, max_records=max_records)
        written = [page_path, *written]
    typer.echo(", ".join(map(str, written)), err=as_json)
