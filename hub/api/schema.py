"""`/schema`: the OpenAPI document, the JSON Schema of the frames, and a page that shows both without a CDN."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from hub.api.document import build_document, build_frames_schema, encode_document
from hub.api.page import page_headers, read_page
from hub.contract import Contract

__all__ = ["make_schema_routes"]


def make_schema_routes(contract: Contract, *, version: str) -> list[HTTPRouteHandler]:
    """Return the handlers of the documents; both are made once, from this hub's own contract."""
    document = encode_document(build_document(contract, version=version))
    frames = encode_document(build_frames_schema(contract))
    page = read_page()

    @get("/schema", operation_id="showSchema")
    async def show_schema() -> Response[bytes]:
        return Response(page, media_type="text/html; charset=utf-8", headers=page_headers())

    @get("/schema/openapi.json", operation_id="readOpenApi")
    async def read_openapi() -> Response[bytes]:
        return Response(document, media_type="application/json")

    @get("/schema/frames.json", operation_id="readFramesSchema")
    async def read_frames_schema() -> Response[bytes]:
        return Response(frames, media_type="application/json")

    return [show_schema, read_openapi, read_frames_schema]
