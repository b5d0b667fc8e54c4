"""The hub's settings: one frozen struct, read once from the environment.

Each field carries its variable, its unit and one sentence; `docs/reference/settings.md` is made from
them and a test fails when the two differ. Only `hub.app`, `hub.cli` and tests build a `Settings`.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints
from urllib.parse import SplitResult, urlsplit

import msgspec

from hub.errors import SettingsError

__all__ = [
    "Setting",
    "Settings",
    "describe_settings",
    "find_unknown",
    "read_settings",
    "secret_problem",
    "settings_page",
]

#: Variables of the hub's commands and its clients, beside the settings.
_COMMANDS = frozenset({"HUB_URL", "HUB_SERVICE_KEY", "HUB_TOKEN"})

_ALGORITHMS = (*(f"{family}{bits}" for family in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)), "EdDSA")
_LEVELS = ("debug", "info", "warning", "error")

#: Secrets that were published as defaults or examples somewhere: signing with one is signing with none.
_PLACEHOLDERS = re.compile(
    r"(change[-_ ]?me|your[-_ ]|secret[-_ ]?key|example|placeholder|default|^(.)\2+$)", re.IGNORECASE
)


class Setting(msgspec.Struct, frozen=True):
    """What a settings page says of one variable."""

    variable: str
    unit: str
    sentence: str
    example: str
    secret: bool = False


def _about(variable: str, unit: str, sentence: str, example: str, *, secret: bool = False) -> Any:
    return msgspec.Meta(
        title=variable, description=sentence, examples=[example], extra={"unit": unit, "secret": secret}
    )


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, checked. Units are in the names; ranges in the metadata."""

    # One setting a line, so that it reads as the table it is.
    # fmt: off
    host: Annotated[str, _about("HUB_HOST", "address", "Where the hub listens; behind a proxy leave it on loopback.", "127.0.0.1")] = "127.0.0.1"
    port: Annotated[int, _about("HUB_PORT", "port", "The port the hub listens on; 0 takes a free one.", "8000"), msgspec.Meta(ge=0, le=65535)] = 8000
    data_dir: Annotated[Path, _about("HUB_DATA_DIR", "folder", "Where the log is kept; made with mode 0700 when missing.", "/var/lib/hub")] = Path("hub-data")
    service_keys: Annotated[str, _about("HUB_SERVICE_KEYS", "list", "Who may publish: `name:sha256hex` pairs, made by `hub key`; such a key may publish any type to any account, read statistics and disconnect, but not address everyone.", "stocktech:9f86d0…", secret=True)] = ""
    service_keys_file: Annotated[Path | None, _about("HUB_SERVICE_KEYS_FILE", "file", "A JSON file of keys with grants for each (accounts, types, everyone, operations).", "/etc/hub/keys.json")] = None
    allowed_origins: Annotated[tuple[str, ...], _about("HUB_ALLOWED_ORIGINS", "list", "Browser origins that may connect, comma separated, compared to the letter.", "https://app.avelarcompany.com.br")] = ()
    directory_url: Annotated[str, _about("HUB_DIRECTORY_URL", "URL", "The customer's database of users and accounts: a PostgreSQL URL as its other programs use it, or `off` to trust the token's claims (`docs/operations/directory.md`).", "postgresql://hub:password@db:5432/avadmin?sslmode=require", secret=True)] = "off"
    directory_ttl_s: Annotated[float, _about("HUB_DIRECTORY_TTL", "s", "How long a user found in the directory is remembered, and how often everybody who is connected is asked about again (5 s at least).", "60"), msgspec.Meta(ge=0, le=86400)] = 60.0
    directory_timeout_s: Annotated[float, _about("HUB_DIRECTORY_TIMEOUT", "s", "How long one look-up may take before the directory counts as down.", "3"), msgspec.Meta(gt=0, le=60)] = 3.0
    directory_users: Annotated[str, _about("HUB_DIRECTORY_USERS", "names", "Table and columns of users: `[schema.]table(id,account,role,active)`; a table alone has the columns of the default.", "users(id,account_id,role,is_active)")] = "users(id,account_id,role,is_active)"
    directory_accounts: Annotated[str, _about("HUB_DIRECTORY_ACCOUNTS", "names", "Table and columns of accounts: `[schema.]table(id,status)`; a table alone has the columns of the default.", "accounts(id,status)")] = "accounts(id,status)"
    directory_targets: Annotated[bool, _about("HUB_DIRECTORY_TARGETS", "on/off", "Whether a publish that names a user together with an account is checked against the directory, and refused (422) where the user is not in that account; with `HUB_DIRECTORY_URL=off` nothing is checked.", "off")] = True
    contracts: Annotated[tuple[str, ...], _about("HUB_CONTRACTS", "list", "Python modules with further notification types, comma separated.", "avelarsys_contracts")] = ()
    jwt_secret: Annotated[str, _about("JWT_SECRET", "text", "The secret user tokens are signed with (HS algorithms): 32 bytes or more.", "$(openssl rand -hex 32)", secret=True)] = ""
    jwt_secret_previous: Annotated[str, _about("JWT_SECRET_PREVIOUS", "text", "The secret before the last rotation, however bad; tokens signed with it are accepted until it is unset, so unset it after the longest lifetime of a token.", "the old JWT_SECRET", secret=True)] = ""
    jwt_algorithm: Annotated[str, _about("JWT_ALGORITHM", "name", "The one algorithm accepted: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA.", "HS256")] = "HS256"
    jwt_public_key_file: Annotated[Path | None, _about("HUB_JWT_PUBLIC_KEY_FILE", "file", "The PEM public key for RS, PS, ES and EdDSA tokens.", "/etc/hub/jwt.pem")] = None
    jwks_url: Annotated[str, _about("HUB_JWKS_URL", "URL", "Where the public keys are fetched from (https, or http on loopback), instead of a key file: the key set itself, or the issuer's `/.well-known/openid-configuration` where both are on one host.", "https://id.example.com/.well-known/jwks.json")] = ""
    jwt_issuer: Annotated[str, _about("HUB_JWT_ISSUER", "text", "The `iss` every token must have, compared to the letter; of several, comma separated, one. Empty: not looked at.", "https://avadmin.avelarcompany.com.br")] = ""
    jwt_audience: Annotated[str, _about("HUB_JWT_AUDIENCE", "text", "The `aud` every token must have, alone or in its list; of several, comma separated, one. Empty: not looked at.", "notification-hub")] = ""
    jwt_audience_claim: Annotated[str, _about("HUB_JWT_AUDIENCE_CLAIM", "name", "The claim that HUB_JWT_AUDIENCE is compared with, for issuers that name it otherwise.", "client_id"), msgspec.Meta(min_length=1)] = "aud"
    jwt_user_claim: Annotated[str, _about("HUB_JWT_USER_CLAIM", "name", "The claim that holds the user's id: its name, or a path into the claims (`user.id`, or a JSON pointer such as `/user/id`).", "user_id"), msgspec.Meta(min_length=1)] = "user_id"
    jwt_account_claim: Annotated[str, _about("HUB_JWT_ACCOUNT_CLAIM", "name", "The claim that holds the account's id: its name, or a path into the claims (`organization.id`).", "account_id"), msgspec.Meta(min_length=1)] = "account_id"
    jwt_role_claim: Annotated[str, _about("HUB_JWT_ROLE_CLAIM", "name", "The claim that holds the role, or a list of roles: its name, or a path into the claims (`realm_access.roles`).", "role"), msgspec.Meta(min_length=1)] = "role"
    jwt_max_lifetime_s: Annotated[int, _about("HUB_JWT_MAX_LIFETIME", "s", "The longest time a token may still be valid; also the age a revocation assumes of a token without `iat`.", "604800"), msgspec.Meta(ge=60, le=31_536_000)] = 604_800
    jwt_leeway_s: Annotated[int, _about("HUB_JWT_LEEWAY", "s", "How far the clocks of the hub and the issuer may differ; a connection lives that much longer than its token.", "5"), msgspec.Meta(ge=0, le=300)] = 10
    ticket_ttl_s: Annotated[int, _about("HUB_TICKET_TTL", "s", "How long a one-use ticket for a URL is good.", "30"), msgspec.Meta(ge=1, le=300)] = 30
    retention_days: Annotated[float, _about("HUB_RETENTION_DAYS", "days", "How long a notification is kept for clients that were away.", "30"), msgspec.Meta(gt=0, le=3650)] = 30.0
    retention_records: Annotated[int, _about("HUB_RETENTION_RECORDS", "records", "How many notifications are kept at most; the oldest go first.", "10000000"), msgspec.Meta(ge=1)] = 10_000_000
    idempotency_hours: Annotated[float, _about("HUB_IDEMPOTENCY_HOURS", "h", "How long an Idempotency-Key is remembered, of the time that the hub runs.", "24"), msgspec.Meta(gt=0, le=720)] = 24.0
    on_damage: Annotated[Literal["new-epoch", "refuse"], _about("HUB_ON_DAMAGE", "name", "What a hub does that finds records missing or damaged when it starts: `new-epoch` says so, starts, and tells every client of one gap; `refuse` does not start.", "refuse")] = "new-epoch"
    max_pending_appends: Annotated[int, _about("HUB_MAX_PENDING_APPENDS", "requests", "How many publish requests may wait for the disk before new ones get 503.", "10000"), msgspec.Meta(ge=1)] = 10_000
    max_body_bytes: Annotated[int, _about("HUB_MAX_BODY", "bytes", "The largest body of one notification (a batch may have sixteen times as much).", "65536"), msgspec.Meta(ge=1024, le=1_048_576)] = 65_536
    body_budget_bytes: Annotated[int, _about("HUB_BODY_BUDGET", "bytes", "How much of all request bodies together the hub holds, from their first byte to their answer; beyond that new ones get 503.", "67108864"), msgspec.Meta(ge=1_048_576)] = 67_108_864
    heartbeat_s: Annotated[float, _about("WS_HEARTBEAT_INTERVAL", "s", "How often each connection gets a sign of life, and how long its answer may take.", "30"), msgspec.Meta(ge=0.2, le=300)] = 30.0
    max_connections: Annotated[int, _about("WS_MAX_CONNECTIONS", "connections", "How many connections the hub holds, both transports together.", "1000"), msgspec.Meta(ge=1)] = 1000
    max_connections_per_user: Annotated[int, _about("HUB_MAX_CONNECTIONS_PER_USER", "connections", "How many connections one user may hold; one more closes the oldest (4002; 1000 for a WebSocket without `hub.v1`).", "20"), msgspec.Meta(ge=1)] = 20
    legacy_resume_s: Annotated[float, _about("HUB_LEGACY_RESUME", "s", "How long the hub remembers where a WebSocket ended whose client gave no cursor, so that it gets what it missed when it comes back with the same token; 0: not at all.", "60"), msgspec.Meta(ge=0, le=3600)] = 60.0
    link_budget_bytes: Annotated[int, _about("HUB_LINK_BUDGET", "bytes", "How much may wait unsent for one connection; beyond that it gets from the log what it is slow for, and is closed (4000) where it takes nothing.", "32768"), msgspec.Meta(ge=32_768)] = 32_768
    compression: Annotated[bool, _about("HUB_COMPRESSION", "on/off", "Whether WebSocket clients are offered permessage-deflate; a notification is then compressed once for all of them.", "off")] = False
    handover_s: Annotated[float, _about("HUB_HANDOVER", "s", "How long a starting hub waits for the one before it to let go of the log.", "30"), msgspec.Meta(ge=0, le=600)] = 0.0
    keep_alive_s: Annotated[float, _about("HUB_KEEP_ALIVE", "s", "How long an idle HTTP connection is kept: longer than the proxy before the hub keeps it, whose next request would otherwise meet a closed one.", "75"), msgspec.Meta(ge=5, le=86_400)] = 620.0
    drain_s: Annotated[float, _about("HUB_DRAIN", "s", "The most time a shutdown takes to send the connections away.", "20"), msgspec.Meta(ge=0, le=600)] = 20.0
    metrics_port: Annotated[int, _about("HUB_METRICS_PORT", "port", "A port of its own for /metrics; 0: on the hub's port.", "9100"), msgspec.Meta(ge=0, le=65535)] = 0
    metrics_key: Annotated[str, _about("HUB_METRICS_KEY", "sha256hex", "The hash of the key that /metrics asks for on the hub's port; empty: any service key.", "9f86d0…", secret=True)] = ""
    schema_public: Annotated[bool, _about("HUB_SCHEMA", "on/off", "Whether the API document and its page are served.", "on")] = True
    log_level: Annotated[str, _about("HUB_LOG_LEVEL", "name", "How much is logged: debug, info, warning or error.", "info")] = "info"
    trusted_proxies: Annotated[tuple[str, ...], _about("HUB_TRUSTED_PROXIES", "list", "Addresses or networks whose X-Forwarded-For is believed, comma separated.", "10.0.0.0/8")] = ()
    # fmt: on


def describe_settings() -> list[tuple[str, Setting, object]]:
    """Return (field name, what is said of it, default) for every setting, in order."""
    rows = []
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        meta = next(part for part in get_args(hints[field.name]) if isinstance(part, msgspec.Meta) and part.title)
        assert meta.title
        assert meta.description
        assert meta.examples
        assert meta.extra
        about = Setting(meta.title, meta.extra["unit"], meta.description, str(meta.examples[0]), meta.extra["secret"])
        rows.append((field.name, about, field.default))
    return rows


def read_settings(environ: Mapping[str, str], *, development: bool = False) -> Settings:
    """Return the settings that `environ` asks for.

    `development` waives what only a deployment must have (a secret, a service key); `hub serve --dev`
    fills those in.

    Raises:
        SettingsError: naming each variable that cannot be used, what is wrong with it (never its value, where it
            is a secret) and an example, all in one line.
    """
    raw: dict[str, object] = {}
    problems: dict[str, SettingsError] = {}
    for name, about, _ in describe_settings():
        text = environ.get(about.variable)
        if text is None or text.strip() == "":
            continue
        try:
            if not text.isascii() and not _is_utf8(text):
                raise _unusable(about, "is not UTF-8")
            if about.unit == "port" and text.strip().startswith("tcp://"):
                # What a service called `hub` leaves in every pod beside it, in the form of Docker's links.
                raise _unusable(about, "is set by Kubernetes for a service: give the pod `enableServiceLinks: false`")
            value = _split(text) if about.unit == "list" and name != "service_keys" else _switch(about, text.strip())
            _convert({name: value})
        except SettingsError as error:
            problems[name] = error
        else:
            raw[name] = value
    settings = _convert(raw)
    # What could not be read has been said already; the checks see its default.
    for name, problem in _find_problems(settings, development=development):
        problems.setdefault(name, problem)
    if problems:
        # All at once: whoever sets up a hub must not be sent back for each of them.
        raise SettingsError("; ".join(problem.detail for problem in problems.values()))
    return settings


def find_unknown(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable of `environ` that looks like a setting and is none, in order of names.

    Every `HUB_*` counts, of the others (`JWT_*`, `WS_*`) what is nearly one: an AvAdmin's environment has more of these.
    """
    known = [about.variable for _, about, _ in describe_settings()]
    sentences = []
    for variable in sorted(set(environ) - set(known) - _COMMANDS):
        ours = variable.startswith("HUB_")
        if ours or variable.startswith(("JWT_", "WS_")):
            near = difflib.get_close_matches(variable, known, n=1, cutoff=0.6 if ours else 0.85)
            if ours or near:
                guess = f"; did you mean {near[0]}?" if near else " (docs/reference/settings.md has them all)"
                sentences.append(f"{variable} is not a setting of the hub{guess}")
    return sentences


def settings_page() -> str:
    """Return `docs/reference/settings.md`: every setting with its unit, default, example and sentence."""
    lines = [
        "# Settings",
        "",
        "The hub reads its settings from the environment, once, when it starts. A value that cannot be used stops the",
        "start with the variable's name, what is wrong and an example. An empty variable counts as unset.",
        "",
        "`hub serve` needs two of them: a key that verifies user tokens (`JWT_SECRET`, `HUB_JWT_PUBLIC_KEY_FILE` or",
        "`HUB_JWKS_URL`) and a key that may publish (`HUB_SERVICE_KEYS` or `HUB_SERVICE_KEYS_FILE`). `hub serve --dev`",
        "makes its own of both.",
        "",
        "Made by `make settings-page` from `hub/settings.py`; a test fails when the two differ.",
    ]
    for _, about, default in describe_settings():
        lines += ["", f"## `{about.variable}`", "", about.sentence, ""]
        lines += [f"- Unit: {about.unit}", f"- Default: {_written(default)}", f"- Example: `{about.example}`"]
        if about.secret:
            lines += ["- Secret: never logged, and never shown by `hub check`"]
    return "\n".join(lines) + "\n"


def _written(default: object) -> str:
    if default in (None, "", ()):
        return "none"
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _is_utf8(text: str) -> bool:
    # The environment is bytes: Python carries what is not UTF-8 as lone surrogates, which no file name, URL or
    # signature can be made of later.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _switch(about: Setting, text: str) -> object:
    if about.unit != "on/off":
        return text
    if text.lower() in {"on", "true", "1", "yes"}:
        return True
    if text.lower() in {"off", "false", "0", "no"}:
        return False
    raise _unusable(about, "is neither on nor off")


def _convert(raw: dict[str, object]) -> Settings:
    about = {name: setting for name, setting, _ in describe_settings()}
    try:
        return msgspec.convert(raw, Settings, strict=False, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        match = re.search(r"at `\$\.(\w+)", str(error))
        if match is None:
            raise SettingsError(str(error)) from None
        words = str(error).partition(" - at")[0]
        names = get_args(get_args(get_type_hints(Settings, include_extras=True)[match[1]])[0])
        raise _unusable(about[match[1]], _plain(words, names)) from None


def _plain(words: str, names: tuple[object, ...]) -> str:
    """Return in plain words what msgspec says of a value; `names` are the ones to choose from, where there are some."""
    if words.startswith("Invalid enum value"):
        return f"is none of {', '.join(map(str, names))}"
    if words.startswith(("Expected `int`, got", "Expected `float`, got")):
        return "is not a whole number" if "int" in words.partition(",")[0] else "is not a number"
    bound = re.fullmatch(r"Expected `(?:int|float)` (<=|>=|<|>) (\S+)", words)
    if bound is not None:
        sign = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}[bound[1]]
        return f"is not {sign} {bound[2]}"
    return words.lower()


def _decode_path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise TypeError(f"no setting has the type {kind}")  # pragma: no cover - a mistake in this file


def _unusable(about: Setting, problem: str) -> SettingsError:
    return SettingsError(f"{about.variable}: {problem} (unit: {about.unit}; example: {about.variable}={about.example})")


def _find_problems(settings: Settings, *, development: bool) -> list[tuple[str, SettingsError]]:
    """Return what no single value shows: what is missing, and what does not go with another."""
    about = {name: setting for name, setting, _ in describe_settings()}
    problems = []

    def require(name: str, usable: bool, problem: str) -> None:
        if not usable:
            problems.append((name, _unusable(about[name], problem)))

    published = settings.jwks_url or settings.jwt_public_key_file
    if settings.jwt_algorithm not in _ALGORITHMS:
        # Which key goes with it cannot be said.
        require("jwt_algorithm", False, f"is none of {', '.join(_ALGORITHMS)}")
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
    plain = all(_is_origin(origin) for origin in settings.allowed_origins)
    require("allowed_origins", plain, "has an entry that is not scheme://host[:port] as a browser writes it")
    digest = not settings.metrics_key or re.fullmatch(r"[0-9a-fA-F]{64}", settings.metrics_key) is not None
    require(
        "metrics_key",
        digest,
        "is not the sha256 of a key in 64 hexadecimal digits; `hub key metrics --json` makes both",
    )
    require("log_level", settings.log_level in _LEVELS, f"is none of {', '.join(_LEVELS)}")
    known = settings.trusted_proxies == ("*",) or all(_is_network(entry) for entry in settings.trusted_proxies)
    require("trusted_proxies", known, "has an entry that is no IP address and no network (no host name, 10.0.0.0/8)")
    return problems


def _url_of(text: str) -> SplitResult | None:
    """Return the parts of a URL with a host and a possible port, or None."""
    try:
        url = urlsplit(text)
        return url if url.hostname and url.port != 0 else None
    except ValueError:  # an unclosed [, a port that is no number
        return None


def _is_safe_url(text: str) -> bool:
    """Whether nobody on the way can change what is fetched: https, or http that never leaves the machine."""
    url = _url_of(text)
    if url is None:
        return False
    return url.scheme == "https" or (url.scheme == "http" and url.hostname in {"localhost", "127.0.0.1", "::1"})


def _is_origin(text: str) -> bool:
    """Whether a browser could send this as `Origin` (RFC 6454 section 6.2); any other entry would never match."""
    url = _url_of(text)
    if url is None or "*" in text or url.port == {"http": 80, "https": 443}.get(url.scheme):
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


if __name__ == "__main__":
    sys.stdout.write(settings_page())
