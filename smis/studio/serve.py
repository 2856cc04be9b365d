"""Run a server on a socket, until it is told to end; without torch."""

import errno
import secrets
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from smis.core.errors import ParamsError, ServerError
from smis.studio.access import LOCAL_NAMES

_BACKLOG = 128


def is_local(host: str) -> bool:
    """Return whether only this machine reaches a server on this address.

    Example:
        >>> is_local("127.0.0.1"), is_local("0.0.0.0")
        (True, False)
    """
    return host in LOCAL_NAMES


def listen(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes any that is free.

    Raises:
        ParamsError: if the address is not this machine's, or the port is taken or not allowed.
    """
    unknown = ParamsError(f"--host {host} is no address of this machine; give 127.0.0.1, or 0.0.0.0 for all")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise unknown from None
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(_BACKLOG)
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise unknown from None
        reason = (error.strerror or str(error)).lower()
        raise ParamsError(
            f"port {port} of {host} cannot be used ({reason}); give another --port, or --port 0 for a free one"
        ) from None
    return taken


def choose_token(host: str, token: str | None) -> str | None:
    """Return the token that requests must have: the given one, and for a host that others reach, always one."""
    return token or (None if is_local(host) else secrets.token_urlsafe(24))


def run_app(app: FastAPI, listening: socket.socket, *, started: Callable[[], None]) -> None:
    """Answer requests to an application until a signal ends it; no address of who asks is logged.

    Raises:
        ServerError: if the server cannot start.
    """
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False
    )
    server = _Server(config, started)
    server.run(sockets=[listening])
    if not server.started:
        raise ServerError("the server did not start; its reason is above")


def address_of(host: str, port: int, *, token: str | None, page: bool) -> str:
    """Return the address to open.

    Example:
        >>> address_of("0.0.0.0", 8421, token="t", page=False)
        'http://127.0.0.1:8421/docs?token=t'
    """
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    return f"http://{name}:{port}/{'' if page else 'docs'}" + (f"?token={token}" if token else "")


class _Server(uvicorn.Server):
    """Tell when it answers."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()
