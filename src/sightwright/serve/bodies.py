"""Request bodies: JSON objects whose every key is known, or refused by name."""

from collections.abc import Collection
from typing import Any, cast

from fastapi import Request

from sightwright import canonical
from sightwright.errors import RefusedError


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        RefusedError: 415 another content type; 400 not JSON, not an object, a repeated key.
    """
    if content_type(request) != "application/json":
        raise RefusedError(
            f"content type {content_type(request)!r}; application/json is expected", status=415
        )
    try:
        value: object = canonical.loads(await request.body())
    except (ValueError, RecursionError) as error:
        if isinstance(error, RefusedError):
            raise
        raise RefusedError(f"the body is not JSON: {error}", status=400) from None
    if not isinstance(value, dict):
        raise RefusedError("the body is not a JSON object", status=400)
    return cast("dict[str, Any]", value)


def refuse_unknown(keys: Collection[str], known: Collection[str], place: str) -> None:
    """Raise where a key would be swallowed.

    Raises:
        RefusedError: 400, all of them named.
    """
    if unknown := sorted(set(keys) - set(known)):
        raise RefusedError(
            f"{place}: unknown {', '.join(map(repr, unknown))}; known: {', '.join(known)}",
            status=400,
        )


def whole_number(value: object, place: str, *, low: int, high: int) -> int:
    """An integer within bounds.

    Raises:
        RefusedError: 400.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RefusedError(f"{place}: {value!r} is no whole number in {low}..{high}", status=400)
    return value
