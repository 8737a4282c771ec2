"""The checkpoints of a run folder: which to go on from, which to keep, and how one is finished."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sightwright import canonical, logs
from sightwright.errors import ConfigError
from sightwright.model.checkpoints import (
    MARKER,
    all_checkpoints,
    complete_checkpoints,
    is_complete,
    latest_complete,
    step_of,
)

log = logs.get_logger(__name__)

LATEST = "latest"
"""`training.resume_from_checkpoint: latest`: the newest complete checkpoint of the run's folder, or
the beginning where there is none yet, so that a job may be started again at any time."""

AGAIN = f"training.resume_from_checkpoint: {LATEST}"
_GOES_ON = f"go on with {AGAIN}"


def to_resume_from(wanted: str | None, run_folder: Path) -> Path | None:
    """The checkpoint that `training.resume_from_checkpoint` means; None for a fresh run.

    Raises:
        ConfigError: no such checkpoint, an incomplete one, a fresh run into a folder that already
            holds checkpoints of another, or newer checkpoints than the one to resume from.
    """
    if not wanted:
        if all_checkpoints(run_folder):
            raise ConfigError(
                "the run folder already holds checkpoints",
                where=str(run_folder),
                remedy=f"choose another training.run_name, delete the folder, or {_GOES_ON}",
            )
        return None
    if wanted == LATEST:
        latest = latest_complete(run_folder)
        if latest is None:
            log.warning("%s holds no complete checkpoint yet: from the beginning", run_folder)
        return latest
    return _named(Path(wanted), run_folder)


def version_of(run_folder: Path, wanted: str | None) -> Path:
    """The numbered folder of this start (`training.add_version`): v0, v1, … in the run's folder.

    A run that is resumed goes on in its own: the newest, or that of the checkpoint it names.

    No process makes a folder before all of them have met (`TrainingArguments` waits for the
    others), so that all of them count the same ones here.
    """
    numbers = [int(path.name[1:]) for path in run_folder.glob("v*") if path.name[1:].isdigit()]
    if wanted == LATEST and numbers:
        return run_folder / f"v{max(numbers)}"
    if wanted and wanted != LATEST:
        of = Path(wanted).absolute().parent
        if of.parent == run_folder.absolute() and of.name[1:].isdigit():
            return run_folder / of.name
    return run_folder / f"v{max(numbers, default=-1) + 1}"


def _named(folder: Path, run_folder: Path) -> Path:
    where = f"training.resume_from_checkpoint {str(folder)!r}"
    if not is_complete(folder):
        what = "this checkpoint was not written to its end" if folder.is_dir() else "no such folder"
        raise ConfigError(what, where=where, remedy=f"resume from a checkpoint that holds {MARKER}")
    step = step_of(folder)
    newest = latest_complete(run_folder)
    same_run = folder.absolute().parent == run_folder.absolute()
    if same_run and newest is not None and (step_of(newest) or 0) > (step or 0):
        raise ConfigError(
            f"{newest.name} is newer, and this run would write over what led to it",
            where=where,
            remedy=f"choose another training.run_name, delete the newer ones, or {_GOES_ON}",
        )
    return folder


def clear_left_overs(run_folder: Path) -> list[str]:
    """Remove the checkpoints that were not written to their end, and say which."""
    torn = [path for path in all_checkpoints(run_folder) if not is_complete(path)]
    for path in torn:
        shutil.rmtree(path)
    if torn:
        names = ", ".join(path.name for path in torn)
        log.warning("removed what a save that was cut off left behind: %s", names)
    return [path.name for path in torn]


def begin(folder: Path) -> None:
    """Before a checkpoint is written, or written over."""
    (folder / MARKER).unlink(missing_ok=True)


def mark_complete(folder: Path, step: int) -> None:
    """Say that everything of this checkpoint is on disk, once it is: after a power cut the marker
    must not be there without the weights."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    canonical.write_json(folder / MARKER, {"step": step})


def remove(folder: Path) -> None:
    """Delete a checkpoint, its marker first: half a checkpoint must not look whole."""
    begin(folder)
    shutil.rmtree(folder, ignore_errors=True)


def rotate(run_folder: Path, limit: int | None, best: Path | None) -> None:
    """Keep the newest `limit` complete checkpoints, the best one among them whatever its age.

    Called when the newest is complete, so there is always one to go on from.
    """
    if limit is None or limit <= 0:
        return
    whole = complete_checkpoints(run_folder)
    best = None if best is None else best.absolute()
    kept = [path for path in whole if path.absolute() == best]
    newest = [path for path in reversed(whole) if path not in kept]
    kept += newest[: max(limit - len(kept), 1)]
    for path in whole:
        if path not in kept:
            remove(path)


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
