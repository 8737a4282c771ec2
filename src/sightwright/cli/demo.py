"""`sightwright demo`: the whole story on a laptop's CPU."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything it makes.")] = Path(
        "demo-run"
    ),
    documents: Annotated[int, typer.Option(help="How many PDFs to draw.", min=40)] = 200,
    seed: Annotated[int, typer.Option(help="Draws, splits and trains by it.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier run in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw PDFs, train a tiny model on them, score it, merge it, serve it and ask it: 5 minutes."""
    import json

    from sightwright.cli.main import app
    from sightwright.demo.tour import Tour, print_summary

    def run_verb(arguments: list[str]) -> None:
        app(arguments, standalone_mode=False)

    summary = Tour(out, documents=documents, seed=seed, run_verb=run_verb).run(overwrite=overwrite)
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        print_summary(summary)
