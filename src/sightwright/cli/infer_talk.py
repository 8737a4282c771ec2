"""A conversation on the terminal, or of the lines of a file: `sightwright infer` without a picture.

The commands among the lines are those of ms-swift's: `exit` and `quit`, `clear`, `reset-system`,
`multi-line` (a question ends with `#`) and `single-line`. An `<image>` in a question asks for the
image's path or address in the next line.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from sightwright.cli.infer_answers import Manner, answered, cut
from sightwright.errors import ConfigError, DataError, RefusedError

if TYPE_CHECKING:
    from PIL.Image import Image

    from sightwright.infer.engine import Engine
    from sightwright.records import Message

Ask = Callable[[str], str | None]
"""Prompt → the next line without its end; None when there is none."""

_LAST_LINE = "#"


@dataclass
class _Talk:
    """What was said so far."""

    system: str | None
    messages: "list[Message]" = field(default_factory=list["Message"])
    images: "list[Image]" = field(default_factory=list["Image"])

    def clear(self) -> None:
        self.messages.clear()
        self.images.clear()


def talk(
    engine: "Engine",
    manner: Manner,
    open_named: "Callable[[str], Image]",
    system: str | None = None,
    ask: Ask | None = None,
) -> None:
    """Answer question after question until the lines end; each knows the ones before it.

    Args:
        open_named: opens an image by its path or address.
        ask: gives the lines, by default those of stdin.

    Raises:
        ConfigError: nothing was asked at all.
    """
    ask = ask or line_of_stdin
    said = _Talk(system)
    typer.echo("no image and no PDF: a conversation; `exit` ends it", err=True)
    num_questions = 0
    for question in _questions(ask, said):
        num_questions += 1
        try:
            _answer(engine, manner, said, question, open_named, ask)
        except (DataError, RefusedError) as error:
            typer.echo(f"error: {error}", err=True)
    if not num_questions:
        raise ConfigError(
            "no question was asked",
            remedy="give --image or --pdf, or write questions, one a line, to stdin",
        )


def line_of_stdin(prompt: str) -> str | None:
    """The next line; the prompt is shown to a person alone."""
    if sys.stdin.isatty():
        try:
            return input(prompt)
        except EOFError:
            return None
    line = sys.stdin.readline()
    return line.rstrip("\r\n") if line else None


def _questions(ask: Ask, said: _Talk) -> Iterator[str]:
    multi_line = False
    while (line := ask("<<< ")) is not None:
        match line.strip():
            case "exit" | "quit":
                return
            case "":
                continue
            case "clear":
                said.clear()
            case "reset-system":
                said.system = ask("system <<< ") or None
                said.clear()
            case "multi-line" | "single-line" as mode:
                multi_line = mode == "multi-line"
            case _:
                yield "\n".join(_lines(line, ask)) if multi_line else line


def _lines(first: str, ask: Ask) -> Iterator[str]:
    """The lines of one question; the last ends with `#`, which is no part of it."""
    line: str | None = first
    while line is not None and not line.endswith(_LAST_LINE):
        yield line
        line = ask("... ")
    if line is not None:
        yield line.removesuffix(_LAST_LINE)


def _answer(
    engine: "Engine",
    manner: Manner,
    said: _Talk,
    question: str,
    open_named: "Callable[[str], Image]",
    ask: Ask,
) -> None:
    """Ask, print, and remember; a question that fails is forgotten."""
    from sightwright.image_tags import ALONE, IMAGE, Files
    from sightwright.infer.engine import Request
    from sightwright.records import Message, Text

    names = [(ask("image <<< ") or "").strip() for _ in range(question.count(IMAGE))]
    opened = [open_named(name) for name in names]
    turn = Message("user", Files(names).items(question, ALONE))
    head = [Message("system", (Text(said.system),))] if said.system else []
    request = Request(
        messages=(*head, *said.messages, turn),
        images=(*said.images, *opened),
        max_tokens=manner.max_tokens,
    )
    completion = answered(engine, request, manner)
    said.messages += [turn, Message("assistant", (Text(completion.text),))]
    said.images += opened
    if completion.finish_reason == "length":
        typer.echo(cut(completion), err=True)
