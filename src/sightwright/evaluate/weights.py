"""Which weights an evaluation was of, and whether a folder holds the same ones.

An adapter is known by the digest of its file, which a merged folder remembers, so an adapter and
the folder it was merged into are the same model. A model without adapter is known by its name.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightwright import certificate
from sightwright.certificate import Calibration
from sightwright.errors import ModelError
from sightwright.model.checkpoints import ADAPTER_WEIGHTS


@dataclass(frozen=True)
class Weights:
    """A base by name or folder, and what was added to it."""

    base: str
    adapter_digest: str | None

    @property
    def told(self) -> str:
        """For people: the base, and the beginning of the adapter's digest."""
        added = f" with adapter {self.adapter_digest[:12]}…" if self.adapter_digest else ""
        return f"{self.base}{added}"

    def are(self, other: "Weights") -> bool:
        """Whether both are the same model."""
        return self.adapter_digest == other.adapter_digest and _same_base(self.base, other.base)


def weights_in(folder: Path) -> Weights:
    """The weights that a folder holds: an adapter, a merged model, or another model.

    Raises:
        ModelError: a certificate that cannot be read, or an adapter that does not name its base.
    """
    recorded = certificate.read(folder)
    if (folder / ADAPTER_WEIGHTS).is_file():
        if recorded is None:
            raise ModelError("the adapter has no sightwright.json", where=str(folder))
        return Weights(recorded.base_model, file_digest(folder / ADAPTER_WEIGHTS))
    if recorded is not None and recorded.adapter_digest is not None:
        return Weights(recorded.base_model, recorded.adapter_digest)
    return Weights(str(folder), None)


def evaluated_weights(about: Mapping[str, Any]) -> Weights:
    """The weights that an evaluation was of, by its `report.json`.

    Raises:
        ModelError: the adapter that it names is no longer there.
    """
    model, adapters = str(about["model"]), about.get("adapters")
    if adapters is None:
        return weights_in(Path(model)) if Path(model).is_dir() else Weights(model, None)
    path = Path(str(adapters)) / ADAPTER_WEIGHTS
    if not path.is_file():
        raise ModelError(
            "the adapter that was evaluated is not there",
            where=str(path),
            remedy="run this where the evaluation was run: its paths start there",
        )
    return Weights(model, file_digest(path))


def refuse_other_weights(calibration: Calibration, weights: Weights, folder: Path) -> None:
    """Raise ModelError unless the calibration is of these weights."""
    evaluated = Weights(calibration.base_model, calibration.adapter_digest)
    if not weights.are(evaluated):
        raise ModelError(
            f"the calibration is of other weights: {evaluated.told}, here {weights.told}",
            where=str(folder),
            remedy="evaluate these weights; `calibrate --into FOLDER --other-weights` accepts it, "
            "knowingly",
        )


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _same_base(one: str, other: str) -> bool:
    if one == other:
        return True
    paths = Path(one), Path(other)
    return all(path.is_dir() for path in paths) and paths[0].samefile(paths[1])
