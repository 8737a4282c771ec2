"""The endpoints that OpenAI's clients know: `/v1/chat/completions` and `/v1/models`."""

import time
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from sightwright import canonical
from sightwright.errors import RefusedError
from sightwright.infer import engine
from sightwright.serve.bodies import json_object
from sightwright.serve.chat_answer import chat_completion
from sightwright.serve.chat_request import ChatRequest, read_chat_request, with_pages
from sightwright.serve.pictures import Attachments, open_pages
from sightwright.serve.service import Service
from sightwright.serve.streaming import chat_stream

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
        question = await _opened(asked, service)
        if asked.stream:
            return await chat_stream(
                service, question, with_usage=asked.stream_usage, with_logprobs=asked.logprobs
            )
        answer = await service.generate(question)
        content = chat_completion(service.engine.name, answer.result, with_logprobs=asked.logprobs)
        return Response(canonical.dumps(content), media_type="application/json")

    return router


async def _opened(asked: ChatRequest, service: Service) -> engine.Request:
    """The request with its files opened: a PDF becomes one image for each page."""
    images: list[Image] = []
    num_pages: list[int] = []
    attachments = Attachments(service)
    for file in asked.files:
        data = await attachments.read(file.url, file.place)
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
