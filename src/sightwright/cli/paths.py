"""Paths as people type them: both separators, on every system."""

import errno
import os
from pathlib import Path
from typing import Any

import typer


def given_path(given: str | Path) -> Path:
    """A path of the command line; `pages\\a.png` is taken for `pages/a.png`.

    A name that really holds a backslash, as POSIX allows, keeps it if it exists. Typer parses a
    default, a path already, too.
    """
    text = os.fspath(given)
    if os.sep == "/" and "\\" in text and not os.path.exists(text):
        text = text.replace("\\", "/")
    return Path(text)


def file_option(help: str) -> Any:
    return typer.Option(parser=given_path, metavar="FILE", help=help)


def folder_option(help: str) -> Any:
    return typer.Option(parser=given_path, metavar="DIR", help=help)


def make_output_folder(folder: Path) -> None:
    """Make a folder before hours of work for it, and see that it can be written to.

    Raises:
        OSError: it cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
