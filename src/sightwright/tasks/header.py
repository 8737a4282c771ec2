"""The first line of an answer, where a run has one: `<DOMAIN=BBU>, <TASK=SUMMARY>`.

Its format is the run's (`custom.assistant_prefix_format`), and holds `{domain}` and `{task}`.
"""

import re
from dataclasses import dataclass
from typing import Literal

from sightwright.errors import ConfigError

TaskWord = Literal["DETECTION", "SUMMARY"]

DEFAULT_FORMAT = "<DOMAIN={domain}>, <TASK={task}>"


def header_line(line_format: str, token: str, task: TaskWord) -> str:
    """The line, without its line break.

    >>> header_line("<DOMAIN={domain}>, <TASK={task}>", "BBU", "SUMMARY")
    '<DOMAIN=BBU>, <TASK=SUMMARY>'
    """
    # Not str.format: any other brace of the line is the user's own.
    return line_format.strip("\n").replace("{domain}", token).replace("{task}", task)


@dataclass(frozen=True)
class Header:
    """What a header line says: the family's token, and the word of the task."""

    domain: str
    task: str


def check_format(line_format: str) -> str:
    """A run's format, as it may be filled.

    Raises:
        ConfigError: empty, several lines, or without one of its two places.
    """
    if line_format.strip() and "\n" not in line_format.strip("\n") and "\r" not in line_format:
        missing = [place for place in ("{domain}", "{task}") if line_format.count(place) != 1]
        if not missing:
            return line_format
        what = f"does not hold {' and '.join(missing)} once"
    else:
        what = "is not one filled line"
    raise ConfigError(
        f"assistant_prefix_format {line_format!r} {what}", remedy=f"write {DEFAULT_FORMAT!r}"
    )


def read_header(line: str, line_format: str = DEFAULT_FORMAT) -> Header | None:
    """What a line says if it is a header of the format; its words are in capital letters.

    >>> read_header("<DOMAIN=BBU>, <TASK=DETECTION>")
    Header(domain='BBU', task='DETECTION')
    """
    pattern = re.escape(line_format.strip("\n"))
    for place in ("domain", "task"):
        pattern = pattern.replace(re.escape(f"{{{place}}}"), f"(?P<{place}>[A-Z]+)", 1)
    found = re.fullmatch(pattern, line)
    return Header(found["domain"], found["task"]) if found else None
