"""Optional dependencies: import one where it is needed, or say how to install it."""

import importlib
from types import ModuleType

from sightwright.errors import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which the optional dependency group `extra` brings.

    Raises:
        MissingExtraError: it is not installed; the remedy is the exact pip command.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A missing module *inside* an installed package is a broken installation, not a missing
        # extra: that one keeps its own message.
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtraError(
            f"this needs the Python package {error.name!r}, which is not installed",
            remedy=f'pip install "sightwright[{extra}]"',
        ) from error
