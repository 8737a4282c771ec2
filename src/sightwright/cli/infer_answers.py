"""How `sightwright infer` asks and tells: the answer on stdout, its story on stderr."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from sightwright.cli.counts import counted

if TYPE_CHECKING:
    from PIL.Image import Image

    from sightwright.certificate import Calibration
    from sightwright.infer.asking import TextQuestion
    from sightwright.infer.engine import Completion, Delta, Engine, Request, Watch
    from sightwright.infer.reading import Extraction
    from sightwright.tasks.extract import ExtractTask


@dataclass(frozen=True)
class Manner:
    """How answers are drawn and told.

    Attributes:
        max_tokens: output limit.
        temperature, seed: of the draw; 0 takes the likeliest token each time.
        stream: tell a text as it is written.
        as_json: one JSON object an answer.
    """

    max_tokens: int
    temperature: float
    seed: int
    stream: bool
    as_json: bool


class Drawn:
    """An engine whose answers are drawn at a temperature, whoever asks."""

    def __init__(self, engine: "Engine", manner: Manner) -> None:
        self.name = engine.name
        self._engine = engine
        self._manner = manner

    def generate(
        self, requests: "Sequence[Request]", watch: "Watch | None" = None
    ) -> "list[Completion]":
        how = {"temperature": self._manner.temperature, "seed": self._manner.seed}
        return self._engine.generate([replace(request, **how) for request in requests], watch)

    def check_schema(self, json_schema: dict[str, Any]) -> None:
        self._engine.check_schema(json_schema)


class Writing:
    """Writes an answer on stdout as it grows."""

    def wrote(self, index: int, delta: "Delta") -> None:
        typer.echo(delta.text, nl=False)

    def is_cancelled(self) -> bool:
        return False


def read_document(
    engine: "Engine",
    task: "ExtractTask",
    pages: "list[Image]",
    calibration: "Calibration | None",
    manner: Manner,
    window_pages: int,
) -> None:
    """Ask for the document of some pages, window by window, and print it."""
    from sightwright import canonical
    from sightwright.infer.reading import read_pages

    found = read_pages(engine, task, pages, window_pages=window_pages, max_tokens=manner.max_tokens)
    tell(engine, f"schema {task.schema.name!r}", len(pages), [w.completion for w in found.windows])
    if manner.as_json:
        typer.echo(canonical.dumps(_document_value(engine, task, found, calibration)))
    elif found.document is not None:
        typer.echo(canonical.dumps(found.document))
    if found.document is None:
        _end_badly("no valid document: " + "; ".join(_problems(found)))


def _problems(found: "Extraction") -> list[str]:
    problems: list[str] = []
    for window in found.windows:
        if window.problem is not None:
            alone = window.first_page == window.last_page
            pages = f"{window.first_page}" if alone else f"{window.first_page}-{window.last_page}"
            problems.append(f"page {pages}: {window.problem}")
    return problems


def _document_value(
    engine: "Engine",
    task: "ExtractTask",
    found: "Extraction",
    calibration: "Calibration | None",
) -> dict[str, Any]:
    from sightwright.infer.review import judged

    return {
        "document": found.document,
        "valid": found.document is not None,
        "finish_reason": found.finish_reason,
        "model": engine.name,
        "schema": task.schema.name,
        **judged(found.confidences, task.schema, calibration).value(),
        "windows": [
            {
                "first_page": window.first_page,
                "last_page": window.last_page,
                "problem": window.problem,
                "text": window.completion.text,
                "confidence": round(window.confidence, 6) if window.completion.logprobs else None,
                "prompt_tokens": window.prompt_tokens,
                "completion_tokens": window.completion_tokens,
                "seconds": round(window.generate_seconds, 3),
            }
            for window in found.windows
        ],
    }


def read_text(
    engine: "Engine", question: "TextQuestion", pages: "list[Image]", manner: Manner
) -> None:
    """Ask about some pages in free text, and print the answer."""
    from sightwright.infer.engine import Request

    messages = question.messages([f"page {number + 1}" for number in range(len(pages))])
    request = Request(messages, tuple(pages), max_tokens=manner.max_tokens)
    completion = answered(engine, request, manner)
    tell(engine, "free text", len(pages), [completion])
    if completion.finish_reason == "length":
        _end_badly(cut(completion))


def answered(engine: "Engine", request: "Request", manner: Manner) -> "Completion":
    """One answer, printed: as it is written, or when it is whole."""
    from sightwright import canonical

    streams = manner.stream and not manner.as_json
    (completion,) = engine.generate([request], Writing() if streams else None)
    if manner.as_json:
        typer.echo(canonical.dumps(_text_value(engine, completion)))
    else:
        typer.echo("" if streams else completion.text)
    return completion


def cut(completion: "Completion") -> str:
    return f"the answer was cut after {completion.completion_tokens} tokens"


def _text_value(engine: "Engine", completion: "Completion") -> dict[str, Any]:
    return {
        "text": completion.text,
        "finish_reason": completion.finish_reason,
        "model": engine.name,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
    }


def tell(
    engine: "Engine", asked_for: str, num_pages: int, completions: "Sequence[Completion]"
) -> None:
    """What was done, on stderr."""
    from sightwright import logs

    read = sum(completion.prompt_tokens for completion in completions)
    written = sum(completion.completion_tokens for completion in completions)
    line = (
        f"{engine.name}: {asked_for}, {counted(num_pages, 'page')} "
        f"in {counted(len(completions), 'window')}, {read} tokens read, {written} written"
    )
    logs.console(stderr=True).print(line, markup=False, soft_wrap=True)


def _end_badly(reason: str) -> None:
    from sightwright import logs

    logs.console(stderr=True).print(f"error: {reason}", markup=False, soft_wrap=True)
    raise typer.Exit(2)
