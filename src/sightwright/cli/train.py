"""`sightwright train`: a YAML in, a folder of checkpoints out."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Option("--config", help="The run's YAML.")],
    base_config: Annotated[
        Path | None,
        typer.Option("--base-config", "--base_config", help="A YAML that everything overrides."),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Also print one sample, its learnt part in colour.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fine-tune on the records that a YAML names; everything else is in the YAML too."""
    from sightwright import canonical
    from sightwright.extras import require

    for package in ("torch", "transformers", "peft", "accelerate"):
        require(package, "train")
    from sightwright.train.sft import RunResult
    from sightwright.train.sft import train as run

    result: RunResult = run(config, base_config, debug)
    if as_json:
        print(canonical.dumps(result.as_json()))
        return
    best = result.best_checkpoint
    print(f"run        {result.folder}")
    print(f"checkpoint {'none was saved' if best is None else best}")
    for key, value in sorted(result.metrics.items()):
        print(f"{key:<28} {value:.6g}")
