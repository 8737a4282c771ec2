"""Refusals in OpenAI's shape: `{"error": {"message", "type", "code", "param"}}`."""

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sightwright.errors import (
    DataError,
    ImageError,
    RefusedError,
    SchemaError,
    SightwrightError,
)

log = logging.getLogger(__name__)

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "upload_too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    422: "unreadable_document",
    500: "internal_error",
    503: "busy",
    504: "timeout",
}
_RETRY_SECONDS = "1"


def status_of(error: SightwrightError) -> int:
    """The HTTP status of a refusal: 4xx where the request is to blame."""
    match error:
        case RefusedError():
            return error.status
        case SchemaError():
            return 400
        case ImageError():
            return 422
        case DataError():
            return 400
        case _:
            return 500


def problem(status: int, message: str) -> JSONResponse:
    """The answer to a request that is not served."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    content = {"message": message, "type": kind, "code": _CODES.get(status), "param": None}
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else None
    return JSONResponse({"error": content}, status_code=status, headers=headers)


def answer_refusals(app: FastAPI) -> None:
    """Have every refusal of `app` take this shape."""
    app.add_exception_handler(SightwrightError, _sightwright_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _client_left)


async def _sightwright_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SightwrightError)
    status = status_of(error)
    if status >= 500:
        log.error("%s: %s", request.url.path, error)
    text = f"{error.where}: {error.message}" if error.where else error.message
    return problem(status, f"{text} ({error.remedy})" if error.remedy else text)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(404, f"there is no {request.method} {request.url.path}")
    return problem(error.status_code, str(error.detail))


async def _client_left(request: Request, error: Exception) -> JSONResponse:
    return problem(400, "the client left before its request was complete")
