"""The addresses of the studio, below /api."""

import secrets
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response

from smis.studio.api_messages import (
    ModelName,
    StyledRequest,
    SynthesizeAnswer,
    SynthesizeRequest,
    UploadedImage,
    UploadedStyle,
)
from smis.studio.device_worker import DeviceWorker, Job
from smis.studio.model_library import OfferedModel
from smis.studio.service import StudioService

Answer = TypeVar("Answer")
OneModel = Annotated[ModelName, Query(description="A name of /models")]
_RAW = {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}


def studio_router(service: StudioService, worker: DeviceWorker) -> APIRouter:
    """Return the routes; all computing is left to the worker's thread."""
    router = APIRouter(prefix="/api")

    async def compute(work: Callable[[Job], Answer]) -> Answer:
        return await worker.run(secrets.token_hex(8), work)

    @router.get("/models")
    async def models() -> list[OfferedModel]:
        """List the models, with their classes, example maps, and what each can do."""
        return await compute(lambda _: service.library.describe_all())

    @router.post("/synthesize")
    async def synthesize(request: SynthesizeRequest) -> SynthesizeAnswer:
        """Make a picture for each recipe; of each page only the newest request waits, an older one answers 409."""
        page = f"page {request.page}" if request.page else secrets.token_hex(8)
        return await worker.run(page, lambda job: service.synthesize(request, job), sequence=request.sequence)

    @router.post("/images", openapi_extra=_RAW)
    async def images(request: Request, model: OneModel | None = None) -> UploadedImage:
        """Keep a photograph (the body is its file), for recipes that start from it."""
        content = await request.body()
        return await compute(lambda _: service.keep_photograph(content, model))

    @router.post("/style", response_class=Response, responses=_file("application/octet-stream"))
    async def style(request: StyledRequest) -> Response:
        """Return the style on the screen as a file for `synth.style`."""
        content = await compute(lambda _: service.style_file(request))
        return Response(content, media_type="application/octet-stream")

    @router.post("/styles", openapi_extra=_RAW)
    async def styles(request: Request, model: OneModel) -> UploadedStyle:
        """Keep a style (the body is its file), for recipes that start from it."""
        content = await request.body()
        return UploadedStyle(style=await compute(lambda _: service.keep_style(content, model)))

    return router


def _file(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind: {}}}}
