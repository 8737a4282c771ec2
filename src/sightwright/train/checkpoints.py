"""Which checkpoints are whole: transformers writes into `checkpoint-N` as it goes, and a run that
dies on the way leaves a folder that looks like any other. Ours gets a marker, written last."""

from pathlib import Path

from sightwright import canonical
from sightwright.errors import ConfigError

MARKER = "complete.json"
LATEST = "latest"
"""`training.resume_from_checkpoint: latest`: the newest complete checkpoint of the run's folder."""
_PREFIX = "checkpoint-"


def mark_complete(folder: Path, step: int) -> None:
    """Say that everything of this checkpoint is on disk."""
    canonical.write_json(folder / MARKER, {"step": step})


def unmark(folder: Path) -> None:
    """Before a checkpoint is written over."""
    (folder / MARKER).unlink(missing_ok=True)


def is_complete(folder: Path) -> bool:
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


def latest_complete(run_folder: Path) -> Path | None:
    whole = [path for path in all_checkpoints(run_folder) if is_complete(path)]
    return whole[-1] if whole else None


def to_resume_from(wanted: str | None, run_folder: Path) -> Path | None:
    """The checkpoint that `training.resume_from_checkpoint` means; None for a fresh run.

    Raises:
        ConfigError: no such checkpoint, an incomplete one, or a fresh run into a folder that
            already holds checkpoints of another.
    """
    if not wanted:
        if all_checkpoints(run_folder):
            raise ConfigError(
                "the run folder already holds checkpoints",
                where=str(run_folder),
                remedy="choose another training.run_name, delete the folder, or go on with "
                f"training.resume_from_checkpoint: {LATEST}",
            )
        return None
    if wanted == LATEST:
        latest = latest_complete(run_folder)
        if latest is None:
            raise ConfigError(
                "no complete checkpoint to resume from",
                where=str(run_folder),
                remedy="delete training.resume_from_checkpoint to start afresh",
            )
        return latest
    folder = Path(wanted)
    if not is_complete(folder):
        what = "this checkpoint was not written to its end" if folder.is_dir() else "no such folder"
        raise ConfigError(
            what,
            where=f"training.resume_from_checkpoint {str(folder)!r}",
            remedy=f"resume from a checkpoint that holds {MARKER}",
        )
    return folder
