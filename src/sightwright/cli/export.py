"""`sightwright merge`: an adapter folded into its base, measured, as an ordinary model folder."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sightwright.certificate import Parity
    from sightwright.export.merge import MergeReport


class StoredDtype(StrEnum):
    keep = "keep"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def merge(
    adapters: Annotated[Path, typer.Option(help="An adapter's folder, or a run folder.")],
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
    model: Annotated[
        str | None, typer.Option(help="The base; by default what the adapter was trained on.")
    ] = None,
    dtype: Annotated[
        StoredDtype, typer.Option(help="Number format of the weights; keep: the base's.")
    ] = StoredDtype.keep,
    data: Annotated[
        Path | None, typer.Option(help="Chat records for the comparison; else drawn inputs.")
    ] = None,
    max_shard_size: Annotated[str, typer.Option(help="Largest weights file.")] = "5GB",
    limit: Annotated[
        float, typer.Option(help="Largest difference of logits in float32 that is accepted.")
    ] = 1e-3,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, cuda, …")] = "cpu",
    overwrite: Annotated[bool, typer.Option(help="Replace the folder --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Merge a LoRA adapter into its base, in float32, and compare the two by their logits."""
    from sightwright import extras, logs
    from sightwright.canonical import dumps

    extras.require("peft", "serve")
    from sightwright.export import merge as merging

    console = logs.console(stderr=as_json)
    report = merging.merge(
        adapters,
        out,
        base=model,
        dtype=dtype.value,
        data=data,
        max_shard_size=max_shard_size,
        limit=limit,
        device=device,
        overwrite=overwrite,
        on_parity=lambda figures: console.print(_line(figures)),
    )
    if as_json:
        typer.echo(dumps(_json(report)))
    else:
        _print(report)


def _line(figures: "Parity") -> str:
    return (
        f"{figures.compared} ({figures.dtype}): logits differ by at most {figures.max_abs:.2e}, "
        f"same first choice at {figures.top1_agreement:.2%} of {figures.num_positions} positions"
    )


def _print(report: "MergeReport") -> None:
    from rich.table import Table

    from sightwright import logs

    console = logs.console()
    table = Table(title="Parity of logits")
    for column in ("compared", "weights", "inputs", "max", "mean", "same first choice", "limit"):
        table.add_column(column)
    for figures in report.parity:
        table.add_row(
            figures.compared,
            figures.dtype,
            f"{figures.num_cases} of {figures.inputs}",
            f"{figures.max_abs:.2e}",
            f"{figures.mean_abs:.2e}",
            f"{figures.top1_agreement:.2%}",
            "none: rounded" if figures.limit is None else f"{figures.limit:g}",
        )
    console.print(table)
    for file in report.files:
        console.print(f"  {file.name}: {file.what}", markup=False)
    console.print(
        f"{report.adapter} into {report.base}: {len(report.changed)} of {report.num_tensors} "
        f"tensors changed, the others are the base's bit for bit",
        markup=False,
    )
    console.print(
        f"{report.out}: {report.num_bytes / 1e6:.1f} MB in {report.num_shards} file(s), "
        f"{report.seconds:.1f} s",
        markup=False,
    )


def _json(report: "MergeReport") -> dict[str, object]:
    from dataclasses import asdict

    return {
        "out": str(report.out),
        "base": str(report.base),
        "adapter": str(report.adapter),
        "changed": list(report.changed),
        "num_tensors": report.num_tensors,
        "num_bytes": report.num_bytes,
        "num_shards": report.num_shards,
        "files": {file.name: file.what for file in report.files},
        "parity": [asdict(figures) for figures in report.parity],
        "seconds": report.seconds,
    }
