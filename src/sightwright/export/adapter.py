"""Which adapter is meant, and which base it belongs to. No torch."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sightwright import canonical, certificate
from sightwright.certificate import Calibration, Certificate
from sightwright.errors import ModelError
from sightwright.evaluate.weights import Weights, file_digest, refuse_other_weights
from sightwright.model.checkpoints import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    OUTCOME,
    is_torn,
    recorded_best,
    refuse_torn,
)

log = logging.getLogger(__name__)

# Tuners of several adapters save each into a folder of its name; the first is called so.
DEFAULT_ADAPTER = "default"


@dataclass(frozen=True)
class FoundAdapter:
    """An adapter's folder, and why it was taken where there was a choice."""

    folder: Path
    why: str = ""


def find_adapter(folder: Path) -> FoundAdapter:
    """The folder with the adapter: `folder` itself, `default` in it, or the best checkpoint of a
    run folder.

    Raises:
        ModelError: neither, or a checkpoint that was not written to its end; the checkpoints that
            there are, are named.
    """
    if (folder / ADAPTER_CONFIG).is_file():
        return FoundAdapter(_with_weights(folder))
    if (folder / DEFAULT_ADAPTER / ADAPTER_CONFIG).is_file():
        refuse_torn(folder)
        return FoundAdapter(
            _with_weights(folder / DEFAULT_ADAPTER), f"the default adapter of {folder}"
        )
    if (folder / OUTCOME).is_file():
        best = _with_weights(_best_checkpoint(folder))
        return FoundAdapter(best, f"{best.name}, the best checkpoint of {folder}")
    if (folder / "config.json").is_file():
        raise ModelError(
            "a whole model, not an adapter", where=str(folder), remedy="there is nothing to merge"
        )
    found = sorted(
        path.parent.name for path in folder.glob(f"*/{ADAPTER_CONFIG}") if not is_torn(path.parent)
    )
    raise ModelError(
        f"no {ADAPTER_CONFIG} and no {OUTCOME}" if folder.is_dir() else "no such folder",
        where=str(folder),
        remedy=f"choose one of {', '.join(found)}" if found else "give a checkpoint of a LoRA run",
    )


def base_of(adapter: Path) -> str:
    """The base model that the adapter was trained on, as its run named it.

    Raises:
        ModelError: the adapter does not say.
    """
    recorded = certificate.read(adapter)
    if recorded is not None:
        return recorded.base_model
    base = read_settings(adapter).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(
            "the adapter does not say which base it was trained on",
            where=str(adapter),
            remedy="name it with --model",
        )
    return base


def new_certificate(
    adapter: Path, base_name: str, calibration: Calibration | None = None
) -> Certificate:
    """What the merged folder will say: what the adapter's run recorded, on the base now used.

    Args:
        calibration: in place of the one that the adapter's folder carries.

    Raises:
        ModelError: `calibration` is of other weights.
    """
    recorded = certificate.read(adapter)
    weights = Weights(base_name, file_digest(adapter / ADAPTER_WEIGHTS))
    if calibration is not None:
        refuse_other_weights(calibration, weights, adapter)
    elif recorded is not None and recorded.calibration is not None:
        calibration = _carried(recorded.calibration, weights, adapter)
    return Certificate(
        base_model=base_name,
        pixels=recorded.pixels if recorded else None,
        task=recorded.task if recorded else None,
        calibration=calibration,
        adapter_digest=weights.adapter_digest,
    )


def _carried(calibration: Calibration, weights: Weights, adapter: Path) -> Calibration | None:
    """The adapter's calibration, unless it was fitted on another base or an older adapter."""
    try:
        refuse_other_weights(calibration, weights, adapter)
    except ModelError as error:
        log.warning("the calibration is left behind: %s", error.message)
        return None
    return calibration


def _best_checkpoint(run: Path) -> Path:
    best = recorded_best(run)
    if best is None:
        raise ModelError(
            "the run recorded no best checkpoint",
            where=str(run / OUTCOME),
            remedy="give one of its checkpoint folders",
        )
    if not (best / ADAPTER_CONFIG).is_file():
        raise ModelError(
            f"the best checkpoint {best.name!r} holds no adapter", where=str(run / OUTCOME)
        )
    return best


def _with_weights(folder: Path) -> Path:
    refuse_torn(folder)
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelError(
            f"no {ADAPTER_WEIGHTS} beside {ADAPTER_CONFIG}",
            where=str(folder),
            remedy="adapters are read from safetensors only",
        )
    return folder


def read_settings(adapter: Path) -> dict[str, Any]:
    """What `adapter_config.json` says.

    Raises:
        ModelError: it cannot be read.
    """
    path = adapter / ADAPTER_CONFIG
    try:
        value = canonical.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot be read: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise ModelError("not a JSON object", where=str(path))
    return cast("dict[str, Any]", value)
