"""Failures as HTTP responses: every one is an RFC 9457 problem with a stable code, none shows a traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from hub.errors import BadRequest, BodyTooLarge, HubError, Internal, MethodNotAllowed, NotFound
from hub.errors.problem import write_problem
from hub.metrics import Metrics
from hub.operator_log import OperatorLog

__all__ = ["LOGGED", "make_exception_handlers", "problem_response", "report_fault"]

logger = logging.getLogger("hub.api")
#: Of the process: every application in it has the same code, and so the same faults.
_faults = OperatorLog(logger)

#: The key of a scope whose failure its handler has logged already.
LOGGED = "hub.logged"
_ABOUT_IDENTITY = frozenset({401, 403})
_BY_STATUS: dict[int, type[HubError]] = {404: NotFound, 405: MethodNotAllowed, 413: BodyTooLarge}


def problem_response(error: HubError) -> Response[bytes]:
    """Return the response that tells a caller of `error`."""
    status, headers, body = write_problem(error)
    named = {name.decode(): value.decode() for name, value in headers}
    return Response(body, status_code=status, media_type=named.pop("content-type"), headers=named)


def make_exception_handlers(
    metrics: Metrics, *, log_refusal: Callable[[HubError], None]
) -> dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]:
    """Return Litestar's table of exception handlers; together they leave nothing out.

    `log_refusal` is called with each failure that is about the caller's identity.
    """

    def respond_hub_error(request: Request[Any, Any, Any], error: HubError) -> Response[bytes]:
        metrics.problems[error.code] += 1
        if (error.status in _ABOUT_IDENTITY or error.reason is not None) and not request.scope.get(LOGGED):
            log_refusal(error)
        return problem_response(error)

    def respond_framework_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        # Litestar's own texts may quote the URL, and with it a token, so they are not passed on.
        kind = _BY_STATUS.get(error.status_code, BadRequest if error.status_code < 500 else Internal)
        if kind is MethodNotAllowed:
            return respond_hub_error(request, MethodNotAllowed(allow=_read_allow(error.headers or {})))
        return respond_hub_error(request, kind())

    def respond_unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        report_fault(error)
        return respond_hub_error(request, Internal())

    return {HubError: respond_hub_error, HTTPException: respond_framework_error, Exception: respond_unforeseen}


def report_fault(error: BaseException) -> None:
    """Log an unforeseen failure: its kind and its place. Its text may hold anything, ids included."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = "?" if last is None else f"{last.tb_frame.f_globals.get('__name__')}:{last.tb_lineno}"
    _faults.write_limited(logging.ERROR, "fault", f"unforeseen {type(error).__name__} at {place}", place=place)


def _read_allow(headers: Mapping[str, str]) -> tuple[str, ...]:
    named = next((value for name, value in headers.items() if name.lower() == "allow"), "")
    methods = {method.strip() for method in named.split(",") if method.strip()} | {"OPTIONS"}
    # HEAD is answered wherever GET is, which the framework does not know.
    return tuple(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
