"""Tests of hub.directory.address: a PostgreSQL's URL as other programs write it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.directory.address import is_postgres, read_address
from hub.errors import SettingsError

SCHEMES = [
    "postgres",
    "postgresql",
    "postgresql+asyncpg",
    "postgresql+psycopg2",
    "postgresql+psycopg",
    "jdbc:postgresql",
]


@pytest.mark.parametrize("scheme", [*SCHEMES, "POSTGRESQL", "postgres+pg8000"])
def test_every_programs_scheme_means_the_same(scheme: str) -> None:
    """Whatever driver a URL was written for, it names a host, a port, a user, a password and a database."""
    url = f"{scheme}://hub:hunter2@db.example.com:6432/avadmin"
    assert is_postgres(url)
    address = read_address(url)
    assert (("db.example.com",), (6432,)) == (address.hosts, address.ports)
    assert ("hub", "hunter2", "avadmin") == (address.user, address.password, address.database)


def test_nothing_of_a_password_is_shown() -> None:
    """Neither the address nor what it says of itself repeats the password."""
    address = read_address("postgres://hub:hunter2@db/avadmin")
    assert "hunter2" not in f"{address!r} {address} {address.where}"


@pytest.mark.parametrize(
    ("url", "hosts", "ports"),
    [
        ("postgres://u@db/d", ("db",), (5432,)),
        ("postgres://u@db:6543/d", ("db",), (6543,)),
        ("postgres://u@10.0.0.1/d", ("10.0.0.1",), (5432,)),
        ("postgres://u@[::1]:5433/d", ("::1",), (5433,)),
        ("postgres://u@a:1,b:2,c/d", ("a", "b", "c"), (1, 2, 5432)),
        ("postgres://u@/d?host=a:1&host=b:2", ("a", "b"), (1, 2)),
        ("postgres://u@/d?host=a,b&port=1,2", ("a", "b"), (1, 2)),
        ("postgres://u@/d?host=a,b&port=7", ("a", "b"), (7, 7)),
        ("postgres://u@/d?hostaddr=10.0.0.1", ("10.0.0.1",), (5432,)),
        ("postgres://u@:6432/d?host=db", ("db",), (6432,)),
        ("postgres://u@/d?host=/var/run/postgresql", ("/var/run/postgresql",), (5432,)),
        ("postgres://u@/d?host=/tmp&port=6432", ("/tmp",), (6432,)),
        ("postgres://u@%2Fvar%2Frun%2Fpostgresql/d", ("/var/run/postgresql",), (5432,)),
        ("postgres:///d", (), ()),
        ("postgres://u@db", ("db",), (5432,)),
        ("postgres://u@db/", ("db",), (5432,)),
        ("postgres://u@db?sslmode=require", ("db",), (5432,)),
    ],
)
def test_hosts_and_ports(url: str, hosts: tuple[str, ...], ports: tuple[int, ...]) -> None:
    """One host or several, in the authority or as a parameter, IPv6, and folders of Unix sockets."""
    address = read_address(url)
    assert (hosts, ports) == (address.hosts, address.ports)


@pytest.mark.parametrize(
    "written",
    [
        "p@ss",
        "p/ss",
        "p?ss",
        "p#ss",
        "p:ss",
        "p@ss/w?rd#1",
        "a@b@c",
        "100%",
        "a+b",
        "ação",
        "x?y=1",
        "p ss",
        "a,b",
        "[x]",
    ],
)
@pytest.mark.parametrize("tail", ["", "/avadmin", "/avadmin?sslmode=require", "/avadmin?application_name=a@b"])
def test_password_with_special_characters(written: str, tail: str) -> None:
    """A password is understood percent-encoded, and also as people paste it."""
    assert written == read_address(f"postgres://hub:{quote(written, safe='')}@db:5432{tail}").password
    if "@" not in tail:
        address = read_address(f"postgres://hub:{written}@db:5432{tail}")
        assert (written, ("db",)) == (address.password, address.hosts)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_is_encoded_is_read(user: str, password: str) -> None:
    """Any user and password come out as they were encoded."""
    address = read_address(f"postgres://{quote(user, safe='')}:{quote(password, safe='')}@db/d")
    assert (user, password or None) == (address.user, address.password)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever stands there is read or refused in words."""
    said = "HUB_DIRECTORY_URL: "
    try:
        read_address(f"postgresql://{text}")
    except SettingsError as error:
        said = error.detail
    assert said.startswith("HUB_DIRECTORY_URL: ")


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("", None),
        *((f"sslmode={mode}", mode) for mode in ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
        ("sslmode=verify_full", "verify-full"),
        ("sslmode=no-verify", "no-verify"),
        ("sslmode=REQUIRE", "require"),
        ("ssl=true", "require"),
        ("ssl=1", "require"),
        ("ssl=True", "require"),
        ("ssl", "require"),
        ("ssl=false", "disable"),
        ("ssl=0", "disable"),
        ("ssl=require", "require"),
        ("ssl=verify-full", "verify-full"),
        ("ssl=true&sslmode=require", "require"),
        ("ssl=true&sslmode=verify-full", "verify-full"),
        ("sslmode=require&sslaccept=strict", "verify-full"),
        ("sslmode=require&channel_binding=require", "require"),
    ],
)
def test_tls(query: str, mode: str | None) -> None:
    """`sslmode` and `ssl` in the values of libpq, JDBC, asyncpg, Node and Prisma; of two the stricter one counts."""
    assert mode == read_address(f"postgres://u@db/d?{query}").tls.mode


@pytest.mark.parametrize(
    ("query", "settings"),
    [
        ("options=-csearch_path%3Davelar_admin", {"search_path": "avelar_admin"}),
        ("options=-c%20search_path%3Davelar_admin,public", {"search_path": "avelar_admin,public"}),
        ("options=-c+search_path=avelar_admin", {"search_path": "avelar_admin"}),
        ("options=--search_path%3Davelar_admin", {"search_path": "avelar_admin"}),
        ("options=-cstatement_timeout%3D5s%20-crole%3Dreader", {"statement_timeout": "5s", "role": "reader"}),
        ("currentSchema=avelar_admin", {"search_path": "avelar_admin"}),
        ("schema=avelar_admin", {"search_path": "avelar_admin"}),
    ],
)
def test_settings_of_the_session_are_no_startup_parameters(query: str, settings: dict[str, str]) -> None:
    """What a pooler would refuse at the start is kept for the transaction."""
    address = read_address(f"postgres://u@db/d?{query}")
    assert (settings, None) == (address.settings, address.startup_options)


def test_options_that_name_no_setting_stay() -> None:
    """Servers that find the database by `options` (an endpoint, a project) get it."""
    address = read_address("postgres://u@db/d?options=endpoint%3Dep-cool-1&sslmode=require")
    assert ({}, "endpoint=ep-cool-1") == (address.settings, address.startup_options)


def test_other_programs_parameters_are_left_out() -> None:
    """What a driver or pool of another program is told means nothing here; what nobody knows is named."""
    known = "connect_timeout=10&pgbouncer=true&connection_limit=1&prepared_statement_cache_size=0&keepalives=1&supa=x"
    address = read_address(f"postgres://u@db/d?{known}&application_name=avadmin&favourite_colour=blue")
    assert (("favourite_colour",), "avadmin") == (address.ignored, address.application_name)


def test_parameters_may_say_it_all() -> None:
    """libpq's and JDBC's way of naming user, password and database."""
    address = read_address(
        "jdbc:postgresql://db/?user=hub&password=a%26b&dbname=avadmin&target_session_attrs=read-only"
    )
    assert ("hub", "a&b", "avadmin", "read-only") == (address.user, address.password, address.database, address.target)


@pytest.mark.parametrize(
    ("rest", "named"),
    [
        ("hub:hunter2@db:port/d", "is not postgresql://"),
        ("hub:hunter2@db:70000/d", "port"),
        ("hub:hunter2@db/d?sslmode=maybe", "sslmode"),
        ("hub:hunter2@db/d?ssl=perhaps", "ssl"),
        ("hub:hunter2@db/d?sslmode=require&ssl=false", "TLS and for none"),
        ("hub:hunter2@db/d?sslmod=require", "sslmod"),
        ("hub:hunter2@db/d?options=-c%20novalue%20x", None),
        ("hub:hunter2@db/d?options=-c%20%21%3D1", "options"),
        ("hub:hunter2@a,b/d?port=1,2,3", "ports"),
        ("hub:hunter2@db/d?target_session_attrs=fastest", "target_session_attrs"),
        ("hub:hunter2@db/d/e", "is not postgresql://"),
    ],
)
def test_what_cannot_be_meant_is_refused(rest: str, named: str | None) -> None:
    """A URL that says two things at once, or misspells a demand for TLS, stops the start; the password is not told."""
    if named is None:
        assert {"novalue": ""} == read_address(f"postgresql://{rest}").settings
        return
    with pytest.raises(SettingsError, match=r"^HUB_DIRECTORY_URL: ") as caught:
        read_address(f"postgresql://{rest}")
    assert named in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_other_databases_are_none() -> None:
    """Only PostgreSQL's own schemes are read here."""
    refused: list[Any] = ["sqlite+aiosqlite:///x.db", "mysql://db/d", "off", "", "postgresqlx://db/d", "postgresql"]
    assert [False] * len(refused) == [is_postgres(url) for url in refused]
