"""`sightwright ingest zip`: archives of page images to folders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.counts import counted
from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from sightwright.ingest.archives import ZipOutcome

_MOST_NAMES = 20


def zip_archives(
    zip: Annotated[
        list[Path] | None,
        typer.Option(
            parser=given_path,
            metavar="FILE",
            help="Archive to extract; repeatable. data/combined.zip unless given.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=given_path,
            metavar="DIR",
            help="Destination; several go to DIR/<name> each. data/raw/<name> unless given.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write files that are there already anew.")
    ] = False,
    max_files: Annotated[int, typer.Option(min=1, help="Most entries of an archive.")] = 200_000,
    max_gib: Annotated[float, typer.Option(min=0, help="Most GiB an archive unpacks to.")] = 64.0,
    max_ratio: Annotated[
        float, typer.Option(min=1, help="Most bytes unpacked per byte of the archive.")
    ] = 200.0,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Extract archives of page images.

    Files already there stay, counted, unless --overwrite. An archive that could write outside its
    folder, or is damaged, encrypted or a bomb, is refused whole, names what is wrong, and leaves
    nothing behind; the others are extracted all the same, and the exit code is 2.
    """
    from sightwright import canonical
    from sightwright.ingest.archive_plan import ZipLimits
    from sightwright.ingest.archives import extract_all

    limits = ZipLimits(max_files, int(max_gib * 1024**3), max_ratio)
    archives = zip or [Path("data/combined.zip")]
    outcomes = extract_all(archives, out, overwrite=overwrite, limits=limits)
    refused = [outcome for outcome in outcomes if outcome.refused]
    if json:
        lines = [outcome.to_json() for outcome in outcomes]
        typer.echo(canonical.dumps({"ok": not refused, "archives": lines}))
    else:
        for outcome in outcomes:
            _print(outcome)
    if refused:
        raise typer.Exit(2)


def _print(outcome: "ZipOutcome") -> None:
    if outcome.refused:
        typer.echo(f"error: {outcome.archive}: {outcome.refused}", err=True)
        if outcome.remedy:
            typer.echo(f"  remedy: {outcome.remedy}", err=True)
        return
    said = [f"{counted(outcome.extracted, 'file')} extracted"]
    if outcome.overwritten:
        said.append(f"{outcome.overwritten} of them over an older one")
    if outcome.skipped:
        said.append(f"{outcome.skipped} already there")
    if outcome.left_out:
        said.append(f"{outcome.left_out} of Finder's left out")
    typer.echo(f"{outcome.archive}: {', '.join(said)}, in {outcome.out}")
    if outcome.differing:
        names = ", ".join(outcome.differing[:_MOST_NAMES])
        more = len(outcome.differing) - _MOST_NAMES
        names += f" and {more} more" if more > 0 else ""
        typer.echo(f"  another size than in the archive (--overwrite writes them anew): {names}")
