"""Where the customer's PostgreSQL is: a URL in any of the forms that its other programs use.

libpq's own (`postgres://`, `postgresql://`), SQLAlchemy's (`postgresql+psycopg2://`) and JDBC's, with their parameters.
Nothing of it becomes a startup parameter that a pooler would refuse.
"""

from __future__ import annotations

import re
import shlex
from urllib.parse import unquote

import msgspec

from hub.errors import SettingsError

__all__ = ["PostgresAddress", "TlsOptions", "is_postgres", "read_address"]

_SCHEME = re.compile(r"(?:jdbc:)?postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_PLACE = r"(?:\[[0-9A-Fa-f:.%]+\]|[^@/?#,:\[\]]*)(?::\d{1,5})?"
_PLACES = rf"(?P<places>{_PLACE}(?:,{_PLACE})*)"
_REST = r"(?:/(?P<database>[^/?@]*))?(?:\?(?P<query>(?:[\w.%-]+(?:[=&].*)?)?))?"
#: As it should be: what is special in a user name or password is percent-encoded.
_STRICT = re.compile(rf"(?:(?P<login>[^@/?#]*)@)?{_PLACES}{_REST}", re.DOTALL)
#: As it is often written: a password with `@`, `/`, `?` or `#` in it, up to the last `@` that a host can follow.
_LENIENT = re.compile(rf"(?:(?P<login>.*)@)?{_PLACES}{_REST}", re.DOTALL)

#: What a URL may say about TLS, in libpq's words; the other forms are those of JDBC, asyncpg and Node.
_MODES = ("disable", "allow", "prefer", "no-verify", "require", "verify-ca", "verify-full")
_SSL_SWITCH = {"true": "require", "1": "require", "on": "require", "yes": "require", "": "require"} | dict.fromkeys(
    ("false", "0", "off", "no"), "disable"
)
#: Parameters of other drivers and pools that mean nothing here; leaving them out changes nothing that is read.
_MEANINGLESS = frozenset(
    {"channel_binding", "charset", "client_encoding", "command_timeout", "connect_timeout", "connecttimeout"}
    | {"connection_limit", "fallback_application_name", "gssencmode", "gsslib", "keepalives"}
    | {"keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname", "load_balance_hosts"}
    | {"logintimeout", "max_overflow", "pgbouncer", "pool_mode", "pool_pre_ping", "pool_recycle", "pool_size"}
    | {"pool_timeout", "prepared_statement_cache_size", "prepared_statement_name_func", "preparethreshold"}
    | {"reconnect", "replication", "require_auth", "requirepeer", "sockettimeout", "sslcertmode"}
    | {"sslcompression", "sslsni", "statement_cache_size", "supa", "targetservertype", "tcp_user_timeout"}
    | {"tcpkeepalive", "timezone", "uselibpqcompat"}
)
_FILES = (
    *("sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
)
_TARGETS = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


class TlsOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a URL says about TLS; `mode` is None where it says nothing. The files are as libpq has them."""

    mode: str | None = None
    root: str | None = None
    #: Further parameters that the driver reads as libpq does: sslcert, sslkey, sslcrl, ...
    files: dict[str, str] = {}


class PostgresAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where PostgreSQL is, and as which user it is asked. Shows no password in a `repr`."""

    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    user: str | None
    password: str | None
    database: str | None
    passfile: str | None
    tls: TlsOptions
    #: Settings of the session (`search_path`), which are made in each transaction.
    settings: dict[str, str]
    #: What is left of `options`, for servers that find the database by it.
    startup_options: str | None
    application_name: str
    target: str | None
    #: Parameters that are not known, by name.
    ignored: tuple[str, ...]

    def __repr__(self) -> str:
        return f"PostgresAddress({self.where})"

    @property
    def where(self) -> str:
        """The servers, for messages."""
        places = (
            host if host.startswith("/") else f"{host}:{port}"
            for host, port in zip(self.hosts, self.ports, strict=True)
        )
        return ", ".join(places) or "the default socket"


def is_postgres(url: str) -> bool:
    """Whether the URL means a PostgreSQL, in any of its forms."""
    return _SCHEME.match(url) is not None


def read_address(url: str) -> PostgresAddress:
    """Return what a PostgreSQL URL says.

    Raises:
        SettingsError: it cannot be read, or says two things at once; the text repeats nothing of a password.
    """
    rest = _SCHEME.sub("", url, count=1)
    match = _STRICT.fullmatch(rest) or _LENIENT.fullmatch(rest)
    if match is None:
        raise _unusable("is not postgresql://user:password@host:port/database")
    query = _read_query(match["query"] or "")
    user, _, password = (unquote(part) for part in (match["login"] or "").partition(":"))
    named = {name: query.pop(name, "") for name in ("user", "password", "dbname", "database", "passfile")}
    hosts, ports = _read_places(match["places"], query)
    settings, startup_options = _read_options(query)
    address = PostgresAddress(
        hosts=hosts,
        ports=ports,
        user=user or named["user"] or None,
        password=password or named["password"] or None,
        database=unquote(match["database"] or "") or named["dbname"] or named["database"] or None,
        passfile=named["passfile"] or None,
        tls=_read_tls(query),
        settings=settings,
        startup_options=startup_options,
        application_name=query.pop("application_name", "") or "notification-hub",
        target=_read_target(query),
        ignored=(),
    )
    unknown = [name for name in query if name not in _MEANINGLESS and _SETTING.fullmatch(name)]
    for name in unknown:
        # A misspelt demand for TLS must not become a connection without it.
        if "ssl" in name or "tls" in name:
            raise _unusable(f"has a parameter about TLS that is not known: {name}")
    return msgspec.structs.replace(address, ignored=tuple(unknown))


def _read_query(text: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        name, _, value = part.partition("=")
        name = unquote(name).strip().lower()
        value = unquote(value).strip()
        # SQLAlchemy names several hosts by naming the parameter several times.
        query[name] = f"{query[name]},{value}" if name in {"host", "port"} and name in query else value
    return query


def _read_places(places: str, query: dict[str, str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    hostaddr = query.pop("hostaddr", "")
    named = query.pop("host", "") or hostaddr
    default_ports = [part for part in query.pop("port", "").split(",") if part]
    texts = [part for part in (places if places.strip(",") else named).split(",") if part]
    if places.startswith(":") and named:
        default_ports = default_ports or [places[1:]]
        texts = [part for part in named.split(",") if part]
    if len(default_ports) > 1 and len(default_ports) != len(texts):
        raise _unusable("names another number of ports than of hosts")
    hosts, ports = [], []
    for number, text in enumerate(texts):
        host, port = _split_place(unquote(text))
        port = port or (default_ports[number if len(default_ports) > 1 else 0] if default_ports else "5432")
        if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            raise _unusable("has a port that is not a number from 1 to 65535")
        hosts.append(host or "localhost")
        ports.append(int(port))
    return tuple(hosts), tuple(ports)


def _split_place(text: str) -> tuple[str, str]:
    if text.startswith("/"):
        return text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = text.partition(":")
    # More than one colon: an IPv6 address without brackets.
    return (text, "") if ":" in port else (host, port)


def _read_options(query: dict[str, str]) -> tuple[dict[str, str], str | None]:
    settings: dict[str, str] = {}
    # JDBC's and Prisma's names of the same.
    for name in ("currentschema", "schema", "search_path"):
        if value := query.pop(name, ""):
            settings["search_path"] = value
    try:
        words = shlex.split(query.pop("options", "").replace("+", " "))
    except ValueError:
        raise _unusable("has options that cannot be read") from None
    left: list[str] = []
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            text = words.pop(0)
        elif word.startswith("-c") or (word.startswith("--") and "=" in word):
            text = word[2:]
        else:
            left.append(word)
            continue
        name, _, value = text.partition("=")
        if _SETTING.fullmatch(name) is None:
            raise _unusable("has options that are not of the form -c name=value")
        settings[name.replace("-", "_").lower()] = value
    return settings, " ".join(left) or None


def _read_tls(query: dict[str, str]) -> TlsOptions:
    wishes = []
    if "sslmode" in query:
        wishes.append(query.pop("sslmode").lower().replace("_", "-"))
    if "ssl" in query:
        text = query.pop("ssl").lower().replace("_", "-")
        wishes.append(_SSL_SWITCH.get(text, text))
    if "sslaccept" in query:
        wishes.append("verify-full" if query.pop("sslaccept").lower() == "strict" else "no-verify")
    if any(wish not in _MODES for wish in wishes):
        raise _unusable(f"has an sslmode or ssl that is not one of {', '.join(_MODES)}, true and false")
    if "disable" in wishes and set(wishes) != {"disable"}:
        raise _unusable("asks for TLS and for none, with sslmode and ssl")
    files = {name: query.pop(name, "") for name in _FILES}
    files = {name: value for name, value in files.items() if value}
    mode = max(wishes, key=_MODES.index) if wishes else None
    return TlsOptions(mode=mode, root=query.pop("sslrootcert", None) or None, files=files)


def _read_target(query: dict[str, str]) -> str | None:
    target = query.pop("target_session_attrs", "any").lower().replace("_", "-")
    if target not in _TARGETS:
        raise _unusable(f"has a target_session_attrs that is not one of {', '.join(_TARGETS)}")
    return None if target == "any" else target


def _unusable(problem: str) -> SettingsError:
    return SettingsError(f"HUB_DIRECTORY_URL: {problem} (example: postgresql://hub:password@db:5432/crm)")
