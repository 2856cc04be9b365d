"""What every page of this package needs of its server: errors as one sentence, and the page's files; without torch."""

import mimetypes
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from smis.core.errors import SmisError, fixable, shown
from smis.studio.access import TooLongError, too_long

_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def add_errors(app: FastAPI, statuses: Mapping[type[SmisError], int] | None = None) -> None:
    """Answer every error that a caller can mend with a status (400 unless `statuses` has it) and one sentence."""
    known = statuses or {}

    @app.exception_handler(SmisError)
    async def refused(_: Request, error: SmisError) -> JSONResponse:
        status = next((known[kind] for kind in type(error).__mro__ if kind in known), 400)
        return _error(status, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _error(400, _first_mistake(error))

    @app.exception_handler(HTTPException)
    async def failed(request: Request, error: HTTPException) -> JSONResponse:
        message = f"there is nothing at {shown(request.url.path)}; /docs lists what there is"
        return _error(error.status_code, message if error.status_code == 404 else str(error.detail))

    @app.exception_handler(TooLongError)
    async def too_long_body(_: Request, __: TooLongError) -> JSONResponse:
        return _error(413, too_long())

    @app.exception_handler(MemoryError)
    @app.exception_handler(RuntimeError)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        message = fixable(error)
        if message is None:
            raise error
        return _error(503, message)


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": " ".join(message.split())}, status)


def _first_mistake(error: RequestValidationError) -> str:
    """Return the first mistake of a request, with its place in the body."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{place} is missing; /docs lists what a request has"
    if first["type"] == "extra_forbidden":
        return f"{place} is not known; /docs lists what a request has"
    return f"{place}: {message} (it is {shown(first.get('input'))}); /docs lists what a request has"


def add_page(app: FastAPI, *, package: str = "smis.studio") -> None:
    """Serve the files of the page under the names that they have in the package; no request's path is opened."""
    folder = resources.files(package) / "page"
    files = dict(_files(folder)) if folder.is_dir() else {}

    @app.get("/{name:path}", include_in_schema=False)
    async def page_file(name: str) -> Response:
        file = files.get(name or "index.html")
        if file is None:
            raise HTTPException(404)
        suffix = "." + file.name.rpartition(".")[2]
        kind = _TYPES.get(suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(file.read_bytes(), media_type=kind, headers={"cache-control": "no-cache"})


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry
