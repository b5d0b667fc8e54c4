"""`hub openapi`: the API document and the JSON Schema of the frames."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import click

from hub.cli.outcome import Refused
from hub.settings import read_settings

__all__ = ["openapi"]


@click.command()
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Write both files into this folder.")
@click.option("--frames", is_flag=True, help="Print the JSON Schema of the frames in place of the API document.")
def openapi(output: Path | None, frames: bool) -> None:
    """Print or write the API document.

    OpenAPI 3.1 and, beside it, the JSON Schema of the frames that subscribers receive. The types of HUB_CONTRACTS are
    in both.
    """
    from hub.api.document import build_document, build_frames_schema, encode_document, write_artefacts
    from hub.contract import load_contract

    contract = load_contract(read_settings(os.environ, development=True).contracts)
    if output is None:
        built = build_frames_schema(contract) if frames else build_document(contract, version=_version())
        click.echo(encode_document(built), nl=False)
        return
    try:
        for path in write_artefacts(output, contract=contract):
            click.echo(f"wrote {path}", err=True)
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror}") from None


def _version() -> str:
    return version("notification-hub")
