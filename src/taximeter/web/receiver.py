"""Receiver: a small server that stores what HTTP sinks send, as docs/reference/http.md describes it."""

import hmac
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from math import inf
from time import monotonic

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from taximeter.alarm import warn
from taximeter.courier import describe
from taximeter.http_contract import BATCH_PATH, HEALTH_PATH, LOSSES_PATH, Health
from taximeter.sinks.token import Token
from taximeter.web.intake import BODY_MAX_BYTES, Intake, RefusedError, too_large

_BODY_S = 30.0
_AT_ONCE = 16
_WARN_EVERY_S = 60.0


def receiver(intake: Intake, token: Token) -> Starlette:
    """Return the application.

    Args:
        intake: Stores the batches; it is closed when the application ends.
        token: What requests have to show.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await intake.aclose()

    posts = _Posts(token)
    routes = [
        Route(BATCH_PATH, posts.taken_by(intake.take), methods=["POST"]),
        Route(LOSSES_PATH, posts.taken_by(intake.note), methods=["POST"]),
        Route(HEALTH_PATH, _health, methods=["GET"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


Take = Callable[..., Awaitable[msgspec.Struct]]
"""What becomes of a body; called with `is_gzip`."""


class _Posts:
    """Answers posts, so many at once that their bodies stay within bounds."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._running = 0
        self._silent_until = -inf

    def taken_by(self, take: Take) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers with the result of *take*, or with why there is none."""

        async def answer(request: Request) -> Response:
            return await self._answer(request, take)

        return answer

    async def _answer(self, request: Request, take: Take) -> Response:
        self._running += 1
        try:
            return _json(await self._result(request, take))
        except RefusedError as refused:
            return _json(refused.problem, refused.status)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # which nobody gets
        finally:
            self._running -= 1

    async def _result(self, request: Request, take: Take) -> msgspec.Struct:
        shown = request.headers.get("authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(shown, self._token.authorization):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "unauthorized", "The request shows no valid token.")
        if self._running > _AT_ONCE:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too many requests at once.")
        is_gzip = _is_gzip(request.headers)
        body = await _body_of(request)
        try:
            return await take(body, is_gzip=is_gzip)
        except (sqlite3.Error, OSError) as error:  # a full disk, a lock that is held
            self._warn_of(error)
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "store_failed", "The store cannot be written to."
            ) from error

    def _warn_of(self, error: Exception) -> None:
        """Say that the store fails, once a minute."""
        now = monotonic()
        if now >= self._silent_until:
            self._silent_until = now + _WARN_EVERY_S
            warn(f"the store cannot be written to: {describe(error)}")


async def _health(_request: Request) -> Response:
    return _json(Health())


def _is_gzip(headers: Headers) -> bool:
    """Return whether the body is compressed.

    Raises:
        RefusedError: It is of a kind that is not read here.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if kind != "application/json" or encoding not in ("identity", "gzip"):
        detail = "The body has to be application/json, as it is or in gzip."
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported", detail)
    return encoding == "gzip"


async def _body_of(request: Request) -> bytes:
    """Read the body, as long as it keeps to its bounds.

    Raises:
        RefusedError: It is too large, or too slow.
        ClientDisconnect: It was cut off.
    """
    body = bytearray()
    with anyio.move_on_after(_BODY_S):
        async for part in request.stream():
            body += part
            if len(body) > BODY_MAX_BYTES:
                raise too_large()
        return bytes(body)
    raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "timeout", f"The body took more than {_BODY_S:.0f} s.")


def _json(document: msgspec.Struct, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(
        msgspec.json.encode(document),
        status,
        media_type="application/json",
        headers=_HEADERS.get(status),
    )


_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}
