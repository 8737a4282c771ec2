"""`sightwright train`: a YAML in, a folder of checkpoints out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.paths import file_option, given_path

if TYPE_CHECKING:
    from sightwright.train.sft import RunResult

BaseConfig = Annotated[
    Path | None,
    typer.Option("--base_config", "--base-config", parser=given_path, metavar="FILE",
                 help="A YAML that everything overrides."),
]  # fmt: skip


def train(
    config: Annotated[Path, file_option("The run's YAML.")],
    base_config: BaseConfig = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say more: which files are loaded, what runs.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="The same, and show the settings and one sample in colour."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fine-tune on the records that a YAML names; everything else is in the YAML too."""
    from sightwright import canonical, logs
    from sightwright.cli.ranks import is_first, leave, tell_bugs_once
    from sightwright.extras import require

    tell_bugs_once()
    _keep_stdout_ours()
    if debug or verbose:
        logs.configure(verbose=True)
    for package in ("torch", "transformers", "peft", "accelerate"):
        require(package, "train")
    if not is_first():
        _be_quiet()
    from sightwright.train.sft import train as run

    result = run(config, base_config, debug)
    if not is_first():
        leave()
        return
    if as_json:
        print(canonical.dumps(result.as_json()))
    else:
        _print(result)


def _print(result: "RunResult") -> None:
    best = result.best_checkpoint
    print(f"run        {result.folder}")
    print(f"checkpoint {'none was saved' if best is None else best}")
    width = max(map(len, result.metrics), default=0)
    for key, value in sorted(result.metrics.items()):
        print(f"{key:<{width}} {value:.6g}")


def _be_quiet() -> None:
    """What this process would warn of, the first one does."""
    import logging

    from transformers.utils import logging as theirs

    logging.getLogger("sightwright").setLevel(logging.ERROR)
    theirs.set_verbosity(max(theirs.get_verbosity(), logging.WARNING))
    theirs.disable_progress_bar()


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
