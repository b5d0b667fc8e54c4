"""The settings: what is read, what is refused and how, and the page that describes them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.errors import SettingsError
from hub.settings import (
    Setting,
    Settings,
    describe_settings,
    find_unknown,
    read_settings,
    settings_page,
    summarize_settings,
    table,
)

ROOT = Path(__file__).parent.parent

SECRET = "Zx9-k2Lq7Vt4Wm1Rb8Ny5Hc3Jd6Pf0Gs"
KEYS = "stocktech:" + "ab" * 32
#: The least that a deployment must set.
ENOUGH = {"JWT_SECRET": SECRET, "HUB_SERVICE_KEYS": KEYS}
#: The least that a deployment with public keys must set.
ENOUGH_ES256 = {"JWT_ALGORITHM": "ES256", "HUB_JWKS_URL": "https://id.example.com/jwks", "HUB_SERVICE_KEYS": KEYS}

#: Names that look like a setting of the hub and are none, and what they are.
NOT_SETTINGS = {
    "HUB_COMMAND": "of the test kit, the program that it starts",
    "HUB_DIRECTORY": "how the names of the directory's settings begin",
    "HUB_FULL": "a close code",
    "HUB_KEY": "a service key, in examples of a service",
    "HUB_SERVICE_KEY": "of the hub's commands",
    "HUB_TEST_SEED": "of the tests",
    "HUB_TOKEN": "of the hub's commands",
    "HUB_TOKEN_URL": "of `hub conformance`, where a client under test gets tokens",
    "HUB_TRANSPORT": "of `hub conformance`, which tells a client under test what it serves",
    "HUB_URL": "of the hub's commands",
}

ABOUT = {about.variable: about for _, about, _ in describe_settings()}
FIELD = {about.variable: name for name, about, _ in describe_settings()}

#: One value that can be used for each variable, as it is written and as it is read.
USABLE: dict[str, tuple[str, object]] = {
    "HUB_HOST": ("0.0.0.0", "0.0.0.0"),
    "HUB_PORT": ("9000", 9000),
    "HUB_DATA_DIR": ("/var/lib/hub", Path("/var/lib/hub")),
    "HUB_SERVICE_KEYS": (KEYS + ",lucrum:" + "cd" * 32, KEYS + ",lucrum:" + "cd" * 32),
    "HUB_SERVICE_KEYS_FILE": ("/etc/hub/keys.json", Path("/etc/hub/keys.json")),
    "HUB_ALLOWED_ORIGINS": (
        "https://app.example.com, http://localhost:3000,,http://[::1]:5173",
        ("https://app.example.com", "http://localhost:3000", "http://[::1]:5173"),
    ),
    "HUB_DIRECTORY_URL": ("postgresql+asyncpg://hub@db/avadmin", "postgresql+asyncpg://hub@db/avadmin"),
    "HUB_DIRECTORY_TTL": ("0", 0.0),
    "HUB_DIRECTORY_TIMEOUT": ("0.5", 0.5),
    "HUB_DIRECTORY_USERS": ("people(cpf,firm,role,active)", "people(cpf,firm,role,active)"),
    "HUB_DIRECTORY_ACCOUNTS": ("firms(cnpj,status)", "firms(cnpj,status)"),
    "HUB_DIRECTORY_TARGETS": ("off", False),
    "HUB_PEOPLE_WITHOUT_ACCOUNT": ("on", True),
    "HUB_LINK_ORIGINS": (
        "https://app.example, https://b.example:8443",
        ("https://app.example", "https://b.example:8443"),
    ),
    "HUB_CONSOLE": ("off", False),
    "HUB_PUSH_KEY_FILE": ("/etc/hub/push.pem", Path("/etc/hub/push.pem")),
    "HUB_PUSH_SUBJECT": ("mailto:it@example.com", "mailto:it@example.com"),
    "HUB_PUSH_AFTER": ("2.5", 2.5),
    "HUB_PUSH_ALLOW_PRIVATE": ("on", True),
    "HUB_CONTRACTS": ("contracts.avelarsys, naldogas.contracts", ("contracts.avelarsys", "naldogas.contracts")),
    "HUB_LANGUAGE": ("en", "en"),
    "JWT_SECRET": (SECRET, SECRET),
    "JWT_SECRET_PREVIOUS": (SECRET[::-1], SECRET[::-1]),
    "JWT_ALGORITHM": ("HS512", "HS512"),
    "HUB_JWT_PUBLIC_KEY_FILE": ("/etc/hub/jwt.pem", Path("/etc/hub/jwt.pem")),
    "HUB_JWKS_URL": ("http://localhost:9999/jwks.json", "http://localhost:9999/jwks.json"),
    "HUB_JWT_ISSUER": ("https://avadmin.example.com", "https://avadmin.example.com"),
    "HUB_JWT_AUDIENCE": ("notification-hub", "notification-hub"),
    "HUB_JWT_AUDIENCE_CLAIM": ("client_id", "client_id"),
    "HUB_JWT_USER_CLAIM": ("sub", "sub"),
    "HUB_JWT_ACCOUNT_CLAIM": ("tenant", "tenant"),
    "HUB_JWT_ROLE_CLAIM": ("papel", "papel"),
    "HUB_JWT_MAX_LIFETIME": ("3600", 3600),
    "HUB_JWT_LEEWAY": ("0", 0),
    "HUB_TICKET_TTL": ("10", 10),
    "HUB_RETENTION_DAYS": ("0.5", 0.5),
    "HUB_RETENTION_RECORDS": ("1000", 1000),
    "HUB_IDEMPOTENCY_HOURS": ("1", 1.0),
    "HUB_ON_DAMAGE": ("refuse", "refuse"),
    "HUB_MAX_PENDING_APPENDS": ("1", 1),
    "HUB_MAX_BODY": ("1024", 1024),
    "WS_HEARTBEAT_INTERVAL": ("0.2", 0.2),
    "WS_MAX_CONNECTIONS": ("10000", 10000),
    "HUB_MAX_CONNECTIONS_PER_USER": ("1", 1),
    "HUB_BODY_BUDGET": ("1048576", 1048576),
    "HUB_LEGACY_RESUME": ("0", 0.0),
    "HUB_LINK_BUDGET": ("65536", 65536),
    "HUB_KEEP_ALIVE": ("75", 75.0),
    "HUB_DRAIN": ("0", 0.0),
    "HUB_METRICS_PORT": ("9100", 9100),
    "HUB_LOG_URL": ("nats://a:4222,nats://b:4222", "nats://a:4222,nats://b:4222"),
    "HUB_LOG_STREAM": ("avelar", "avelar"),
    "HUB_LOG_CREDENTIALS_FILE": ("/etc/hub/nats.creds", Path("/etc/hub/nats.creds")),
    "HUB_LOG_CA_FILE": ("/etc/hub/ca.pem", Path("/etc/hub/ca.pem")),
    "HUB_NODE": ("hub-1", "hub-1"),
    "HUB_APPEND_DEADLINE": ("20", 20.0),
    "HUB_RECEIPT_WAIT": ("0.05", 0.05),
    "HUB_ISOLATION": ("30", 30.0),
    "HUB_RELAY_DATABASE": ("postgresql://relay@db/app", "postgresql://relay@db/app"),
    "HUB_RELAY_TABLE": ("app.outbox", "app.outbox"),
    "HUB_RELAY_POLL": ("0.5", 0.5),
    "HUB_RELAY_IN_FLIGHT": ("32", 32),
    "HUB_RELAY_ATTEMPTS": ("1", 1),
    "HUB_RELAY_KEEP_DAYS": ("0", 0.0),
    "HUB_RELAY_PORT": ("9465", 9465),
    "HUB_METRICS_KEY": ("ef" * 32, "ef" * 32),
    "HUB_SCHEMA": ("off", False),
    "HUB_HANDOVER": ("2.5", 2.5),
    "HUB_INBOX": ("off", False),
    "HUB_COMPRESSION": ("on", True),
    "HUB_LOG_LEVEL": ("debug", "debug"),
    "HUB_TRACING": ("on", True),
    "HUB_TRUSTED_PROXIES": ("10.0.0.0/8, 192.0.2.1", ("10.0.0.0/8", "192.0.2.1")),
}

#: Values that no setting may take, by variable.
UNUSABLE = [
    ("HUB_PORT", "65536"),
    ("HUB_PORT", "-1"),
    ("HUB_PORT", "http"),
    ("HUB_PORT", "80.5"),
    ("HUB_DIRECTORY_TTL", "-1"),
    ("HUB_DIRECTORY_TTL", "nan"),
    ("HUB_DIRECTORY_TIMEOUT", "0"),
    ("HUB_DIRECTORY_TIMEOUT", "soon"),
    ("JWT_SECRET", "short"),
    ("JWT_SECRET", "x" * 31),
    ("JWT_SECRET", "x" * 64),
    ("JWT_SECRET", "your-secret-key-change-in-production"),
    ("JWT_SECRET", "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME"),
    ("JWT_SECRET", "this-is-just-an-example-for-the-readme"),
    ("JWT_ALGORITHM", "none"),
    ("JWT_ALGORITHM", "hs256"),
    ("JWT_ALGORITHM", "HS256,RS256"),
    ("HUB_JWT_PUBLIC_KEY_FILE", "/etc/hub/jwt.pem"),  # with the default HS256
    ("HUB_JWKS_URL", "https://id.example.com/jwks"),  # with the default HS256
    ("HUB_JWT_MAX_LIFETIME", "59"),
    ("HUB_JWT_MAX_LIFETIME", "7d"),
    ("HUB_JWT_LEEWAY", "301"),
    ("HUB_TICKET_TTL", "0"),
    ("HUB_RETENTION_DAYS", "0"),
    ("HUB_RETENTION_DAYS", "inf"),
    ("HUB_RETENTION_RECORDS", "0"),
    ("HUB_IDEMPOTENCY_HOURS", "721"),
    ("HUB_ON_DAMAGE", "ignore"),
    ("HUB_RELAY_POLL", "0"),
    ("HUB_RELAY_IN_FLIGHT", "257"),
    ("HUB_RELAY_ATTEMPTS", "0"),
    ("HUB_RELAY_KEEP_DAYS", "-1"),
    ("HUB_RELAY_PORT", "65536"),
    ("HUB_MAX_PENDING_APPENDS", "0"),
    ("HUB_MAX_BODY", "1023"),
    ("HUB_MAX_BODY", "64K"),
    ("WS_HEARTBEAT_INTERVAL", "0"),
    ("WS_HEARTBEAT_INTERVAL", "30s"),
    ("WS_MAX_CONNECTIONS", "0"),
    ("WS_MAX_CONNECTIONS", "1e400"),
    ("HUB_MAX_CONNECTIONS_PER_USER", "0"),
    ("HUB_BODY_BUDGET", "1048575"),
    ("HUB_LINK_BUDGET", "32767"),
    ("HUB_KEEP_ALIVE", "4"),
    ("HUB_DRAIN", "601"),
    ("HUB_METRICS_PORT", "70000"),
    ("HUB_METRICS_KEY", "hubk_the-key-itself"),
    ("HUB_METRICS_KEY", "ef" * 31),
    ("HUB_METRICS_KEY", "metrics:" + "ef" * 32),
    ("HUB_TRUSTED_PROXIES", "nginx"),
    ("HUB_TRUSTED_PROXIES", "127.0.0.1, *"),
    ("HUB_TRUSTED_PROXIES", "10.0.0.1/8"),
    ("HUB_TRUSTED_PROXIES", "10.0.0.0/33"),
    ("HUB_SCHEMA", "maybe"),
    ("HUB_LANGUAGE", "pt"),
    ("HUB_LANGUAGE", "EN"),
    ("HUB_LANGUAGE", "português"),
    ("HUB_LOG_LEVEL", "INFO"),
    ("HUB_LOG_LEVEL", "chatty"),
    ("HUB_ALLOWED_ORIGINS", "*"),
    ("HUB_ALLOWED_ORIGINS", "null"),
    ("HUB_ALLOWED_ORIGINS", "app.example.com"),
    ("HUB_ALLOWED_ORIGINS", "https://"),
    ("HUB_ALLOWED_ORIGINS", "https://*.example.com"),
    ("HUB_ALLOWED_ORIGINS", "https://app.example.com/"),
    ("HUB_ALLOWED_ORIGINS", "https://app.example.com?x"),
    ("HUB_ALLOWED_ORIGINS", "https://App.example.com"),
    ("HUB_ALLOWED_ORIGINS", "https://app.example.com:443"),
    ("HUB_ALLOWED_ORIGINS", "http://app.example.com:80"),
    ("HUB_ALLOWED_ORIGINS", "https://app.example.com:port"),
    ("HUB_ALLOWED_ORIGINS", "https://app.example.com:99999"),
    ("HUB_ALLOWED_ORIGINS", "https://somebody@app.example.com"),
    ("HUB_ALLOWED_ORIGINS", "ftp://app.example.com"),
    ("HUB_ALLOWED_ORIGINS", "https://[::1"),
    ("HUB_ALLOWED_ORIGINS", "https://app.example.com,elsewhere"),
]

#: A byte that is not UTF-8, as Python hands it over in `os.environ`.
NOT_UTF8 = "\udcff"


def _refusal(environ: dict[str, str], *, development: bool = False) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ, development=development)
    return str(caught.value)


def _problem(environ: dict[str, str]) -> str:
    """Return what is said against `environ` in development, or nothing."""
    try:
        read_settings(environ, development=True)
    except SettingsError as error:
        return str(error)
    return ""


def _assert_names(variable: str, refusal: str) -> None:
    about = ABOUT[variable]
    assert refusal.startswith(f"{variable}: ")
    assert f"example: {variable}={about.example}" in refusal
    assert f"unit: {about.unit}" in refusal


class TestReading:
    def test_defaults_are_the_documented_ones(self) -> None:
        """With only what is required, every other setting has the default that its description names."""
        settings = read_settings(ENOUGH)
        for name, about, default in describe_settings():
            if about.variable not in ENOUGH:
                assert default == getattr(settings, name), about.variable

    def test_every_variable_is_tried(self) -> None:
        """The table of usable values knows every variable, so that a new setting must be added to it."""
        assert set(ABOUT) == set(USABLE)

    @pytest.mark.parametrize("variable", USABLE)
    def test_value_arrives(self, variable: str) -> None:
        """Each variable reaches its field, converted to the field's type; spaces around it do not count."""
        text, value = USABLE[variable]
        enough = ENOUGH_ES256 if variable in {"HUB_JWKS_URL", "HUB_JWT_PUBLIC_KEY_FILE"} else ENOUGH
        environ = {**enough, variable: f"  {text} "}
        if variable == "HUB_JWT_PUBLIC_KEY_FILE":
            del environ["HUB_JWKS_URL"]
        if variable == "HUB_PUSH_KEY_FILE":
            environ["HUB_PUSH_SUBJECT"] = USABLE["HUB_PUSH_SUBJECT"][0]
        assert value == getattr(read_settings(environ), FIELD[variable])

    @pytest.mark.parametrize("variable", USABLE)
    def test_empty_counts_as_unset(self, variable: str) -> None:
        """A variable that is empty or blank, as compose files leave them, means its default."""
        for blank in ("", "  "):
            settings = read_settings({**ENOUGH, variable: blank}, development=True)
            expected = next(default for _, about, default in describe_settings() if about.variable == variable)
            assert expected == getattr(settings, FIELD[variable])

    @pytest.mark.parametrize(
        ("text", "value"),
        [("on", True), ("TRUE", True), ("1", True), ("yes", True), ("Off", False), ("false", False), ("0", False)],
    )
    def test_switches(self, text: str, value: bool) -> None:
        """A switch understands the usual words in any case."""
        assert value == read_settings({**ENOUGH, "HUB_SCHEMA": text}).schema_public

    def test_other_variables_are_left_alone(self) -> None:
        """Variables of other programs do not matter."""
        assert read_settings(ENOUGH) == read_settings({**ENOUGH, "PATH": "/bin", "HOME": NOT_UTF8})

    def test_settings_cannot_change(self) -> None:
        """The struct is frozen: nobody changes a setting behind another's back."""
        settings = read_settings(ENOUGH)
        with pytest.raises(AttributeError):
            settings.port = 1  # type: ignore[misc]  # frozen is what is tested


class TestRefusals:
    @pytest.mark.parametrize(("variable", "value"), UNUSABLE)
    def test_unusable_value(self, variable: str, value: str) -> None:
        """A value that cannot be used stops the start and names the variable, its unit and an example."""
        _assert_names(variable, _refusal({**ENOUGH, variable: value}))

    @pytest.mark.parametrize("variable", USABLE)
    def test_not_utf8(self, variable: str) -> None:
        """Bytes that are not UTF-8 are refused by name instead of failing somewhere later."""
        refusal = _refusal({**ENOUGH, variable: f"{USABLE[variable][0]}{NOT_UTF8}"})
        _assert_names(variable, refusal)
        assert refusal.isprintable()

    @pytest.mark.parametrize("variable", ["JWT_SECRET", "HUB_SERVICE_KEYS"])
    def test_required(self, variable: str) -> None:
        """A deployment without a secret or without a service key does not start."""
        refusal = _refusal({name: value for name, value in ENOUGH.items() if name != variable})
        _assert_names(variable, refusal)
        assert "is missing" in refusal

    def test_all_problems_at_once(self) -> None:
        """What cannot be read and what is missing is said together, each by its name; nothing is said twice."""
        refusal = _refusal({"HUB_PORT": "x", "WS_MAX_CONNECTIONS": "0", "JWT_SECRET": "short"})
        parts = [part.partition(":")[0] for part in refusal.split("; ") if part.partition(":")[0].isupper()]
        assert ["HUB_PORT", "WS_MAX_CONNECTIONS", "JWT_SECRET", "HUB_SERVICE_KEYS"] == parts

    @pytest.mark.parametrize(
        ("variable", "words"),
        [
            ("HUB_ALOWED_ORIGINS", "; did you mean HUB_ALLOWED_ORIGINS?"),
            ("HUB_QQ", " (docs/reference/settings.md has them all)"),
            ("JWT_SECRETS", "; did you mean JWT_SECRET?"),
            ("WS_MAX_CONNECTION", "; did you mean WS_MAX_CONNECTIONS?"),
        ],
    )
    def test_unknown_variable(self, variable: str, words: str) -> None:
        """A variable that looks like a setting is told, with the one it may have meant; what others use is not."""
        others = {"HUB_URL": "x", "HUB_TOKEN": "x", "HUB_SERVICE_KEY": "x", "JWT_EXPIRE_DAYS": "7", "PATH": "/bin"}
        assert [f"{variable} is not a setting of the hub{words}"] == find_unknown({**ENOUGH, **others, variable: "x"})

    def test_development_needs_nothing(self) -> None:
        """Development waives what is required."""
        assert read_settings({}, development=True) == Settings()

    def test_development_checks_what_is_set(self) -> None:
        """Development does not waive the quality of a secret that is given."""
        _assert_names("JWT_SECRET", _refusal({"JWT_SECRET": "secret"}, development=True))

    def test_keys_file_is_enough(self) -> None:
        """Service keys may come from the file alone."""
        environ = {"JWT_SECRET": SECRET, "HUB_SERVICE_KEYS_FILE": "/etc/hub/keys.json"}
        assert "" == read_settings(environ).service_keys

    def test_secret_of_32_bytes(self) -> None:
        """The length of a secret is counted in bytes: RFC 7518 section 3.2 asks for 256 bits."""
        accented = "áéíóúâêôãõàç-ÁÉ-ñ"
        assert 32 == len(accented.encode())
        assert accented == read_settings({**ENOUGH, "JWT_SECRET": accented}).jwt_secret

    @pytest.mark.parametrize("variable", [about.variable for about in ABOUT.values() if about.secret])
    @given(value=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=12, max_size=80))
    def test_secret_is_never_shown(self, variable: str, value: str) -> None:
        """Whatever a secret variable holds, no error repeats it."""
        # Its name and the example are the hub's own words, which a value may happen to be.
        assume(value not in (_problem({variable: "\u00ff" * 12, "HUB_PORT": "none"}) or ""))
        problem = _problem({variable: value, "HUB_PORT": "none"})
        assert problem
        assert value not in problem

    @given(
        environ=st.dictionaries(
            st.sampled_from(sorted(ABOUT)),
            st.text(st.characters(exclude_characters="\0"), max_size=40) | st.sampled_from(["https://[", "http://h:x"]),
        )
    )
    def test_nothing_else_is_raised(self, environ: dict[str, str]) -> None:
        """No text in any variable fails in another way than by a SettingsError."""
        problem = _problem(environ)
        assert not problem or problem.partition(":")[0] in ABOUT


class TestPublicKeys:
    def test_jwks_url(self) -> None:
        """RS, ES and EdDSA tokens need no secret when keys are fetched."""
        assert "" == read_settings(ENOUGH_ES256).jwt_secret

    def test_key_is_required(self) -> None:
        """Without a key file and a JWKS URL there is nothing to verify with."""
        refusal = _refusal({"JWT_ALGORITHM": "RS256", "HUB_SERVICE_KEYS": KEYS})
        _assert_names("HUB_JWT_PUBLIC_KEY_FILE", refusal)
        assert "HUB_JWKS_URL" in refusal

    def test_key_set_alone_is_told_what_goes_with_it(self) -> None:
        """Who sets a key set and nothing else lacks an algorithm, not a secret."""
        for name, value in (("HUB_JWKS_URL", "https://id.example.com/jwks"), ("HUB_JWT_PUBLIC_KEY_FILE", "/jwt.pem")):
            refusal = _refusal({"HUB_SERVICE_KEYS": ENOUGH["HUB_SERVICE_KEYS"], name: value})
            assert refusal.startswith(f"{name}: does not go with JWT_ALGORITHM=HS256: set that to what the issuer")
            assert "JWT_SECRET" not in refusal

    @pytest.mark.parametrize(
        ("variable", "names"),
        [
            ("JWT_ALGORITHM", "HS256, HS384, HS512, RS256, RS384, RS512, PS256"),
            ("HUB_ON_DAMAGE", "new-epoch, refuse"),
            ("HUB_LANGUAGE", "pt-BR, en"),
            ("HUB_LOG_LEVEL", "debug, info, warning, error"),
        ],
    )
    def test_choices_are_listed(self, variable: str, names: str) -> None:
        """A name that is none of those there are is answered with these, and with nothing that follows from it."""
        refusal = _refusal({**ENOUGH, variable: "nonsense"})
        assert f"{variable}: is not one of {names}" in refusal
        assert 1 == refusal.count("example: ")

    @pytest.mark.parametrize("variable", ["HUB_PORT", "HUB_METRICS_PORT"])
    def test_port_that_kubernetes_set(self, variable: str) -> None:
        """A service called like the hub sets variables in its pods; the way out is named."""
        refusal = _refusal({**ENOUGH, variable: "tcp://10.96.0.17:8000"})
        assert refusal.startswith(
            f"{variable}: is set by Kubernetes for a service: give the pod `enableServiceLinks: f"
        )

    @pytest.mark.parametrize("variable", ["HUB_NODE", "HUB_LOG_STREAM"])
    @pytest.mark.parametrize("value", ["a.b", "a b", "*", "ç", "x" * 65])
    def test_names_that_nats_could_misread(self, variable: str, value: str) -> None:
        """A node or a stream is named by letters, digits, - and _: other characters mean something in a subject."""
        assert f"{variable}: has other characters" in _refusal({**ENOUGH, variable: value})

    def test_every_proxy_may_be_trusted(self) -> None:
        """A star alone, or networks of either family, are proxies."""
        for text in ("*", "::1, fd00::/8, 127.0.0.1"):
            settings = read_settings({**ENOUGH, "HUB_TRUSTED_PROXIES": text})
            assert tuple(part.strip() for part in text.split(",")) == settings.trusted_proxies

    def test_one_source_of_keys(self) -> None:
        """A key file and a JWKS URL exclude each other."""
        environ = {**ENOUGH_ES256, "HUB_JWT_PUBLIC_KEY_FILE": "/etc/hub/jwt.pem"}
        _assert_names("HUB_JWT_PUBLIC_KEY_FILE", _refusal(environ))

    @pytest.mark.parametrize(
        "url",
        [
            "http://id.example.com/jwks",
            "http://127.0.0.1.example.com/jwks",
            "http://localhost@example.com/jwks",
            "file:///etc/passwd",
            "https:///jwks",
            "https://[::1",
            "https://id.example.com:x/jwks",
            "id.example.com/jwks",
        ],
    )
    def test_unsafe_jwks_url(self, url: str) -> None:
        """Keys come over https, or from this machine: anyone on the way could otherwise add one."""
        _assert_names("HUB_JWKS_URL", _refusal({**ENOUGH_ES256, "HUB_JWKS_URL": url}))


class TestPage:
    def test_page_is_current(self) -> None:
        """docs/reference/settings.md is what `make settings-page` writes."""
        assert settings_page() == (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")

    def test_page_is_complete(self) -> None:
        """Every variable has its heading, sentence, unit and example on the page."""
        page = settings_page()
        for about in ABOUT.values():
            entry = page.partition(f"\n### `{about.variable}`\n")[2].partition("\n##")[0]
            assert about.sentence in entry
            assert f"- Unit: {about.unit}\n" in entry
            assert f"- Example: `{about.example}`" in entry
            assert about.secret == ("- Secret:" in entry)

    def test_a_field_without_a_description_stops_the_import(self) -> None:
        """A setting that the table leaves out is named at once."""
        with pytest.raises(AssertionError, match="says nothing of host, port"):
            table._read_table("# A group")

    def test_settings_stand_in_groups(self) -> None:
        """The struct and the page have the same order, and each group is one run of it."""
        groups = [group for group, _ in groupby(about.group for about in ABOUT.values())]
        assert len(groups) == len(set(groups))
        assert [*FIELD.values(), "bounds"] == list(Settings.__struct_fields__)

    def test_descriptions_are_whole(self) -> None:
        """Each sentence ends like one, and no two settings share a variable."""
        assert len(FIELD) == len(ABOUT)
        for about in ABOUT.values():
            assert isinstance(about, Setting)
            assert about.unit
            assert about.example
            assert about.sentence[0].isupper()
            assert about.sentence.endswith(".")

    def test_command_writes_the_page(self) -> None:
        """`python -m hub.settings` prints the page."""
        run = subprocess.run([sys.executable, "-m", "hub.settings"], cwd=ROOT, capture_output=True, check=True)
        assert settings_page() == run.stdout.decode()


def _find_names() -> Iterator[tuple[str, str]]:
    """Yield each name in the hub's text and in its documents that looks like a setting, with its file."""
    for folder, endings in (("hub", "*.py *.html"), ("docs", "*.md"), ("deploy", "*"), (".", "*.md Containerfile")):
        for ending in endings.split():
            for path in sorted((ROOT / folder).glob(ending) if folder == "." else (ROOT / folder).rglob(ending)):
                if path.is_file() and path.name != "CHANGELOG.md":
                    for name in re.findall(r"\b(?:HUB|WS|JWT)_[A-Z0-9_]*[A-Z0-9]\b", path.read_text(encoding="utf-8")):
                        yield name, path.relative_to(ROOT).as_posix()


def test_every_setting_that_is_named_exists() -> None:
    """A message, comment or page names no setting that the hub does not read."""
    names = list(_find_names())
    assert [] == sorted({(name, file) for name, file in names if name not in ABOUT and name not in NOT_SETTINGS})
    assert set(NOT_SETTINGS) <= {name for name, _ in names}, "an exception that nothing needs any more"


def test_the_summary_of_a_start_shows_what_was_changed_and_no_secret() -> None:
    """Every changed setting is in it; of a secret only that it is set, of a URL only its scheme."""
    changed = Settings(
        jwt_secret="s3cret-a",
        jwt_secret_previous="s3cret-b",
        service_keys="shop:s3cret-c",
        metrics_key="s3cret-d",
        directory_url="postgresql://hub:s3cret-e@db/crm?password=s3cret-f",
        jwks_url="https://id.example.com/keys?code=s3cret-g",
        max_connections=5,
        compression=True,
        allowed_origins=("https://a.example", "https://b.example"),
        retention_days=2.5,
    )
    shown = summarize_settings(changed)
    assert "s3cret" not in str(shown)
    assert {
        "JWT_SECRET": "set",
        "JWT_SECRET_PREVIOUS": "set",
        "HUB_SERVICE_KEYS": "set",
        "HUB_METRICS_KEY": "set",
        "HUB_DIRECTORY_URL": "postgresql:...",
        "HUB_JWKS_URL": "https:...",
        "WS_MAX_CONNECTIONS": "5",
        "HUB_COMPRESSION": "on",
        "HUB_ALLOWED_ORIGINS": "https://a.example,https://b.example",
        "HUB_RETENTION_DAYS": "2.5",
    }.items() <= shown.items()


def test_the_summary_of_defaults_is_short() -> None:
    """Of settings that nobody changed only what an operator always looks for is shown."""
    assert {
        "HUB_HOST": "127.0.0.1",
        "JWT_ALGORITHM": "HS256",
        "HUB_DIRECTORY_URL": "off",
        "WS_MAX_CONNECTIONS": "1000",
        "HUB_DATA_DIR": "hub-data",
        "HUB_RETENTION_DAYS": "30",
    } == summarize_settings(Settings())
