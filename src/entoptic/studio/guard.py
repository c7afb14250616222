"""What stands before a studio's pages: who may ask, how much may be sent, what a page may load."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "entoptic-studio"

# What the page itself sends is small; photos go to an address of their own.
_MOST_SENT = 1 << 20

# Everything comes from the studio itself; Gradio makes functions of texts, and styles elements.
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'"
)


def is_loopback(host: str) -> bool:
    """Tell whether an address is of this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Lets requests through to an application, or answers them itself.

    Args:
        app: the application.
        token: that visitors must bring, as `?token=`, once; None where there is none.
        local: whether it is for this machine alone, so that no other name may lead to it.
        uploads: bytes that may be sent, by the begin of the path.
    """

    def __init__(
        self, app: App, *, token: str | None, local: bool, uploads: Mapping[str, int]
    ) -> None:
        self._app, self._token, self._local, self._uploads = app, token, local, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing of the studio's is a web socket
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        refused = self._refused(scope, headers)
        if refused is not None:
            await _answer(send, *refused)
            return
        most = next(
            (size for path, size in self._uploads.items() if scope["path"].startswith(path)),
            _MOST_SENT,
        )
        if int(headers.get("content-length", "0") or 0) > most:
            await _answer(send, 413, f"that is too large; at most {most >> 20} MB")
            return
        # A little more, so that the application can say itself what is too large.
        await self._app(scope, _bounded(receive, most + _MOST_SENT), _with_policy(send))

    def _refused(
        self, scope: Scope, headers: Mapping[str, str]
    ) -> tuple[int, str] | tuple[int, str, list[tuple[bytes, bytes]]] | None:
        """Return the answer to a request that isn't let through."""
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return 400, "the length of what is sent is no number"
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if self._local and not is_loopback(host):
            # Else a page elsewhere could have its own name lead here, and read all of this.
            return 403, "this studio is for this machine alone; open it by its own address"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return 403, "another page may ask nothing of this studio"
        if self._token is None:
            return None
        if self._is_token(_cookie(headers)):
            return None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if self._is_token(query.get("token", [""])[0]):
            cookie = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            return 303, "", [(b"location", b"./"), (b"set-cookie", cookie.encode())]
        return 401, "open the address that the command has shown, with its token"

    def _is_token(self, given: str) -> bool:
        assert self._token is not None
        return hmac.compare_digest(given.encode(), self._token.encode())


def _cookie(headers: Mapping[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _bounded(receive: Receive, most: int) -> Receive:
    """Return what receives a body, and ends it where it gets too large."""
    seen = 0

    async def bounded() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > most else message

    return bounded


def _with_policy(send: Send) -> Send:
    more = [
        (b"content-security-policy", _POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    ]

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sent


async def _answer(
    send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = text.encode()
    about = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
    ]
    start = {"type": "http.response.start", "status": status, "headers": [*about, *(headers or [])]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
