"""The settings: their types, bounds and defaults; what each one is for stands in `sentences`.

`docs/reference/settings.md` is made from both, and a test fails when the page differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.bounds import Bounds
from hub.language import DEFAULT_LANGUAGE, Language
from hub.settings.sentences import SENTENCES

__all__ = ["Setting", "Settings", "describe_settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, checked. Units are in the names."""

    # Listening
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    keep_alive_s: Annotated[float, Meta(ge=5, le=86_400)] = 620.0
    trusted_proxies: tuple[str, ...] = ()
    compression: bool = False

    # User tokens and tickets
    jwt_secret: str = ""
    jwt_secret_previous: str = ""
    jwt_algorithm: str = "HS256"
    jwt_public_key_file: Path | None = None
    jwks_url: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_audience_claim: Annotated[str, Meta(min_length=1)] = "aud"
    jwt_user_claim: Annotated[str, Meta(min_length=1)] = "user_id"
    jwt_account_claim: Annotated[str, Meta(min_length=1)] = "account_id"
    jwt_role_claim: Annotated[str, Meta(min_length=1)] = "role"
    jwt_max_lifetime_s: Annotated[int, Meta(ge=60, le=31_536_000)] = 604_800
    jwt_leeway_s: Annotated[int, Meta(ge=0, le=300)] = 10
    ticket_ttl_s: Annotated[int, Meta(ge=1, le=300)] = 30

    # Users and accounts
    directory_url: str = "off"
    directory_ttl_s: Annotated[float, Meta(ge=0, le=86400)] = 60.0
    directory_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 3.0
    directory_users: str = "users(id,account_id,role,is_active)"
    directory_accounts: str = "accounts(id,status)"
    directory_targets: bool = True
    people_without_account: bool = False

    # Connections
    allowed_origins: tuple[str, ...] = ()
    max_connections: Annotated[int, Meta(ge=1)] = 1000
    max_connections_per_user: Annotated[int, Meta(ge=1)] = 20
    language: Language = DEFAULT_LANGUAGE
    heartbeat_s: Annotated[float, Meta(ge=0.2, le=300)] = 30.0
    link_budget_bytes: Annotated[int, Meta(ge=32_768)] = 32_768
    legacy_resume_s: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    drain_s: Annotated[float, Meta(ge=0, le=600)] = 20.0

    # Publishing
    service_keys: str = ""
    service_keys_file: Path | None = None
    contracts: tuple[str, ...] = ("contracts.avelarsys",)
    link_origins: tuple[str, ...] = ()
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1_048_576)] = 65_536
    body_budget_bytes: Annotated[int, Meta(ge=1_048_576)] = 67_108_864

    # Web Push
    push_key_file: Path | None = None
    push_subject: str = ""
    push_after_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    push_allow_private: bool = False

    # The log
    data_dir: Path = Path("hub-data")
    retention_days: Annotated[float, Meta(gt=0, le=3650)] = 30.0
    retention_records: Annotated[int, Meta(ge=1)] = 10_000_000
    idempotency_hours: Annotated[float, Meta(gt=0, le=720)] = 24.0
    on_damage: Literal["new-epoch", "refuse"] = "new-epoch"
    max_pending_appends: Annotated[int, Meta(ge=1)] = 10_000
    inbox: bool = True
    handover_s: Annotated[float, Meta(ge=0, le=600)] = 0.0

    # Several nodes
    log_url: str = ""
    log_stream: str = "hub"
    log_credentials_file: Path | None = None
    log_ca_file: Path | None = None
    node: str = ""
    append_deadline_s: Annotated[float, Meta(ge=1, le=120)] = 15.0
    receipt_wait_s: Annotated[float, Meta(ge=0, le=1)] = 0.025
    isolation_s: Annotated[float, Meta(ge=1, le=600)] = 15.0

    # The outbox relay
    relay_database: str = ""
    relay_table: Annotated[str, Meta(min_length=1)] = "notification_outbox"
    relay_poll_s: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    relay_in_flight: Annotated[int, Meta(ge=1, le=256)] = 16
    relay_attempts: Annotated[int, Meta(ge=1, le=10_000)] = 20
    relay_keep_days: Annotated[float, Meta(ge=0, le=3650)] = 7.0
    relay_port: Annotated[int, Meta(ge=0, le=65535)] = 0

    # Operating
    metrics_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    metrics_key: str = ""
    schema_public: bool = True
    console: bool = True
    log_level: str = "info"
    tracing: bool = False

    #: Not read from the environment: what is the same in every deployment.
    bounds: Bounds = msgspec.field(default_factory=Bounds)


class Setting(msgspec.Struct, frozen=True):
    """What a settings page says of one variable."""

    group: str
    variable: str
    unit: str
    example: str
    sentence: str
    secret: bool


def describe_settings() -> list[tuple[str, Setting, object]]:
    """Return (field name, what is said of it, default) for every setting, group by group."""
    return list(_ROWS)


def _read_table(table: str) -> list[tuple[str, Setting, object]]:
    defaults = {field.name: field.default for field in msgspec.structs.fields(Settings) if field.name != "bounds"}
    rows: list[tuple[str, Setting, object]] = []
    group = ""
    for entry in table.strip().split("\n\n"):
        if entry.startswith("# "):
            group = entry.removeprefix("# ")
            continue
        head, _, sentence = entry.partition("\n")
        name, variable, unit, example, *secret = head.split(" | ")
        about = Setting(group, variable, unit, example, " ".join(sentence.split()), secret=secret == ["secret"])
        rows.append((name, about, defaults.pop(name)))
    assert not defaults, f"the table says nothing of {', '.join(defaults)}"
    return rows


_ROWS = _read_table(SENTENCES)
