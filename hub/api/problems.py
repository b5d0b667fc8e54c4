"""Failures as HTTP answers: every one is an RFC 9457 problem with a stable code, none shows a traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from hub.errors import BadRequest, BodyTooLarge, HubError, Internal, MethodNotAllowed, NotFound
from hub.metrics import Metrics
from hub.problem import encode_problem

__all__ = ["PROBLEM_MEDIA_TYPE", "answer_problem", "make_exception_handlers"]

logger = logging.getLogger("hub.api")

PROBLEM_MEDIA_TYPE = "application/problem+json"

_BY_STATUS: dict[int, type[HubError]] = {404: NotFound, 405: MethodNotAllowed, 413: BodyTooLarge}
#: After these the rest of the body may still be on its way; nobody will read it.
_ENDS_CONNECTION = frozenset({408, 413})


def answer_problem(error: HubError) -> Response[bytes]:
    """Return the answer that tells a caller of `error`."""
    headers = {"cache-control": "no-store"}
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.status == 503:
        headers["retry-after"] = str(error.retry_after_s or 1)
    if error.status in _ENDS_CONNECTION:
        headers["connection"] = "close"
    return Response(encode_problem(error), status_code=error.status, media_type=PROBLEM_MEDIA_TYPE, headers=headers)


def make_exception_handlers(
    metrics: Metrics,
) -> dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]:
    """Return Litestar's table of exception handlers; together they leave nothing out."""

    def answer_hub_error(_: Request[Any, Any, Any], error: HubError) -> Response[bytes]:
        metrics.problems[error.code] += 1
        return answer_problem(error)

    def answer_framework_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        # Litestar's own texts may quote the URL, and with it a token, so they are not passed on.
        kind = _BY_STATUS.get(error.status_code, BadRequest if error.status_code < 500 else Internal)
        response = answer_hub_error(request, kind())
        if error.headers and "allow" in {name.lower() for name in error.headers}:
            response.headers.update({name: value for name, value in error.headers.items() if name.lower() == "allow"})
        return response

    def answer_unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        # The text of a foreign exception may hold anything, ids included: only its kind and place are logged.
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        place = "?" if last is None else f"{last.tb_frame.f_globals.get('__name__')}:{last.tb_lineno}"
        logger.error("unforeseen %s at %s", type(error).__name__, place)
        return answer_hub_error(request, Internal())

    return {HubError: answer_hub_error, HTTPException: answer_framework_error, Exception: answer_unforeseen}
