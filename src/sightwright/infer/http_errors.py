"""What a model server elsewhere answers in place of an answer, in our own errors."""

import re
from typing import TYPE_CHECKING, Any, cast

from sightwright.errors import RefusedError, SchemaError, SightwrightError

if TYPE_CHECKING:
    import openai

_TOO_LONG = re.compile(r"context length|context_length|maximum.{0,40}tokens|too long", re.I)
_REMEDIES = {
    401: "give the server's API key",
    403: "give an API key that may use this model",
    404: "check the model's name and the address, which usually ends with /v1",
    429: "ask fewer at a time, or wait",
}


class ServerError(SightwrightError):
    """A model server that cannot be reached, or does not answer as it should.

    Attributes:
        status: the HTTP status; None where there was no answer.
    """

    def __init__(
        self, message: str, *, status: int | None, where: str, remedy: str | None = None
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.status = status


def error_of(
    error: "openai.OpenAIError", base_url: str, timeout_seconds: float
) -> SightwrightError:
    """The error to raise in place of the client's."""
    import openai

    match error:
        case openai.APITimeoutError():
            return ServerError(
                f"no answer within {timeout_seconds:g} s", status=None, where=base_url,
                remedy="give it more time, or ask fewer at a time",
            )  # fmt: skip
        case openai.APIConnectionError():
            return ServerError(
                f"the server cannot be reached: {error.__cause__ or error}",
                status=None, where=base_url, remedy="check the address, and that it runs",
            )  # fmt: skip
        case openai.APIStatusError():
            return _of_status(error.status_code, error, base_url)
        case openai.APIError():
            return ServerError(
                f"the answer broke off: {error.message}", status=None, where=base_url
            )
        case _:
            return ServerError(str(error), status=None, where=base_url)


def _of_status(status: int, error: "openai.APIStatusError", base_url: str) -> SightwrightError:
    text = _told(error)
    refusal: SightwrightError
    if status == 400 and error.param == "response_format":
        refusal = SchemaError(text)
    elif status == 413 or (status == 400 and _TOO_LONG.search(text)):
        refusal = RefusedError(
            text, status=413, remedy="fewer or smaller images, or a lower max_tokens"
        )
    elif status in (400, 415, 422):
        refusal = RefusedError(text, status=status)
    else:
        remedy = _REMEDIES.get(status, "see the server's log" if status >= 500 else None)
        return ServerError(f"{status}: {text}", status=status, where=base_url, remedy=remedy)
    refusal.where = base_url
    return refusal


def _told(error: "openai.APIStatusError") -> str:
    """What the server says, without the client's wrapping."""
    body: Any = error.body
    if isinstance(body, dict):
        message = cast("dict[str, Any]", body).get("message")
        if isinstance(message, str):
            return message
    return error.message[:500]
