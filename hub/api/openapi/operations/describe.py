"""The pages and documents that describe the hub, for the API document."""

from __future__ import annotations

from hub import errors, routes
from hub.api.openapi.operations.operation import Operation, Response

__all__ = ["DESCRIBE_OPERATIONS"]

_OBJECT = {"type": "object", "additionalProperties": True}

DESCRIBE_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path=routes.FRONT,
        id="showHub",
        tag="Describe",
        summary="Show the page of this hub",
        description="A small page with links to this document and to the state of the hub.",
        responses=(Response(200, "The page.", {"type": "string"}, "text/html"),),
        failures=(errors.Internal,),
    ),
    Operation(
        method="get",
        path=routes.CONSOLE,
        id="showConsole",
        tag="Operate",
        summary="Show the operator's console",
        description="A page that loads nothing from other servers, and asks for a service key with the operation "
        "`observe`. Its address ends with a slash. It is absent if `HUB_CONSOLE` is off.",
        responses=(
            Response(200, "The page.", {"type": "string"}, "text/html"),
            Response(308, "The page's address with a slash at its end."),
        ),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.CONSOLE_SCRIPT,
        id="readConsoleScript",
        tag="Operate",
        summary="Read the console's script",
        description="The page at `/console/` loads it.",
        responses=(Response(200, "The script.", {"type": "string"}, "text/javascript"),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.CONSOLE_STYLE,
        id="readConsoleStyle",
        tag="Operate",
        summary="Read the console's style",
        description="The page at `/console/` loads it.",
        responses=(Response(200, "The style.", {"type": "string"}, "text/css"),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.SCHEMA,
        id="showSchema",
        tag="Describe",
        summary="Read this document as a page",
        description="One page that loads nothing from other servers. It is absent if `HUB_SCHEMA` is off.",
        responses=(Response(200, "The page.", {"type": "string"}, "text/html"),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.OPENAPI,
        id="readOpenApi",
        tag="Describe",
        summary="Read this document",
        description="OpenAPI 3.1, with the company's own notification types.",
        responses=(Response(200, "The document.", _OBJECT),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.OPENAPI_30,
        id="readOpenApi30",
        tag="Describe",
        summary="Read this document as OpenAPI 3.0",
        description="OpenAPI 3.0.3 with the same content, for generators that read no later version or read it worse.",
        responses=(Response(200, "The document.", _OBJECT),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.ASYNCAPI,
        id="readAsyncApi",
        tag="Describe",
        summary="Read the AsyncAPI document of the connections",
        description="AsyncAPI 3: `/ws`, `/sse`, `/poll`, `/streams/me` and `/api/internal/observe`, their frames "
        "and events, what a client may send, and the close codes.",
        responses=(Response(200, "The document.", _OBJECT),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.FRAMES_SCHEMA,
        id="readFramesSchema",
        tag="Describe",
        summary="Read the JSON Schema of the frames",
        description="All frames of a connection, over either transport.",
        responses=(Response(200, "The schema.", _OBJECT),),
        failures=(errors.NotFound, errors.Internal),
    ),
)
