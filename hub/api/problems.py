"""Failures as HTTP responses: every one is an RFC 9457 problem with a stable code, none shows a traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from hub.errors import BadRequest, BodyTooLarge, HubError, Internal, MethodNotAllowed, NotFound
from hub.errors.problem import ProblemResponse, write_problem
from hub.metrics import Metrics
from hub.operator_log import OperatorLog

__all__ = ["LOGGED", "Problems", "make_exception_handlers", "problem_response", "report_fault"]

logger = logging.getLogger("hub.api")
#: Of the process: every application in it has the same code, and so the same faults.
_faults = OperatorLog(logger)

#: The key of a scope whose failure its handler has logged already.
LOGGED = "hub.logged"
_ABOUT_IDENTITY = frozenset({401, 403})
_BY_STATUS: dict[int, type[HubError]] = {404: NotFound, 405: MethodNotAllowed, 413: BodyTooLarge}


class Problems:
    """Counts the failures that requests end with, logs those that are about the caller's identity, and writes them.

    `log_refusal` is called with each of the latter.
    """

    def __init__(self, metrics: Metrics, *, log_refusal: Callable[[HubError], None]) -> None:
        self._metrics = metrics
        self._log_refusal = log_refusal

    def write(self, error: Exception, *, is_logged: bool = False) -> ProblemResponse:
        """Return the response to a request that ended with this; an unforeseen failure is reported as a fault."""
        if not isinstance(error, HubError):
            report_fault(error)
            error = Internal()
        self._metrics.problems[error.code] += 1
        if (error.status in _ABOUT_IDENTITY or error.reason is not None) and not is_logged:
            self._log_refusal(error)
        return write_problem(error)


def problem_response(problem: ProblemResponse) -> Response[bytes]:
    """Return a problem as the framework wants it."""
    status, headers, body = problem
    named = {name.decode(): value.decode() for name, value in headers}
    return Response(body, status_code=status, media_type=named.pop("content-type"), headers=named)


def make_exception_handlers(
    problems: Problems,
) -> dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]:
    """Return Litestar's table of exception handlers; together they leave nothing out."""

    def respond_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        return problem_response(problems.write(error, is_logged=bool(request.scope.get(LOGGED))))

    def respond_framework_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        # Litestar's own texts may quote the URL, and with it a token, so they are not passed on.
        kind = _BY_STATUS.get(error.status_code, BadRequest if error.status_code < 500 else Internal)
        if kind is MethodNotAllowed:
            return respond_error(request, MethodNotAllowed(allow=_read_allow(error.headers or {})))
        return respond_error(request, kind())

    return {HubError: respond_error, HTTPException: respond_framework_error, Exception: respond_error}


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
