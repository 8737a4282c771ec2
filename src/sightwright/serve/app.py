"""The server as an ASGI application: endpoints, limits, and refusals of one shape."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from sightwright.serve.extract_api import extract_router
from sightwright.serve.gate import Gate, Traffic
from sightwright.serve.openai_api import openai_router
from sightwright.serve.problems import answer_refusals
from sightwright.serve.service import Service


def create_app(service: Service, traffic: Traffic | None = None) -> FastAPI:
    """The application; starting it warms the engine up, ending it closes the service.

    Args:
        traffic: the requests inside, for whoever stops the server.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.start)
        yield
        await asyncio.to_thread(service.close)

    # Bodies are read by hand, so FastAPI's generated documentation would be empty.
    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.add_middleware(Gate, service=service, traffic=traffic or Traffic())
    answer_refusals(app)
    app.include_router(openai_router(service))
    app.include_router(extract_router(service))

    @app.get("/health")
    async def health() -> JSONResponse:
        """200 while requests are answered, 503 before and after."""
        content: dict[str, Any] = {
            "status": "ready" if service.is_ready else "not ready",
            "model": service.engine.name,
            "extracts": list(service.tasks),
        }
        return JSONResponse(content, status_code=200 if service.is_ready else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Counts and times for Prometheus."""
        return Response(service.telemetry.text(), media_type=CONTENT_TYPE_LATEST)

    return app
