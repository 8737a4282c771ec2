"""Paths as people type them: both separators, on every system."""

import os
from pathlib import Path


def given_path(text: str) -> Path:
    """A path of the command line; `pages\\a.png` is taken for `pages/a.png`.

    A name that really holds a backslash, as POSIX allows, keeps it if it exists.
    """
    if os.sep == "/" and "\\" in text and not os.path.exists(text):
        text = text.replace("\\", "/")
    return Path(text)
