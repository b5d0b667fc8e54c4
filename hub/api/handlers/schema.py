"""`/schema`: the documents that programs read, and a page that shows them without a CDN."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from litestar import get
from litestar.handlers import HTTPRouteHandler

from contracts.notification import Notification
from contracts.signal import Signal
from hub import routes
from hub.api.handlers.front import find_prefix
from hub.api.openapi.document import build_documents, encode_document
from hub.api.page import page_headers, read_page
from hub.api.request import AnyRequest
from hub.language import Language
from hub.publish.registry import TypeRegistry

__all__ = ["make_schema_routes"]

#: Of `servers`, which stands before all that could look like it.
_SERVER = b'"url": "/"'
_JSON = "application/json"
_VARY = {"vary": "X-Forwarded-Prefix"}


def make_schema_routes(registry: TypeRegistry, *, version: str, language: Language) -> list[HTTPRouteHandler]:
    """Return the handlers of the documents; all are made once, from this hub's own types and in its language."""
    kinds = {**registry.types, **registry.signals}
    strict = frozenset(kind for tag, kind in kinds.items() if registry.data_rules[tag].strict)
    documents = _make_documents(tuple(kinds.values()), strict, version, language)
    page = read_page()

    @get(routes.SCHEMA, operation_id="showSchema", media_type="text/html", response_headers=page_headers())
    async def show_schema() -> bytes:
        return page

    @get(routes.OPENAPI, operation_id="readOpenApi", media_type=_JSON, response_headers=_VARY)
    async def read_openapi(request: AnyRequest) -> bytes:
        return _with_server(documents["openapi.json"], request)

    @get(routes.OPENAPI_30, operation_id="readOpenApi30", media_type=_JSON, response_headers=_VARY)
    async def read_openapi30(request: AnyRequest) -> bytes:
        return _with_server(documents["openapi-3.0.json"], request)

    @get(routes.ASYNCAPI, operation_id="readAsyncApi", media_type=_JSON)
    async def read_asyncapi() -> bytes:
        return documents["asyncapi.json"]

    @get(routes.FRAMES_SCHEMA, operation_id="readFramesSchema", media_type=_JSON)
    async def read_frames_schema() -> bytes:
        return documents["frames.schema.json"]

    return [show_schema, read_openapi, read_openapi30, read_asyncapi, read_frames_schema]


@lru_cache(maxsize=4)
def _make_documents(
    kinds: tuple[type[Notification] | type[Signal], ...],
    strict: frozenset[type[Notification] | type[Signal]],
    version: str,
    language: Language,
) -> Mapping[str, bytes]:
    """Return the documents as they are sent.

    They take a tenth of a second, and processes that start hub after hub, as tests do, ask for the same ones.
    """
    documents = build_documents(TypeRegistry(kinds, strict=strict), version=version, language=language)
    return {name: encode_document(document) for name, document in documents.items()}


def _with_server(document: bytes, request: AnyRequest) -> bytes:
    """Return the document with the path under which a proxy serves the hub, where the request has one."""
    prefix = find_prefix(request.scope["headers"])
    return document if prefix is None else document.replace(_SERVER, b'"url": "%b"' % prefix.encode(), 1)
