"""The server as an ASGI application: endpoints, limits, and refusals of one shape."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from sightwright.serve.extract_api import extract_router
from sightwright.serve.limits import Gate
from sightwright.serve.openai_api import openai_router
from sightwright.serve.problems import answer_refusals
from sightwright.serve.service import Service


def create_app(service: Service) -> FastAPI:
    """The application; starting it warms the engine up, ending it closes the service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.start)
        yield
        await asyncio.to_thread(service.close)

    # Bodies are read by hand, so FastAPI's generated documentation would be empty.
    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.add_middleware(Gate, limits=service.limits)
    answer_refusals(app)
    app.include_router(openai_router(service))
    app.include_router(extract_router(service))

    @app.get("/health")
    async def health() -> JSONResponse:
        """200 while requests are answered, 503 before and after."""
        task = service.task.schema.name if service.task else None
        content: dict[str, Any] = {
            "status": "ready" if service.is_ready else "not ready",
            "model": service.engine.name,
            "extracts": task,
        }
        return JSONResponse(content, status_code=200 if service.is_ready else 503)

    return app
