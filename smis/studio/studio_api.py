"""The addresses of the studio, below /api."""

import secrets
from collections.abc import Callable
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter, Query, Request, Response

from smis.studio.animation import encode_animation
from smis.studio.api_messages import (
    AnimationRequest,
    BundleAnswer,
    CommandsAnswer,
    DistancesAnswer,
    DistancesRequest,
    InstancesAnswer,
    ModelName,
    PaintedRequest,
    SegmentAnswer,
    SegmentRequest,
    StyledRequest,
    SynthesizeAnswer,
    SynthesizeRequest,
    UploadedImage,
    UploadedLabels,
    UploadedStyle,
)
from smis.studio.device_worker import DeviceWorker, Job
from smis.studio.model_library import OfferedModel
from smis.studio.service import StudioService

Answer = TypeVar("Answer")
OneModel = Annotated[ModelName, Query(description="A name of /models")]


class Compute(Protocol):
    """Wait for work that runs in the device's thread."""

    async def __call__(self, work: Callable[[Job], Answer]) -> Answer:
        """Return its result."""
        ...


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

    _add_uploads(router, service, compute)
    _add_measures(router, service, compute)
    _add_downloads(router, service, compute)
    return router


def _add_uploads(router: APIRouter, service: StudioService, compute: Compute) -> None:
    @router.post("/images", openapi_extra=_RAW)
    async def images(request: Request, model: OneModel | None = None) -> UploadedImage:
        """Keep a photograph (the body is its file), for recipes that start from it."""
        content = await request.body()
        return await compute(lambda _: service.keep_photograph(content, model))

    @router.post("/labels", openapi_extra=_RAW)
    async def labels(request: Request, model: OneModel) -> UploadedLabels:
        """Read a label map (the body is its file): ids, palette, or colors of the model's palette."""
        content = await request.body()
        return await compute(lambda _: service.import_labels(content, model))

    @router.post("/styles", openapi_extra=_RAW)
    async def styles(request: Request, model: OneModel) -> UploadedStyle:
        """Keep a style (the body is its file), for recipes that start from it."""
        content = await request.body()
        return UploadedStyle(style=await compute(lambda _: service.keep_style(content, model)))


def _add_measures(router: APIRouter, service: StudioService, compute: Compute) -> None:
    @router.post("/instances")
    async def instances(request: PaintedRequest) -> InstancesAnswer:
        """Make each connected region of a class an instance."""
        return InstancesAnswer(instances=await compute(lambda _: service.instances(request)))

    @router.post("/segment")
    async def segment(request: SegmentRequest) -> SegmentAnswer:
        """Return the segmenter's label map of a picture; 404 where there is no segmenter."""
        return await compute(lambda _: service.measures.segment(request))

    @router.post("/distances")
    async def distances(request: DistancesRequest) -> DistancesAnswer:
        """Return the mean distance of neighboring pictures inside and outside a class; 404 without weights."""
        return await compute(lambda _: service.distances(request))


def _add_downloads(router: APIRouter, service: StudioService, compute: Compute) -> None:
    @router.post("/commands")
    async def commands(request: StyledRequest) -> CommandsAnswer:
        """Return lines of Python and of the shell that make the same picture; /bundle has the files that they read."""
        code = await compute(lambda _: service.code(request))
        return CommandsAnswer(python=code.python, shell=code.shell)

    @router.post("/style", response_class=Response, responses=_file("application/octet-stream"))
    async def style(request: StyledRequest) -> Response:
        """Return the style on the screen as a file for `synth.style`."""
        content = await compute(lambda _: service.style_file(request))
        return Response(content, media_type="application/octet-stream")

    @router.post("/animation", response_class=Response, responses=_file("image/gif"))
    async def animation(request: AnimationRequest) -> Response:
        """Return a morph from one style to another and back; other requests are answered between its frames."""
        frames = [
            await compute(lambda _, number=number: service.frame(request, number)) for number in range(request.frames)
        ]
        content = await compute(lambda _: encode_animation(frames, request.format))
        return Response(content, media_type=f"image/{request.format}")

    @router.post("/bundle", response_class=Response, responses=_file("application/zip"))
    async def bundle(request: StyledRequest) -> Response:
        """Return picture, maps, style, and all that makes them again, as one zip file."""
        content = await compute(lambda _: service.bundle(request))
        return Response(content, media_type="application/zip")

    @router.post("/bundles", openapi_extra=_RAW)
    async def bundles(request: Request) -> BundleAnswer:
        """Open a zip file of /bundle (the body)."""
        content = await request.body()
        return await compute(lambda _: service.open_bundle(content))


def _file(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind: {}}}}
