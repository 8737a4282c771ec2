"""`sightwright merge`: an adapter folded into its base, measured, as an ordinary model folder.

ms-swift's names of the options are taken too; `sightwright export` is the same command.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.paths import file_option, folder_option, given_path
from sightwright.errors import ConfigError

if TYPE_CHECKING:
    from sightwright.certificate import Parity
    from sightwright.export.merge import MergeReport


class StoredDtype(StrEnum):
    keep = "keep"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


Adapters = Annotated[Path, folder_option("An adapter's folder, or a run folder.")]
Out = Annotated[
    Path,
    typer.Option("--out", "--output-dir", parser=given_path, metavar="DIR",
                 help="The model folder to write."),
]  # fmt: skip
Base = Annotated[
    str | None, typer.Option(help="The base; by default what the adapter was trained on.")
]
Yaml = Annotated[
    Path | None, file_option("A YAML whose `export` section says what is not said here.")
]
Stored = Annotated[
    StoredDtype | None,
    typer.Option(
        "--dtype",
        "--torch-dtype",
        help="Number format of the weights; keep: the base's. Default: keep.",
    ),
]
Data = Annotated[
    Path | None,
    file_option("Chat records for the comparison; else the YAML's, else drawn inputs."),
]
Records = Annotated[
    int | None, typer.Option(help="How many records are compared. Default: 8.", min=1)
]
CalibrationFile = Annotated[
    Path | None, file_option("A calibration.json of the adapter; else the one that it carries.")
]
ShardSize = Annotated[str | None, typer.Option(help="Largest weights file. Default: 5GB.")]
Limit = Annotated[
    float | None,
    typer.Option(help="Largest accepted difference of logits in float32. Default: 0.001."),
]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, …")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", "--exist-ok", help="Replace the folder --out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
MergeLora = Annotated[bool, typer.Option("--merge-lora/--no-merge-lora", hidden=True)]
Safetensors = Annotated[
    bool, typer.Option("--safe-serialization/--no-safe-serialization", hidden=True)
]


def merge(
    adapters: Adapters,
    out: Out,
    model: Base = None,
    config: Yaml = None,
    dtype: Stored = None,
    data: Data = None,
    records: Records = None,
    calibration: CalibrationFile = None,
    max_shard_size: ShardSize = None,
    limit: Limit = None,
    device: Device = "cpu",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    merge_lora: MergeLora = True,
    safe_serialization: Safetensors = True,
) -> None:
    """Merge an adapter into its base, in float32, and compare the two by their logits.

    What is given here wins over the YAML.
    """
    from sightwright import certificate, extras, logs

    _refuse_what_is_not_here(merge_lora, safe_serialization)
    extras.require("peft", "serve")
    from sightwright.export import merge as merging

    console = logs.console(stderr=as_json)
    said = _Said(dtype.value if dtype else None, data, records, max_shard_size, limit)
    report = merging.merge(
        adapters,
        out,
        base=model,
        calibration=certificate.read_calibration(calibration) if calibration else None,
        device=device,
        overwrite=overwrite,
        on_parity=lambda figures: console.print(_line(figures)),
        **_settings(said, config),
    )
    _tell(report, as_json)


def _tell(report: "MergeReport", as_json: bool) -> None:
    from sightwright.canonical import dumps

    if as_json:
        typer.echo(dumps(_json(report)))
    else:
        _print(report)


def _refuse_what_is_not_here(merge_lora: bool, safe_serialization: bool) -> None:
    if not merge_lora:
        raise ConfigError("--merge_lora false: then there is nothing to do", remedy="leave it out")
    if not safe_serialization:
        raise ConfigError(
            "--safe_serialization false: weights are written as safetensors only",
            remedy="leave it out",
        )


@dataclass(frozen=True)
class _Said:
    """What the command line or a YAML says of a merge; None where it says nothing."""

    dtype: str | None = None
    data: Path | None = None
    num_records: int | None = None
    max_shard_size: str | None = None
    limit: float | None = None

    def over(self, other: "_Said") -> "_Said":
        return _Said(**{**other.given(), **self.given()})

    def given(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


def _settings(said: _Said, config: Path | None) -> dict[str, Any]:
    """Arguments of the merge.

    Raises:
        ConfigError: a number of records, and none to take them from.
    """
    settings = said if config is None else said.over(_said_by(config))
    if said.num_records is not None and settings.data is None:
        raise ConfigError("--records: there are no records to take", remedy="give --data")
    return settings.given()


def _said_by(path: Path) -> _Said:
    """What a YAML says; the held-out records of its run are the ones to compare on."""
    from sightwright import logs
    from sightwright.config.load import load_config

    loaded = load_config(path)
    for warning in loaded.warnings:
        logs.get_logger(__name__).warning("%s", warning)
    config = loaded.config.export
    held_out = loaded.config.custom.val_jsonl
    data = Path(held_out) if held_out and config.parity_records else None
    if data is not None and not data.is_file():
        logs.get_logger(__name__).warning(
            "custom.val_jsonl %s is not here: compared on drawn inputs, or give --data", data
        )
        data = None
    return _Said(
        dtype="keep" if config.torch_dtype == "auto" else config.torch_dtype,
        data=data,
        num_records=config.parity_records or None,
        max_shard_size=config.max_shard_size,
        limit=config.parity_tolerance,
    )


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
