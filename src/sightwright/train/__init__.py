"""Training. `prepare_model` decides what of a model learns; a trainer refuses one without it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightwright.model.adapters import prepare_model as prepare_model


def __getattr__(name: str) -> Any:
    # At the first use, and not at import: torch is not there for those who only look at settings.
    if name != "prepare_model":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sightwright.model.adapters import prepare_model

    return prepare_model
