"""A document read by a service: its windows asked in turn, each waiting for the engine."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sightwright.infer.reading import Extraction, Window, put_together, questions, read_window
from sightwright.serve.service import Service
from sightwright.tasks.extract import ExtractTask

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Extraction", "Window", "extract"]


async def extract(
    service: Service, task: ExtractTask, pages: Sequence["Image"], max_tokens: int
) -> Extraction:
    """Read a document, a window of pages at a time.

    Raises:
        DataError: as `Engine.generate`.
    """
    windows: list[Window] = []
    for question in questions(task, pages, service.limits.window_pages, max_tokens):
        answer = await service.generate(question.request)
        windows.append(
            read_window(
                task, question.pages, answer.result,
                queue_seconds=answer.queue_seconds, generate_seconds=answer.work_seconds,
            )
        )  # fmt: skip
    return await asyncio.to_thread(put_together, task, windows)
