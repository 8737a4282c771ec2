"""`sightwright data fuse`: one epoch of a mixture as a file of records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from sightwright.sampling.fuse import FuseReport


def fuse(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", parser=given_path, help="The mixture: YAML or JSON with targets."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            parser=given_path,
            metavar="FILE",
            help="The JSONL to write; <target>_train_fused.jsonl beside the first target's "
            "records if not given.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another draw.")] = 2025,
    epoch: Annotated[int, typer.Option(min=0, help="Which epoch's draw, from 0.")] = 0,
    shuffle: Annotated[
        bool,
        typer.Option(
            " /--no-shuffle", help="Set by set, in the order of the files.", show_default=False
        ),
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write one epoch of a mixture as JSONL: the same bytes for the same seed, on every machine.

    Image paths are written as seen from the new file's folder. What the mixture knows of a row
    (its set, template, domain and mode) stands in the row's metadata. Nothing is augmented here:
    the plan says what training with the mixture itself would.
    """
    from sightwright import canonical
    from sightwright.config.fusion import load_fusion
    from sightwright.sampling.fuse import default_output, fuse_file

    fusion = load_fusion(config)
    out = out or default_output(fusion)
    report = fuse_file(fusion, out, seed=seed, epoch=epoch, shuffle=shuffle)
    if not json:
        _print(report, out, epoch)
        return
    value = {
        "out": str(out),
        "records": report.num_records,
        "seed": seed,
        "epoch": epoch,
        "plan": [row.value() for row in report.plan],
        "polygons_as_boxes": report.num_boxed,
        "objects_left_out": report.num_left_out,
        "renamed": report.num_renamed,
        "notes": report.notes,
    }
    typer.echo(canonical.dumps(value))


def _print(report: "FuseReport", out: Path, epoch: int) -> None:
    from sightwright.logs import console
    from sightwright.sampling.epoch_plan import plan_table

    console().print(plan_table(report.plan))
    for note in report.notes:
        typer.echo(note)
    for name, number in report.num_boxed.items():
        typer.echo(f"{name}: {counted(number, 'polygon')} of too many points written as boxes")
    for name, number in report.num_left_out.items():
        typer.echo(f"{name}: {counted(number, 'object')} over the cap left out")
    if report.num_renamed:
        rows = counted(report.num_renamed, "row")
        typer.echo(f"{rows} with the id of another: #2, #3, … added")
    typer.echo(f"{out}: {counted(report.num_records, 'record')} of epoch {epoch}")
