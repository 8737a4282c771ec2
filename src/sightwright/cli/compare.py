"""`sightwright compare`: two evaluations of the same records, pair by pair."""

from pathlib import Path
from typing import Annotated

import typer

from sightwright.cli.paths import given_path


def compare(
    eval_a: Annotated[
        Path, typer.Argument(metavar="EVAL_A", parser=given_path, help="Folder of `eval --out`.")
    ],
    eval_b: Annotated[
        Path,
        typer.Argument(metavar="EVAL_B", parser=given_path, help="Another, of the same records."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            parser=given_path, metavar="DIR", help="Folder for compare.html and compare.json."
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Resamples for the intervals, and random swaps for p.", min=100)
    ] = 10_000,
    seed: Annotated[int, typer.Option(help="Of both.", min=0)] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="The comparison as JSON on stdout, tables on stderr.")
    ] = False,
) -> None:
    """Is B better than A on the same documents, or was it luck?

    Differences of scores with 95 % intervals (paired bootstrap over documents) and the probability
    p of such a difference were the two alike (permutation test; exact where at most 14 documents
    differ); the same for every field; the documents that got better and worse. Answers are marked
    anew from the two folders; no model is needed.
    """
    from sightwright import canonical, logs
    from sightwright.evaluate import compare_report
    from sightwright.evaluate.compare import compare as compare_evaluations
    from sightwright.evaluate.stored import read_evaluation

    found = compare_evaluations(
        read_evaluation(eval_a), read_evaluation(eval_b), samples=samples, seed=seed
    )
    console = logs.console(stderr=as_json)
    for table in compare_report.tables(found):
        console.print(table)
    if as_json:
        typer.echo(canonical.dumps(compare_report.comparison_value(found)))
    if out is not None:
        written = compare_report.write_comparison(out, found)
        typer.echo(", ".join(map(str, written)), err=as_json)
