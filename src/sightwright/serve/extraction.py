"""Pages → one document: read window by window, checked against the schema, put together."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sightwright.infer.engine import Completion, FinishReason, Request
from sightwright.serve.service import Service
from sightwright.tasks.extract import ExtractTask
from sightwright.tasks.windows import WindowAnswer, merge_windows

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Window:
    """The answer for some pages.

    Attributes:
        first_page, last_page: counted from 1, both included.
        document: None when `problem` says why the answer is none.
        confidence: the geometric mean of the chosen tokens' probabilities, 0..1.
    """

    first_page: int
    last_page: int
    document: dict[str, Any] | None
    problem: str | None
    finish_reason: FinishReason
    confidence: float
    prompt_tokens: int
    completion_tokens: int
    queue_seconds: float
    generate_seconds: float


@dataclass(frozen=True)
class Extraction:
    """A document and how it came about.

    Attributes:
        document: None unless the answer of every window is valid: a document with a part missing
            would look like a whole one.
        finish_reason: "length" when any window's answer was cut.
    """

    document: dict[str, Any] | None
    windows: tuple[Window, ...]

    @property
    def finish_reason(self) -> FinishReason:
        cut = any(window.finish_reason == "length" for window in self.windows)
        return "length" if cut else "stop"


async def extract(
    service: Service, task: ExtractTask, pages: Sequence["Image"], max_tokens: int
) -> Extraction:
    """Read a document, a window of pages at a time.

    Raises:
        DataError: as `Engine.generate`.
    """
    size = service.limits.window_pages
    windows: list[Window] = []
    for first in range(0, len(pages), size):
        shown = tuple(pages[first : first + size])
        request = Request(
            messages=task.messages(
                [f"page {first + number}" for number in range(1, len(shown) + 1)]
            ),
            images=shown,
            json_schema=task.schema.json_schema,
            max_tokens=max_tokens,
        )
        answer = await service.generate(request)
        windows.append(
            _window(
                task, answer.result, range(first, first + len(shown)),
                answer.queue_seconds, answer.work_seconds,
            )
        )  # fmt: skip
    return Extraction(await asyncio.to_thread(_together, task, windows), tuple(windows))


def _window(
    task: ExtractTask,
    completion: Completion,
    pages: range,
    queue_seconds: float,
    generate_seconds: float,
) -> Window:
    parsed = task.parse(completion.text)
    cut = completion.finish_reason == "length"
    problem = f"cut after {completion.completion_tokens} tokens" if cut else parsed.error
    return Window(
        first_page=pages[0] + 1,
        last_page=pages[-1] + 1,
        document=None if cut else parsed.value,
        problem=problem,
        finish_reason=completion.finish_reason,
        confidence=_confidence(completion.logprobs),
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        queue_seconds=queue_seconds,
        generate_seconds=generate_seconds,
    )


def _confidence(logprobs: Sequence[float]) -> float:
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else 0.0


def _together(task: ExtractTask, windows: Sequence[Window]) -> dict[str, Any] | None:
    answers = [
        WindowAnswer(window.document, window.confidence)
        for window in windows
        if window.document is not None
    ]
    if len(answers) < len(windows):
        return None
    if len(answers) == 1:
        return windows[0].document
    return merge_windows(task.schema, answers)
