"""`hub openapi`: the API document, the AsyncAPI document and the JSON Schema of the frames."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import click

from hub.cli.support.outcome import Refused
from hub.settings import read_settings

__all__ = ["openapi"]


#: What `--version` and the flags choose among.
_FILES = {"3.1": "openapi.json", "3.0": "openapi-3.0.json"}


@click.command()
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="Write every document into this folder."
)
@click.option("--version", "openapi_version", type=click.Choice(list(_FILES)), default="3.1", show_default=True)
@click.option("--asyncapi", is_flag=True, help="Print the AsyncAPI 3 document of /ws, /sse and /poll in its place.")
@click.option("--frames", is_flag=True, help="Print the JSON Schema of the frames in its place.")
def openapi(output: Path | None, openapi_version: str, asyncapi: bool, frames: bool) -> None:
    """Print or write the API document.

    OpenAPI 3.1, or 3.0 for generators that read no later version, and beside it the AsyncAPI document and the JSON
    Schema of the frames that subscribers receive. The types of HUB_CONTRACTS are in all of them.
    """
    from hub.api.openapi.document import build_documents, encode_document, write_artefacts
    from hub.publish.registry import load_type_registry

    if asyncapi and frames:
        raise click.UsageError("--asyncapi and --frames print different documents: give one of them")
    settings = read_settings(os.environ, development=True)
    registry = load_type_registry(settings.contracts)
    if output is None:
        name = "asyncapi.json" if asyncapi else "frames.schema.json" if frames else _FILES[openapi_version]
        click.echo(
            encode_document(build_documents(registry, version=_version(), language=settings.language)[name]), nl=False
        )
        return
    try:
        for path in write_artefacts(output, registry=registry, language=settings.language):
            click.echo(f"wrote {path}", err=True)
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror}") from None


def _version() -> str:
    return version("notification-hub")
