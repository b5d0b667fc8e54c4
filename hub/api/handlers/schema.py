"""`/schema`: the documents that programs read, and a page that shows them without a CDN."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from hub import routes
from hub.api.handlers.front import find_prefix
from hub.api.openapi.document import build_documents, encode_document
from hub.api.page import page_headers, read_page
from hub.api.request import AnyRequest
from hub.publish.registry import TypeRegistry

__all__ = ["make_schema_routes"]

#: Of `servers`, which stands before all that could look like it.
_SERVER = b'"url": "/"'


def make_schema_routes(registry: TypeRegistry, *, version: str) -> list[HTTPRouteHandler]:
    """Return the handlers of the documents; all are made once, from this hub's own types."""
    documents = {
        name: encode_document(document) for name, document in build_documents(registry, version=version).items()
    }
    page = read_page()

    @get(routes.SCHEMA, operation_id="showSchema")
    async def show_schema() -> Response[bytes]:
        return Response(page, media_type="text/html", headers=page_headers())

    @get(routes.OPENAPI, operation_id="readOpenApi")
    async def read_openapi(request: AnyRequest) -> Response[bytes]:
        return _answer_openapi(request, documents["openapi.json"])

    @get(routes.OPENAPI_30, operation_id="readOpenApi30")
    async def read_openapi30(request: AnyRequest) -> Response[bytes]:
        return _answer_openapi(request, documents["openapi-3.0.json"])

    @get(routes.ASYNCAPI, operation_id="readAsyncApi")
    async def read_asyncapi() -> Response[bytes]:
        return Response(documents["asyncapi.json"], media_type="application/json")

    @get(routes.FRAMES_SCHEMA, operation_id="readFramesSchema")
    async def read_frames_schema() -> Response[bytes]:
        return Response(documents["frames.schema.json"], media_type="application/json")

    return [show_schema, read_openapi, read_openapi30, read_asyncapi, read_frames_schema]


def _answer_openapi(request: AnyRequest, document: bytes) -> Response[bytes]:
    prefix = find_prefix(request.scope["headers"])
    served = document if prefix is None else document.replace(_SERVER, b'"url": "%b"' % prefix.encode(), 1)
    return Response(served, media_type="application/json", headers={"vary": "X-Forwarded-Prefix"})
