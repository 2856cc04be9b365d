"""The studio's ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from smis.core.errors import CheckpointError, SmisError, WeightsError
from smis.studio.access import Access, AccessMiddleware
from smis.studio.device_worker import BusyError, DeviceWorker, SupersededError
from smis.studio.page_server import add_errors, add_page
from smis.studio.service import StudioService
from smis.studio.studio_api import studio_router
from smis.studio.uploads import NotKeptError

_STATUS: dict[type[SmisError], int] = {
    SupersededError: 409,
    BusyError: 503,
    CheckpointError: 404,
    NotKeptError: 404,
    WeightsError: 404,
}
_DESCRIPTION = "Pictures of painted label maps; a recipe says how their style is made. Errors are {'error': sentence}."


def create_app(service: StudioService, *, access: Access | None = None, page: bool = True) -> FastAPI:
    """Make the application.

    Args:
        service: What answers.
        access: Who may ask; by default, this machine.
        page: Whether the page is there too; without it, there are only /api, /docs and /openapi.json.
    """
    worker = DeviceWorker()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # both FastAPI, while it builds this on first use, and decoding in the thread set the filters of warnings
        app.openapi()
        worker.submit("start", lambda _: service.library.describe_all())
        yield
        worker.close()

    app = FastAPI(title="smis studio", description=_DESCRIPTION, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(studio_router(service, worker))
    add_errors(app, _STATUS)
    # the usual page of /docs loads its scripts from other hosts
    app.add_api_route("/docs", lambda: RedirectResponse("openapi.json"), include_in_schema=False)
    if page:
        add_page(app)
    app.add_middleware(AccessMiddleware, access=access or Access())
    return app
