"""`sightwright data`: check records, look into them, rewrite them, split them."""

from pathlib import Path
from typing import Annotated

import typer

from sightwright.cli import data_files
from sightwright.cli.counts import counted
from sightwright.cli.data_doctor import doctor
from sightwright.cli.data_fuse import fuse
from sightwright.cli.data_show import show
from sightwright.cli.paths import given_path

# Problems kept for --json; the lines printed without it are not kept at all.
_MOST_IN_JSON = 1000

app = typer.Typer(
    help="Check records, look into them, rewrite them, split them.", no_args_is_help=True
)
app.command("example")(data_files.example)
app.command("verify-images")(data_files.verify_images)
app.command("stats")(data_files.stats)
app.command("convert")(data_files.convert)
app.command("schema")(data_files.schema)
app.command("show")(show)
app.command("fuse")(fuse)
app.command("doctor")(doctor)


@app.command("validate")
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", parser=given_path, help="JSONL of records."),
    ],
    schema: Annotated[
        Path | None,
        typer.Option(parser=given_path, metavar="FILE", help="JSON Schema of the answers."),
    ] = None,
    images: Annotated[
        bool,
        typer.Option(
            "--images/--no-images",
            help="Whether image files must exist; http(s) images are not fetched.",
        ),
    ] = True,
    chat: Annotated[
        bool,
        typer.Option("--chat", help="Any conversation will do: no id, image or JSON is needed."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Check every record: contract, answer, id, images. Any style is read (see data convert).

    Photographs with objects are told from conversations by their keys, and their size is compared
    with the image's own. In a file that begins with one, conversations are chat. Each bad line is
    printed as `file:line (id): why`, and at the end OK or FAILED; exit code 2 if there is a bad
    line.
    """
    from sightwright import canonical
    from sightwright.ingest.validate import Validator
    from sightwright.logs import progress_bar
    from sightwright.schema import load_schema

    validator = Validator(load_schema(schema) if schema else None, images, chat=chat)
    kept: list[dict[str, object]] = []
    with progress_bar("checking records", total=None) as bar:
        for problem in validator.check(files, step=bar.advance):
            if not json:
                typer.echo(str(problem))
            elif len(kept) < _MOST_IN_JSON:
                kept.append(vars(problem))
    if json:
        counts: dict[str, object] = {"records": validator.num_records, "bad": validator.num_bad}
        counts["kinds"] = dict(validator.kinds)
        typer.echo(canonical.dumps({"ok": not validator.num_bad, **counts, "problems": kept}))
    else:
        verdict = f"FAILED: {validator.num_bad} bad of" if validator.num_bad else "OK:"
        kinds = dict(validator.kinds.most_common())
        told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        # Of conversations alone, as ever, there is nothing to tell apart.
        told = f": {told}" if set(kinds) & {"dense", "summary"} else ""
        typer.echo(f"{verdict} {counted(validator.num_records, 'record')}{told}")
    if validator.num_bad:
        raise typer.Exit(2)


@app.command("split")
def split(
    file: Annotated[Path, typer.Argument(parser=given_path, help="JSONL of records.")],
    out: Annotated[
        Path, typer.Option(parser=given_path, metavar="DIR", help="Folder for the three files.")
    ],
    train: Annotated[float, typer.Option(help="Share of documents to train on.")] = 0.8,
    val: Annotated[float, typer.Option(help="Share to choose checkpoints by.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share to score at the end.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 42,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Keep records alike here together, e.g. meta.vendor."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write train.jsonl, val.jsonl and test.jsonl, each document wholly in one of them."""
    from sightwright import canonical
    from sightwright.ingest.split import SIDES, split_file

    ratios = dict(zip(SIDES, (train, val, test), strict=True))
    report = split_file(file, out, ratios, seed=seed, group_by=group_by)
    if json:
        typer.echo(canonical.dumps({**vars(report), "out": str(out)}))
        return
    for side in SIDES:
        if ratios[side]:
            records = counted(report.records[side], "record")
            documents = counted(report.documents[side], "document")
            groups = f" in {counted(report.groups[side], 'group')}" if group_by else ""
            typer.echo(f"{out / side}.jsonl: {records} of {documents}{groups}")
