"""`hub token`: make a user's token for development, and say what is in one."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sys
import time
from typing import Any

import click
import msgspec

from hub.auth.claims import ClaimName, ClaimRules
from hub.auth.grant import token_digest
from hub.auth.tokens import find_fault, make_verifier
from hub.cli.support.development import read_development_settings
from hub.cli.support.duration import DURATION, format_duration
from hub.cli.support.issuer import issue_token
from hub.cli.support.outcome import Outcome, Refused, Unreachable, Unusable
from hub.errors import HubError, KeysUnavailable
from hub.logging import escape_control, scrub
from hub.masking import mask_id
from hub.settings import Settings, read_settings
from hub.timestamp import format_time

__all__ = ["token"]

#: Claims whose values name a person or a company; the configured ones are added to them.
_PERSONAL = frozenset(
    {"sub", "user_id", "account_id", "cpf", "cnpj", "email", "phone", "phone_number", "name", "full_name", "given_name"}
    | {"family_name", "preferred_username", "username", "user_name", "unique_name", "cognito:username", "oid", "upn"}
    | {"nameid", "nameidentifier", "emailaddress"}
)


@click.group()
def token() -> None:
    """Make and inspect user tokens."""


@token.command()
@click.option("--user", "user_id", required=True, help="The user's id.")
@click.option("--account", "account_id", help="The account's id; none for a super_admin.")
@click.option("--role", default="user", show_default=True)
@click.option("--ttl", type=DURATION, default="7d", show_default=True, help="How long it is valid: 30s, 15m, 12h, 7d.")
@click.option("--secret-from-env", "variable", metavar="NAME", help="Sign with the secret in this variable.")
@click.option("--dev", is_flag=True, help="Sign with the secret that `hub serve --dev` made.")
def make(user_id: str, account_id: str | None, role: str, ttl: float, variable: str | None, dev: bool) -> None:
    """Print a token, signed with JWT_SECRET."""
    settings = _settings(dev)
    secret = os.environ.get(variable, "") if variable else settings.jwt_secret
    if settings.jwt_algorithm.startswith("HS") and len(secret.encode()) < 32:
        problem = f"{variable or 'JWT_SECRET'}: is missing or shorter than 32 bytes (or use --dev)"
        raise Unusable(problem)
    made = issue_token(
        settings, user_id=user_id, account_id=account_id, role=role, ttl_s=ttl, now_s=time.time(), secret=secret
    )
    click.echo(made)


@token.command()
@click.argument("text", metavar="[TOKEN|-]", required=False)
@click.option("--show-ids", is_flag=True, help="Show ids of people and companies; they are masked otherwise.")
@click.option("--dev", is_flag=True, help="Ask the settings of the hub that `hub serve --dev` runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect(text: str | None, show_ids: bool, dev: bool, as_json: bool) -> None:
    """Show what is in a token and whether this hub would take it (exit code 0) or not (1).

    Without an argument the token is HUB_TOKEN's; with `-` it comes from the standard input, which keeps it out of the
    shell's history. The digest is what POST /api/internal/disconnect takes as `token`.
    """
    given = (sys.stdin.read() if text == "-" else text or os.environ.get("HUB_TOKEN", "")).strip()
    if not given:
        raise click.UsageError("There is no token: give one, `-` for the standard input, or set HUB_TOKEN.")
    settings = _settings(dev)
    now_s = time.time()
    header, claims = _read(given)
    refusal = asyncio.run(_find_refusal(settings, given, claims, now_s))
    shown = claims if show_ids else _mask(claims, settings)
    if as_json:
        report = {"header": header, "claims": shown, "accepted": not refusal, "refusal": refusal or None}
        click.echo(msgspec.json.encode(report | {"digest": token_digest(given)}).decode())
    else:
        _show(header, shown, given, claims.get("exp"), now_s)
        click.echo(f"This hub {'refuses it: ' + refusal if refusal else 'accepts it (its directory was not asked)'}")
    if refusal:
        raise click.exceptions.Exit(Outcome.REFUSED)


def _settings(dev: bool) -> Settings:
    if not dev:
        return read_settings(os.environ, development=True)
    return read_development_settings(os.environ)[1]


def _read(given: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of anything that is a JWT, also of one that no hub would take."""
    fault = find_fault(given)
    if fault is not None:
        raise Refused(f"that is not a valid token: {fault}")
    parts = []
    for part in given.split(".")[:2]:
        try:
            parts.append(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
        except (ValueError, RecursionError):
            raise Refused("that is not a valid token: its parts are not JSON in base64url") from None
    header, claims = parts
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Refused("that is not a valid token: its parts are not JSON objects")
    return header, claims


async def _find_refusal(settings: Settings, given: str, claims: dict[str, Any], now_s: float) -> str:
    """Return why this hub would refuse the token, in full: what it never tells a stranger. Empty: it would not."""
    # What it would log is in the errors that it raises; the one line of a failure is this command's own.
    logger = logging.getLogger("hub")
    if not logger.hasHandlers():
        logger.addHandler(logging.NullHandler())
    verifier = make_verifier(settings)
    try:
        await verifier.verify(given, now_s=now_s)
        return ""
    except KeysUnavailable as error:
        raise Unreachable(f"{error.detail}: {error.reason}") from None
    except HubError as error:
        reasons = [error.detail, error.reason or ""]
    finally:
        await verifier.close()
    # The signature is looked at first; whatever else is wrong would come up only once that is mended.
    try:
        ClaimRules(settings).read(claims, token_digest="", now_s=now_s)
    except HubError as error:
        if error.reason and error.reason not in reasons[1]:
            reasons.append(f"besides, {error.reason}")
    return "; ".join(reason for reason in reasons if reason)


def _mask(claims: dict[str, Any], settings: Settings) -> dict[str, Any]:
    named = [ClaimName(name).find(claims) for name in (settings.jwt_user_claim, settings.jwt_account_claim)]
    persons = [
        value for found in named for value in (found if isinstance(found, list) else [found]) if value is not None
    ]

    def mask(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {inner: mask(inner, item) for inner, item in value.items()}
        if isinstance(value, list):
            return [mask(name, item) for item in value]
        # An ASP.NET claim is called by a URL, whose end says what it is.
        personal = name.rpartition("/")[2] in _PERSONAL
        return _mask_claim(value) if personal or value in persons else _scrubbed(value)

    return {name: mask(name, value) for name, value in claims.items()}


def _mask_claim(value: Any) -> Any:
    return None if value is None else mask_id(str(value))


def _scrubbed(value: Any) -> Any:
    return scrub(value) if isinstance(value, str) else value


def _show(header: dict[str, Any], claims: dict[str, Any], given: str, expires: Any, now_s: float) -> None:
    rows = {f"header {name}": value for name, value in header.items()} | claims
    for name, value in rows.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        click.echo(f"{escape_control(name) + ':':<20} {escape_control(text)}")
    if isinstance(expires, int | float) and 0 <= expires < 2**40:
        moment = format_time(expires, "seconds")
        left = (
            f"in {format_duration(expires - now_s)}" if expires > now_s else f"{format_duration(now_s - expires)} ago"
        )
        click.echo(f"{'expires:':<20} {moment} ({left})")
    click.echo(f"{'digest:':<20} {token_digest(given)}")
