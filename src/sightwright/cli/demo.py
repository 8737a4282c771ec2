"""`sightwright demo`: the whole story on a laptop's CPU."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sightwright.cli.paths import folder_option


class Task(StrEnum):
    extract = "extract"
    dense = "dense"
    summary = "summary"


def demo(
    out: Annotated[Path, folder_option("Folder for everything it makes.")] = Path("demo-run"),
    task: Annotated[
        Task,
        typer.Option(help="Read documents; find the parts of cabinets; or say what they hold."),
    ] = Task.extract,
    documents: Annotated[int, typer.Option(help="How many PDFs to draw (extract).", min=40)] = 200,
    scenes: Annotated[
        int, typer.Option(help="How many cabinets to learn from (dense, summary).", min=100)
    ] = 5000,
    seed: Annotated[int, typer.Option(help="Draws, splits and trains by it.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier run in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw data, train a tiny model on it and score it; a reader of documents is also merged,
    served and asked: 5 minutes.

    Exit code 2 if the scores that the demo promises are not reached.
    """
    import json

    from sightwright.cli.main import app
    from sightwright.demo import inspection_tour, tour

    def run_verb(arguments: list[str]) -> None:
        app(arguments, standalone_mode=False)

    summary: dict[str, Any]
    if task is Task.extract:
        run = tour.Tour(out, run_verb, documents=documents, seed=seed)
        summary, show = run.run(overwrite=overwrite), tour.print_summary
    else:
        inspection = inspection_tour.InspectionTour(
            out, run_verb, task=task.value, scenes=scenes, seed=seed
        )
        summary, show = inspection.run(overwrite=overwrite), inspection_tour.print_summary
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        show(summary)
    if not summary["kept"]:
        raise typer.Exit(2)
