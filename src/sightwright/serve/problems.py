"""Refusals in OpenAI's shape: `{"error": {"message", "type", "code", "param"}}`."""

import logging
from typing import Any

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

_MOST_CHARACTERS = 2000

_CODES = {
    400: "bad_request",
    401: "invalid_api_key",
    404: "not_found",
    405: "method_not_allowed",
    408: "upload_too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    422: "unreadable_document",
    429: "busy",
    499: "client_left",
    500: "internal_error",
    503: "unavailable",
    504: "timeout",
}
_HEADERS = {
    401: {"WWW-Authenticate": 'Bearer realm="sightwright"'},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "1"},
}


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


def error_value(status: int, message: str, param: str | None = None) -> dict[str, Any]:
    """The JSON value of a refusal; also what ends a stream that was begun."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    if len(message) > _MOST_CHARACTERS:
        # A refusal that repeats what it refuses would send megabytes back.
        message = f"{message[:_MOST_CHARACTERS]}…"
    content = {"message": message, "type": kind, "code": _CODES.get(status), "param": param}
    return {"error": content}


def problem(status: int, message: str, param: str | None = None) -> JSONResponse:
    """The answer to a request that is not served."""
    content = error_value(status, message, param)
    return JSONResponse(content, status_code=status, headers=_HEADERS.get(status))


def text_of(error: SightwrightError) -> str:
    """What a client is told of an error."""
    text = f"{error.where}: {error.message}" if error.where else error.message
    return f"{text} ({error.remedy})" if error.remedy else text


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
    # As at OpenAI, so that a client can tell a bad schema from another bad request.
    param = "response_format" if isinstance(error, SchemaError) else None
    return problem(status, text_of(error), param)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(404, f"there is no {request.method} {request.url.path}")
    return problem(error.status_code, str(error.detail))


async def _client_left(request: Request, error: Exception) -> JSONResponse:
    return problem(499, "the client left before its request was complete")
