"""The first line of an answer, where a run has one: `<DOMAIN=BBU>, <TASK=SUMMARY>`.

Its format is the run's (`custom.assistant_prefix_format`), and holds `{domain}` and `{task}`.
"""

import re
from dataclasses import dataclass
from typing import Literal

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
