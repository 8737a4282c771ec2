"""`POST /v1/extract`: a PDF or page images in, the document out.

Takes `multipart/form-data` with `file` (one PDF, or one or more images) or a JSON object whose
`file` is a data URL or a list of them.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter, Request, Response
from starlette.datastructures import UploadFile

from sightwright import canonical
from sightwright.errors import RefusedError
from sightwright.serve.bodies import content_type, json_object, refuse_unknown, whole_number
from sightwright.serve.extraction import Extraction, Window, extract
from sightwright.serve.pictures import bytes_of_data_url, is_pdf, open_pages, seen_size
from sightwright.serve.service import Service

if TYPE_CHECKING:
    from PIL.Image import Image

_FIELDS = ("file", "max_tokens")
_MAX_FIELD_BYTES = 1024


def extract_router(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/extract")
    async def extract_document(request: Request) -> Response:
        started = time.monotonic()
        if service.task is None:
            raise RefusedError(
                "this model was taught no extraction, and no schema was given",
                status=404,
                remedy="start the server with --schema",
            )
        files, max_tokens = await _body(request, service)
        received = time.monotonic()
        pages = await _pages(service, files)
        rendered = time.monotonic()
        extraction = await extract(service, service.task, pages, max_tokens)
        seconds = {
            "receive": received - started,
            "render": rendered - received,
            "queue": sum(window.queue_seconds for window in extraction.windows),
            "generate": sum(window.generate_seconds for window in extraction.windows),
            "total": time.monotonic() - started,
        }
        content = _answer(service, pages, extraction, seconds)
        # Our own writer: numbers stay as the model wrote them.
        return Response(canonical.dumps(content), media_type="application/json")

    return router


async def _body(request: Request, service: Service) -> tuple[list[bytes], int]:
    if content_type(request) == "multipart/form-data":
        files, wanted = await _form(request)
    else:
        body = await json_object(request)
        refuse_unknown(body, _FIELDS, "the body")
        urls = body.get("file")
        listed = cast("list[object]", urls) if isinstance(urls, list) else [urls]
        files = [
            bytes_of_data_url(_text(url), f"file {number}")
            for number, url in enumerate(listed, start=1)
        ]
        wanted = body.get("max_tokens")
    if wanted is None:
        return files, service.output_tokens
    limit = service.limits.max_output_tokens
    return files, whole_number(wanted, "max_tokens", low=1, high=limit)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise RefusedError("'file' is a data URL or a list of data URLs", status=400)
    return value


async def _form(request: Request) -> tuple[list[bytes], object]:
    async with request.form(max_fields=len(_FIELDS), max_part_size=_MAX_FIELD_BYTES) as form:
        refuse_unknown(form.keys(), _FIELDS, "the form")
        files: list[bytes] = []
        for part in form.getlist("file"):
            if not isinstance(part, UploadFile):
                raise RefusedError(
                    "'file' is a file, not text", status=400, remedy="curl: --form file=@page.pdf"
                )
            files.append(await part.read())
        text = form.get("max_tokens")
    if text is None:
        return files, None
    return files, int(text) if isinstance(text, str) and text.isdecimal() else text


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


def _answer(
    service: Service, pages: "Sequence[Image]", extraction: Extraction, seconds: dict[str, float]
) -> dict[str, Any]:
    sizes = [seen_size(service, page) for page in pages]
    return {
        "document": extraction.document,
        "valid": extraction.document is not None,
        "finish_reason": extraction.finish_reason,
        "model": service.engine.name,
        "pages": [{"width": width, "height": height} for width, height in sizes],
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
