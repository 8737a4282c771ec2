"""The answer of `POST /v1/extract`: the document and its story, as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sightwright.infer.review import judged
from sightwright.serve.extraction import Extraction, Window
from sightwright.serve.pictures import seen_size
from sightwright.serve.service import Service
from sightwright.tasks.extract import ExtractTask

if TYPE_CHECKING:
    from PIL.Image import Image


def answer_value(
    service: Service,
    task: ExtractTask,
    pages: "Sequence[Image]",
    extraction: Extraction,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """The JSON value to answer with; `seconds` says how long each stage took."""
    sizes = [seen_size(service, page) for page in pages]
    return {
        "document": extraction.document,
        "valid": extraction.document is not None,
        "finish_reason": extraction.finish_reason,
        "model": service.engine.name,
        "pages": [{"width": width, "height": height} for width, height in sizes],
        **judged(extraction.confidences, task.schema, service.calibration).value(),
        "windows": [_window(window) for window in extraction.windows],
        "timings": {f"{stage}_ms": round(value * 1000, 1) for stage, value in seconds.items()},
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "first_page": window.first_page,
        "last_page": window.last_page,
        "valid": window.document is not None,
        "problem": window.problem,
        "finish_reason": window.finish_reason,
        "confidence": round(window.confidence, 6),
        "prompt_tokens": window.prompt_tokens,
        "completion_tokens": window.completion_tokens,
    }
