"""`hub token`: make a user's token for a trial, and say what is in one."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

import click
import jwt
import msgspec

from hub.auth.grant import token_digest
from hub.auth.tokens import make_verifier
from hub.cli.development import read_development_settings
from hub.cli.duration import DURATION, say_duration
from hub.cli.issuer import issue_token
from hub.cli.outcome import Outcome, Refused, Unreachable, Unusable
from hub.errors import HubError, KeysUnavailable
from hub.journal import escape_control, scrub
from hub.settings import Settings, read_settings

__all__ = ["token"]

#: Claims whose values name a person or a company; the configured ones are added to them.
_PERSONAL = frozenset({"sub", "user_id", "account_id", "cpf", "cnpj", "email", "phone", "name", "full_name"})


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
    refusal = asyncio.run(_find_refusal(settings, given, now_s))
    if refusal:
        refusal += "".join(f"; {reason}" for reason in _guess(settings, header, claims, now_s))
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
    try:
        parts = jwt.decode_complete(given, options={"verify_signature": False, "verify_exp": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Refused("that is no JWT") from None
    return parts["header"], parts["payload"]


async def _find_refusal(settings: Settings, given: str, now_s: float) -> str:
    verifier = make_verifier(settings)
    try:
        await verifier.verify(given, now_s=now_s)
    except KeysUnavailable as error:
        raise Unreachable(error.detail) from None
    except HubError as error:
        return error.detail
    finally:
        await verifier.close()
    return ""


def _guess(settings: Settings, header: dict[str, Any], claims: dict[str, Any], now_s: float) -> list[str]:
    """Return what is plainly wrong; the hub itself never tells a stranger."""
    expires, issued = claims.get("exp"), claims.get("iat", now_s)
    checks = [
        (header.get("alg") != settings.jwt_algorithm, f"it is not signed with {settings.jwt_algorithm}"),
        (not isinstance(expires, int | float), "it has no exp"),
        (not claims.get(settings.jwt_user_claim), f"it has no {settings.jwt_user_claim}"),
        (bool(settings.jwt_issuer) and claims.get("iss") != settings.jwt_issuer, "its iss is another"),
        (bool(settings.jwt_audience) and claims.get("aud") != settings.jwt_audience, "its aud is another"),
    ]
    if isinstance(expires, int | float) and isinstance(issued, int | float):
        too_long = expires - issued > settings.jwt_max_lifetime_s
        checks += [(too_long, "it is valid for longer than HUB_JWT_MAX_LIFETIME allows")]
        checks += [(issued > now_s + settings.jwt_leeway_s, "it was issued in the future: is a clock wrong?")]
    expired = isinstance(expires, int | float) and now_s >= expires
    found = [reason for wrong, reason in checks if wrong]
    return found if found or expired else ["most likely it was signed with another secret or key"]


def _mask(claims: dict[str, Any], settings: Settings) -> dict[str, Any]:
    personal = _PERSONAL | {settings.jwt_user_claim, settings.jwt_account_claim}
    return {name: _masked(value) if name in personal else _scrubbed(value) for name, value in claims.items()}


def _masked(value: Any) -> Any:
    if value is None:
        return None
    text = str(value)
    return "*" * max(3, len(text) - 2) + (text[-2:] if len(text) > 5 else "")


def _scrubbed(value: Any) -> Any:
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    if isinstance(value, dict):
        return {name: _scrubbed(item) for name, item in value.items()}
    return scrub(value) if isinstance(value, str) else value


def _show(header: dict[str, Any], claims: dict[str, Any], given: str, expires: Any, now_s: float) -> None:
    rows = {f"header {name}": value for name, value in header.items()} | claims
    for name, value in rows.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        click.echo(f"{escape_control(name) + ':':<20} {escape_control(text)}")
    if isinstance(expires, int | float) and 0 <= expires < 2**40:
        moment = datetime.fromtimestamp(expires, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        left = f"in {say_duration(expires - now_s)}" if expires > now_s else f"{say_duration(now_s - expires)} ago"
        click.echo(f"{'expires:':<20} {moment} ({left})")
    click.echo(f"{'digest:':<20} {token_digest(given)}")
