"""Which checkpoints of a run are whole. No torch.

The trainer writes into `checkpoint-N` as it goes, and a run that dies on the way leaves a folder
that looks like any other. Ours gets a marker, written last; whoever reads weights asks for it.
"""

from __future__ import annotations

from pathlib import Path

from sightwright import canonical, certificate
from sightwright.errors import ModelError

MARKER = "complete.json"
_PREFIX = "checkpoint-"
_OF_A_RUN = "resolved.yaml"
OUTCOME = "run.json"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def is_complete(folder: Path) -> bool:
    """Whether everything of this checkpoint is on disk."""
    return (folder / MARKER).is_file()


def step_of(folder: Path) -> int | None:
    """The step in a folder's name, or None: `checkpoint-120` is 120."""
    number = folder.name.removeprefix(_PREFIX)
    return int(number) if folder.name.startswith(_PREFIX) and number.isdecimal() else None


def all_checkpoints(run_folder: Path) -> list[Path]:
    """Every checkpoint of a run, whole or not, by step."""
    found = [(step, path) for path in run_folder.glob(f"{_PREFIX}*")
             if (step := step_of(path)) is not None]  # fmt: skip
    return [path for _, path in sorted(found)]


def complete_checkpoints(run_folder: Path) -> list[Path]:
    """The whole ones, by step."""
    return [path for path in all_checkpoints(run_folder) if is_complete(path)]


def latest_complete(run_folder: Path) -> Path | None:
    whole = complete_checkpoints(run_folder)
    return whole[-1] if whole else None


def best_of_run(folder: Path) -> Path:
    """The checkpoint that the outcome of a finished run calls the best; `folder` itself where it is
    no such run's."""
    recorded = recorded_best(folder) if (folder / OUTCOME).is_file() else None
    return recorded or folder


def recorded_best(run: Path) -> Path | None:
    """Where the checkpoint lies that the outcome of a run calls the best; None where it calls none
    so.

    Raises:
        ModelError: no outcome that can be read.
    """
    path = run / OUTCOME
    try:
        outcome = canonical.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot be read: {error}", where=str(path)) from None
    best = outcome.get("best_checkpoint") if isinstance(outcome, dict) else None
    if not isinstance(best, str) or not best:
        return None
    # A run folder may have been moved since: the checkpoint still lies inside it.
    places = (run / Path(best).name, run / best, Path(best))
    return next((place for place in places if place.is_dir()), places[0])


def is_torn(folder: Path) -> bool:
    """Whether this is a checkpoint of ours that was not written to its end.

    A `checkpoint-N` of another trainer has no marker either; ours lies in a run folder, or carries
    a certificate.
    """
    folder = folder.absolute()
    ours = (folder.parent / _OF_A_RUN).is_file() or (folder / certificate.FILE_NAME).is_file()
    return ours and step_of(folder) is not None and not is_complete(folder)


def refuse_torn(folder: Path) -> None:
    """Raise for a checkpoint that was not written to its end.

    Raises:
        ModelError: naming the whole ones beside it.
    """
    if not folder.is_dir() or not is_torn(folder):
        return
    others = [path.name for path in complete_checkpoints(folder.absolute().parent)]
    raise ModelError(
        f"this checkpoint was not written to its end: it has no {MARKER}",
        where=str(folder),
        remedy=f"take {' or '.join(others[-3:])}" if others else "train again: none is whole",
    )
