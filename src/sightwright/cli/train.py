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
        bool,
        typer.Option("--debug", help="Say more, and show the settings and one sample in colour."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fine-tune on the records that a YAML names; everything else is in the YAML too."""
    from sightwright import canonical, logs
    from sightwright.cli.ranks import is_first, leave, tell_bugs_once
    from sightwright.extras import require

    tell_bugs_once()
    _keep_stdout_ours()
    if debug:
        logs.configure(verbose=True)
    for package in ("torch", "transformers", "peft", "accelerate"):
        require(package, "train")
    if not is_first():
        _be_quiet()
    from sightwright.train.sft import RunResult
    from sightwright.train.sft import train as run

    result: RunResult = run(config, base_config, debug)
    if not is_first():
        leave()
        return
    if as_json:
        print(canonical.dumps(result.as_json()))
        return
    best = result.best_checkpoint
    print(f"run        {result.folder}")
    print(f"checkpoint {'none was saved' if best is None else best}")
    for key, value in sorted(result.metrics.items()):
        print(f"{key:<28} {value:.6g}")


def _be_quiet() -> None:
    """What this process would warn of, the first one does."""
    import logging

    from transformers.utils.logging import disable_progress_bar

    logging.getLogger("sightwright").setLevel(logging.ERROR)
    disable_progress_bar()


def _keep_stdout_ours() -> None:
    """DeepSpeed, which accelerate imports where it is installed, writes its log to stdout."""
    import logging
    import sys

    def to_stderr(record: logging.LogRecord) -> bool:
        # Where there is no GPU it says so; a run on the CPU knows.
        if "Setting accelerator to CPU" not in record.getMessage():
            print(record.getMessage(), file=sys.stderr)
        return False

    logger = logging.getLogger("DeepSpeed")
    if not logger.filters:
        logger.addFilter(to_stderr)
