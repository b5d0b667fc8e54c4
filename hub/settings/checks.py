"""What no single value of a setting shows: what is missing, and what does not go with another."""

from __future__ import annotations

import ipaddress
import re
from importlib.util import find_spec

from hub.errors import SettingsError
from hub.settings.table import Setting, Settings, describe_settings
from hub.url import split_url

__all__ = ["describe_unusable", "find_problems", "secret_problem"]

_ALGORITHMS = (*(f"{family}{bits}" for family in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)), "EdDSA")
_SUBJECT = re.compile(r"(mailto:[^@\s]+@|https://)[^@\s]+")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_LEVELS = ("debug", "info", "warning", "error")

#: Secrets that were published as defaults or examples somewhere: signing with one is signing with none.
_PLACEHOLDERS = re.compile(
    r"(change[-_ ]?me|your[-_ ]|secret[-_ ]?key|example|placeholder|default|^(.)\2+$)", re.IGNORECASE
)


def describe_unusable(about: Setting, problem: str) -> SettingsError:
    """Return the error that names a variable, its problem, its unit and an example; never its value."""
    return SettingsError(f"{about.variable}: {problem} (unit: {about.unit}; example: {about.variable}={about.example})")


def find_problems(settings: Settings, *, development: bool) -> list[tuple[str, SettingsError]]:
    """Return what no single value shows: what is missing, and what does not go with another."""
    about = {name: setting for name, setting, _ in describe_settings()}
    problems = []

    def require(name: str, usable: bool, problem: str) -> None:
        if not usable:
            problems.append((name, describe_unusable(about[name], problem)))

    published = settings.jwks_url or settings.jwt_public_key_file
    if settings.jwt_algorithm not in _ALGORITHMS:
        # Which key goes with it cannot be said.
        require("jwt_algorithm", False, f"is not one of {', '.join(_ALGORITHMS)}")
    elif settings.jwt_algorithm.startswith("HS"):
        if not development and not published:
            require("jwt_secret", bool(settings.jwt_secret), "is missing (or set HUB_JWKS_URL and JWT_ALGORITHM)")
        # Not the previous one: a secret is rotated away because it is bad, and its tokens live on for days.
        problem = secret_problem(settings.jwt_secret)
        require("jwt_secret", problem is None, problem or "")
        for name in ("jwks_url", "jwt_public_key_file"):
            hint = "set that to what the issuer signs with, mostly RS256"
            words = f"does not go with JWT_ALGORITHM={settings.jwt_algorithm}: {hint}"
            require(name, not getattr(settings, name), words)
    elif settings.jwks_url:
        require("jwks_url", _is_safe_url(settings.jwks_url), "is not an https URL")
        require("jwt_public_key_file", settings.jwt_public_key_file is None, "does not go with HUB_JWKS_URL")
    else:
        require("jwt_public_key_file", settings.jwt_public_key_file is not None, "is missing (or set HUB_JWKS_URL)")
    if not development:
        have_keys = bool(settings.service_keys or settings.service_keys_file)
        require("service_keys", have_keys, "is missing, so nobody could publish")
    for name in ("allowed_origins", "link_origins"):
        plain = all(_is_origin(origin) for origin in getattr(settings, name))
        require(name, plain, "has an entry that is not scheme://host[:port] as a browser writes it")
    digest = not settings.metrics_key or re.fullmatch(r"[0-9a-fA-F]{64}", settings.metrics_key) is not None
    require(
        "metrics_key",
        digest,
        "is not the sha256 of a key in 64 hexadecimal digits; `hub key metrics --json` makes both",
    )
    require(
        "push_subject",
        settings.push_key_file is None or _SUBJECT.fullmatch(settings.push_subject) is not None,
        "is neither a mailto: nor an https: address",
    )
    require("log_level", settings.log_level in _LEVELS, f"is not one of {', '.join(_LEVELS)}")
    installed = not settings.tracing or find_spec("opentelemetry") is not None
    require("tracing", installed, "needs packages that are not installed: pip install 'notification-hub[otel]'")
    installed = not settings.log_url or find_spec("nats") is not None
    require("log_url", installed, "needs a package that is not installed: pip install 'notification-hub[cluster]'")
    for name in ("log_stream", "node"):
        value = getattr(settings, name)
        words = "has other characters than letters, digits, - and _, or more than 64"
        require(name, _NAME.fullmatch(value) is not None or (name == "node" and not value), words)
    known = settings.trusted_proxies == ("*",) or all(_is_network(entry) for entry in settings.trusted_proxies)
    require(
        "trusted_proxies",
        known,
        "has an entry that is not an IP address or a network such as 10.0.0.0/8 (nor a host name)",
    )
    return problems


def _is_safe_url(text: str) -> bool:
    """Whether nobody on the way can change what is fetched: https, or http that never leaves the machine."""
    try:
        url = split_url(text)
    except ValueError:
        return False
    return url.scheme == "https" or (url.scheme == "http" and url.hostname in {"localhost", "127.0.0.1", "::1"})


def _is_origin(text: str) -> bool:
    """Whether a browser could send this as `Origin` (RFC 6454 section 6.2); any other entry would never match."""
    try:
        url = split_url(text)
    except ValueError:
        return False
    if "*" in text or url.port == {"http": 80, "https": 443}.get(url.scheme):
        return False
    return url.scheme in {"http", "https"} and "@" not in text and text == f"{url.scheme}://{url.netloc.lower()}"


def _is_network(text: str) -> bool:
    """Whether a peer's address can be this one or in this network; any other entry would never match."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def secret_problem(secret: str) -> str | None:
    """Return why nobody should sign with `secret`, in words that follow its name; None if it will do."""
    if secret and len(secret.encode()) < 32:
        return "is shorter than 32 bytes (RFC 7518 section 3.2)"
    if _PLACEHOLDERS.search(secret):
        return "is a placeholder"
    return None
