"""`POST /v1/extract`: a PDF or page images in, the document out; `GET /v1/schemas`: which kinds.

Takes `multipart/form-data` with `file` (one PDF, or one or more images) or a JSON object whose
`file` is a data URL, an http(s) URL where the server allows it, or a list of them.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from sightwright import canonical
from sightwright.errors import RefusedError
from sightwright.serve.extract_answer import answer_value
from sightwright.serve.extract_request import read_extract_request
from sightwright.serve.extraction import extract
from sightwright.serve.pictures import is_pdf, open_pages
from sightwright.serve.service import Service

if TYPE_CHECKING:
    from PIL.Image import Image


def extract_router(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/schemas")
    async def list_schemas() -> Response:
        return _json({"object": "list", "data": [_card(service, name) for name in service.tasks]})

    @router.post("/v1/extract")
    async def extract_document(request: Request) -> Response:
        started = time.monotonic()
        asked = await read_extract_request(request, service)
        received = time.monotonic()
        pages = await _pages(service, asked.files)
        rendered = time.monotonic()
        extraction = await extract(service, asked.task, pages, asked.max_tokens)
        name = asked.task.schema.name
        loaded = name if service.tasks.get(name) is asked.task else None
        service.telemetry.extracted(loaded, valid=extraction.document is not None)
        seconds = {
            "receive": received - started,
            "render": rendered - received,
            "queue": sum(window.queue_seconds for window in extraction.windows),
            "generate": sum(window.generate_seconds for window in extraction.windows),
            "total": time.monotonic() - started,
        }
        return _json(answer_value(service, asked.task, pages, extraction, seconds))

    return router


def _json(value: dict[str, Any]) -> Response:
    # Our own writer: numbers stay as the model wrote them.
    return Response(canonical.dumps(value), media_type="application/json")


def _card(service: Service, name: str) -> dict[str, Any]:
    task = service.tasks[name]
    return {
        "id": name,
        "object": "schema",
        "default": task is service.task,
        "json_schema": task.schema.json_schema,
    }


async def _pages(service: Service, files: Sequence[bytes]) -> "list[Image]":
    if not files:
        raise RefusedError("no 'file'", status=400, remedy="send one PDF, or page images")
    if len(files) > 1 and any(map(is_pdf, files)):
        raise RefusedError(
            "a PDF comes alone", status=400, remedy="send documents one by one; images may be many"
        )
    limit = service.limits.max_pages
    if len(files) > limit:
        raise RefusedError(f"{len(files)} pages, over the limit of {limit}", status=413)
    pages: list[Image] = []
    for number, data in enumerate(files, start=1):
        pages += await open_pages(service, data, f"file {number}")
    return pages
