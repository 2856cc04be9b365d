"""Who may ask: the token, the names of this server, and how many bytes a request may have."""

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

MOST_BODY = 64 * 2**20
"""Bytes of a request."""
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


@dataclass(frozen=True)
class Access:
    """What a request must have.

    Without a token the server is for this machine: it answers only to its own names, so that no page of another site
    can reach it under a name that leads here.
    """

    token: str | None = None
    cookie: str = "smis_studio"

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason of a request that is not answered; None of one that is."""
        headers = _headers(scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.token is None and _split(f"//{host}")[0] not in LOCAL_NAMES:
            return (
                403,
                "this server answers to 127.0.0.1 and localhost only; start it with --host and --token for others",
            )
        if origin is not None and _split(origin)[1] != host:
            return 403, "a page of another site asks, which is not allowed; open the studio's own address"
        if self.token is not None and not self._has_token(scope, headers):
            return 401, "the token is missing or wrong; open the address that was printed when the server started"
        return None

    def _has_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = [bearer] if kind.lower() == "bearer" else []
        given += [value for name, value in parse_qsl(_query(scope)) if name == "token"]
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            cookie = None
        given += [cookie.value] if cookie is not None else []
        return any(self._is_token(each) for each in given)

    def _is_token(self, text: str) -> bool:
        return self.token is not None and hmac.compare_digest(text.encode(), self.token.encode())

    def location_without_token(self, scope: Scope) -> str | None:
        """Return where a page that was opened with the token in its address goes on without it."""
        pairs = parse_qsl(_query(scope), keep_blank_values=True)
        if self.token is None or scope["method"] != "GET" or scope["path"].startswith("/api"):
            return None
        if not any(name == "token" for name, _ in pairs):
            return None
        rest = urlencode([pair for pair in pairs if pair[0] != "token"])
        return "./" + scope["path"].rpartition("/")[2] + (f"?{rest}" if rest else "")

    @property
    def set_cookie(self) -> bytes:
        """The header that lets a browser keep the token."""
        return f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/".encode()


class AccessMiddleware:
    """Refuse requests that may not be answered, and bound the bytes of all others."""

    def __init__(self, app: App, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._access.refusal(scope) or _length_refusal(scope)
        if refusal is not None:
            await _answer(send, refusal[0], {"error": refusal[1]})
            return
        location = self._access.location_without_token(scope)
        if location is not None:
            headers = [(b"location", location.encode()), (b"set-cookie", self._access.set_cookie)]
            await _start(send, 303, headers)
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, _Bounded(receive), _with_headers(send))


class TooLongError(Exception):
    """A body is longer than it said, or than is allowed."""


class _Bounded:
    """Count the bytes of a body that does not say its length."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._length = receive, 0

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._length += len(message.get("body", b""))
        if self._length > MOST_BODY:
            raise TooLongError
        return message


def too_long() -> str:
    """Return the message of a request that has too many bytes."""
    return f"the request has more than {MOST_BODY // 2**20} MiB, which is what is allowed; send a smaller file"


def _length_refusal(scope: Scope) -> tuple[int, str] | None:
    length = _headers(scope).get("content-length", "0")
    return (413, too_long()) if not length.isdecimal() or len(length) > 12 or int(length) > MOST_BODY else None


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _query(scope: Scope) -> str:
    return scope.get("query_string", b"").decode("latin-1")


def _split(address: str) -> tuple[str | None, str]:
    """Return the name of an address, and the name with its port."""
    try:
        parts = urlsplit(address)
        return parts.hostname, parts.netloc
    except ValueError:
        return None, ""


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, content: dict[str, str]) -> None:
    await _start(send, status, [(b"content-type", b"application/json")])
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


async def _start(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *_HEADERS]})
