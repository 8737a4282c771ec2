"""Pages → one document: asked window by window, checked against the schema, put together.

What every reader of documents shares, the server and the command line; each brings its own way of
asking an engine.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sightwright.infer.confidence import field_confidences
from sightwright.infer.engine import Completion, Engine, FinishReason, Request
from sightwright.logs import progress
from sightwright.tasks.extract import ExtractTask
from sightwright.tasks.windows import WindowAnswer, merge_windows

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Question:
    """What is asked about some pages, which are counted from 1."""

    pages: range
    request: Request


@dataclass(frozen=True)
class Window:
    """The answer for some pages.

    Attributes:
        first_page, last_page: counted from 1, both included.
        document: None when `problem` says why the answer is none.
        completion: as the engine gave it.
        confidence: the geometric mean of the chosen tokens' probabilities, 0..1.
    """

    first_page: int
    last_page: int
    document: dict[str, Any] | None
    problem: str | None
    completion: Completion
    confidence: float
    queue_seconds: float
    generate_seconds: float

    @property
    def finish_reason(self) -> FinishReason:
        return self.completion.finish_reason

    @property
    def prompt_tokens(self) -> int:
        return self.completion.prompt_tokens

    @property
    def completion_tokens(self) -> int:
        return self.completion.completion_tokens


@dataclass(frozen=True)
class Extraction:
    """A document and how it came about.

    Attributes:
        document: None unless the answer of every window is valid: a document with a part missing
            would look like a whole one.
        confidences: place in the document (`lines[0].price`) → how sure the model was of the value
            there, as it told; see `field_confidences`.
        finish_reason: "length" when any window's answer was cut.
    """

    document: dict[str, Any] | None
    windows: tuple[Window, ...]
    confidences: dict[str, float]

    @property
    def finish_reason(self) -> FinishReason:
        cut = any(window.finish_reason == "length" for window in self.windows)
        return "length" if cut else "stop"


def questions(
    task: ExtractTask, pages: Sequence["Image"], window_pages: int, max_tokens: int
) -> list[Question]:
    """What to ask about a document, at most `window_pages` pages at a time."""
    asked: list[Question] = []
    for first in range(0, len(pages), window_pages):
        shown = tuple(pages[first : first + window_pages])
        numbers = range(first + 1, first + len(shown) + 1)
        request = Request(
            messages=task.messages([f"page {number}" for number in numbers]),
            images=shown,
            json_schema=task.schema.json_schema,
            max_tokens=max_tokens,
        )
        asked.append(Question(numbers, request))
    return asked


def read_window(
    task: ExtractTask,
    pages: range,
    completion: Completion,
    *,
    queue_seconds: float = 0.0,
    generate_seconds: float = 0.0,
) -> Window:
    """What an answer about `pages` says, or why it says nothing."""
    parsed = task.parse(completion.text)
    cut = completion.finish_reason == "length"
    problem = f"cut after {completion.completion_tokens} tokens" if cut else parsed.error
    return Window(
        first_page=pages[0],
        last_page=pages[-1],
        document=None if cut else parsed.value,
        problem=problem,
        completion=completion,
        confidence=_confidence(completion.logprobs),
        queue_seconds=queue_seconds,
        generate_seconds=generate_seconds,
    )


def read_pages(
    engine: Engine,
    task: ExtractTask,
    pages: Sequence["Image"],
    *,
    window_pages: int,
    max_tokens: int,
) -> Extraction:
    """Read a document in this thread, a window at a time.

    Raises:
        DataError: as `Engine.generate`.
    """
    windows: list[Window] = []
    asked = questions(task, pages, window_pages, max_tokens)
    for question in progress(asked, "read"):
        started = time.monotonic()
        (completion,) = engine.generate([question.request])
        seconds = time.monotonic() - started
        windows.append(read_window(task, question.pages, completion, generate_seconds=seconds))
    return put_together(task, windows)


def put_together(task: ExtractTask, windows: Sequence[Window]) -> Extraction:
    """One document out of its windows, given in page order."""
    answers = [
        WindowAnswer(
            window.document, window.confidence, field_confidences(window.completion, task.schema)
        )
        for window in windows
        if window.document is not None
    ]
    if len(answers) < len(windows):
        return Extraction(None, tuple(windows), {})
    if len(answers) == 1:
        # Alone, an answer stays what the model wrote.
        return Extraction(windows[0].document, tuple(windows), dict(answers[0].by_place))
    merged = merge_windows(task.schema, answers)
    return Extraction(merged.value, tuple(windows), merged.confidences)


def _confidence(logprobs: Sequence[float]) -> float:
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else 0.0
