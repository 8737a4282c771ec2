"""The endpoints that OpenAI's clients know: `/v1/chat/completions` and `/v1/models`."""

import secrets
import time
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from sightwright import canonical
from sightwright.errors import RefusedError
from sightwright.infer import engine
from sightwright.infer.engine import Completion
from sightwright.serve.bodies import json_object
from sightwright.serve.chat_request import ChatRequest, read_chat_request, with_pages
from sightwright.serve.pictures import bytes_of_data_url, open_pages
from sightwright.serve.service import Service

if TYPE_CHECKING:
    from PIL.Image import Image


def openai_router(service: Service) -> APIRouter:
    router = APIRouter()
    created = int(time.time())
    card = {
        "id": service.engine.name,
        "object": "model",
        "created": created,
        "owned_by": "sightwright",
    }

    @router.get("/v1/models")
    async def list_models() -> dict[str, Any]:
        return {"object": "list", "data": [card]}

    @router.get("/v1/models/{name:path}")
    async def show_model(name: str) -> dict[str, Any]:
        if name != service.engine.name:
            raise RefusedError(f"the model {name!r} is not served here", status=404)
        return card

    @router.post("/v1/chat/completions")
    async def complete(request: Request) -> Response:
        asked = read_chat_request(await json_object(request), service)
        answer = await service.generate(await _opened(asked, service))
        content = _chat_completion(service, answer.result)
        return Response(canonical.dumps(content), media_type="application/json")

    return router


async def _opened(asked: ChatRequest, service: Service) -> engine.Request:
    """The request with its files opened: a PDF becomes one image for each page."""
    images: list[Image] = []
    num_pages: list[int] = []
    for file in asked.files:
        data = bytes_of_data_url(file.url, file.place)
        pages = await open_pages(service, data, file.place)
        images += pages
        num_pages.append(len(pages))
        if len(images) > service.limits.max_pages:
            raise RefusedError(
                f"{len(images)} pages, over the limit of {service.limits.max_pages}", status=413
            )
    return engine.Request(
        messages=with_pages(asked.messages, num_pages),
        images=tuple(images),
        json_schema=asked.json_schema,
        max_tokens=asked.max_tokens,
        temperature=asked.temperature,
        seed=asked.seed,
    )


def _chat_completion(service: Service, completion: Completion) -> dict[str, Any]:
    message = {"role": "assistant", "content": completion.text, "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": completion.finish_reason,
        "logprobs": None,
    }
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": service.engine.name,
        "choices": [choice],
        "usage": {
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
            "total_tokens": completion.prompt_tokens + completion.completion_tokens,
        },
    }
