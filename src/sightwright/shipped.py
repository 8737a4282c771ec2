"""Files that ship beside the code: configs, schemas, prompts."""

from pathlib import Path

from sightwright.errors import DataError


def shipped(path: str) -> Path:
    """A file of `configs/`, `schemas/` or `prompts/`: the checkout's, or the installed package's.

    Raises:
        DataError: this installation does not have it.
    """
    package = Path(__file__).parent
    for root in (package.parents[1], package):
        if (root / path).is_file():
            return root / path
    raise DataError(
        "this installation lacks a file that it should have", where=path,
        remedy="install sightwright again",
    )  # fmt: skip
