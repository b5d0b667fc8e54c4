"""Tokens and key sets as issuers really write them: each shape is taken, whatever stands in what is optional."""

from __future__ import annotations

import base64
import datetime
import json
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.claims import ClaimName
from hub.auth.grant import Claims
from hub.auth.tokens import make_verifier
from hub.errors import InvalidToken
from tests.auth.issuer import run_issuer
from tests.auth.tokens import EXP, NOW_S, claims, encode, jwk, private_key, settings, sign, sign_with

IAT = int(NOW_S) - 60
UUID = "8bc3a1e0-4e0f-4d3b-9a55-0d6d7f3c2b11"
TENANT = "9f2c0e5a-6d0b-4f44-8d3a-1a2b3c4d5e6f"
MICROSOFT = "http://schemas.microsoft.com/ws/2008/06/identity/claims"
XMLSOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"


class Shape(msgspec.Struct, frozen=True):
    """What an issuer signs, what the settings for it are, and who it is for: user, account, role."""

    header: dict[str, Any]
    claims: dict[str, Any]
    settings: dict[str, Any]
    user: str
    account: str | None
    role: str


SHAPES: dict[str, Shape] = {
    "Auth0": Shape(
        {"alg": "RS256", "typ": "JWT", "kid": "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg"},
        {
            "iss": "https://acme.eu.auth0.example/",
            "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
            "aud": ["https://hub.example", "https://acme.eu.auth0.example/userinfo"],
            "iat": IAT,
            "exp": EXP,
            "azp": "my_client_id",
            "scope": "openid profile",
            "https://hub.example/account_id": "acme",
            "https://hub.example/roles": ["manager", "viewer"],
        },
        {
            "jwt_issuer": "https://acme.eu.auth0.example/",
            "jwt_audience": "https://hub.example",
            "jwt_user_claim": "sub",
            "jwt_account_claim": "https://hub.example/account_id",
            "jwt_role_claim": "https://hub.example/roles",
        },
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "acme",
        "manager",
    ),
    "Auth0, access token of RFC 9068": Shape(
        {"alg": "RS256", "typ": "at+jwt", "kid": "k/1+2=="},
        {
            "iss": "https://a.example/",
            "sub": "auth0|1",
            "aud": "hub",
            "iat": IAT,
            "exp": EXP,
            "jti": "x",
            "client_id": "c",
        },
        {"jwt_user_claim": "sub", "jwt_audience": "hub"},
        "auth0|1",
        None,
        "user",
    ),
    "Keycloak": Shape(
        {"alg": "RS256", "typ": "JWT", "kid": "K0lQRi8_05eN9_5SNHnCQs7_b1oST0_WFlTp8dj01Fg"},
        {
            "exp": EXP,
            "iat": IAT,
            "auth_time": IAT,
            "jti": "onrtac:" + UUID,
            "iss": "https://sso.example/realms/acme",
            "aud": ["hub", "account"],
            "sub": UUID,
            "typ": "Bearer",
            "azp": "web",
            "sid": UUID,
            "acr": "1",
            "allowed-origins": ["https://app.example"],
            "realm_access": {"roles": ["offline_access", "uma_authorization", "super_admin"]},
            "resource_access": {"hub.web": {"roles": ["admin"]}, "account": {"roles": ["manage-account"]}},
            "organization": ["acme"],
            "email_verified": False,
        },
        {
            "jwt_audience": "hub",
            "jwt_user_claim": "sub",
            "jwt_account_claim": "organization",
            "jwt_role_claim": "realm_access.roles",
        },
        UUID,
        "acme",
        "super_admin",
    ),
    "Keycloak, roles of one client": Shape(
        {"alg": "ES256", "typ": "JWT", "kid": "k"},
        {"exp": EXP, "iat": IAT, "sub": UUID, "resource_access": {"hub.web": {"roles": ["admin"]}}},
        {"jwt_user_claim": "sub", "jwt_role_claim": "/resource_access/hub.web/roles"},
        UUID,
        None,
        "admin",
    ),
    "Entra ID v1": Shape(
        {"typ": "JWT", "alg": "RS256", "x5t": "nOo3ZDrODXEK1jKWhXslHR_KXEg", "kid": "nOo3ZDrODXEK1jKWhXslHR_KXEg"},
        {
            "aud": "api://hub",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": IAT,
            "nbf": IAT,
            "exp": EXP,
            "acr": "1",
            "aio": "ATQAy/8QAAAA",
            "amr": ["pwd"],
            "appid": UUID,
            "oid": UUID,
            "roles": ["Hub.Read"],
            "scp": "access_as_user",
            "sub": "l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
            "tid": TENANT,
            "ver": "1.0",
        },
        {
            "jwt_issuer": f"https://sts.windows.net/{TENANT}/, https://login.microsoftonline.com/{TENANT}/v2.0",
            "jwt_audience": "api://hub, " + UUID,
            "jwt_user_claim": "oid",
            "jwt_account_claim": "tid",
            "jwt_role_claim": "roles",
        },
        UUID,
        TENANT,
        "Hub.Read",
    ),
    "Entra ID v2": Shape(
        {"typ": "JWT", "alg": "RS256", "kid": "-KI3Q9nNR7bRofxmeZoXqbHZGew"},
        {
            "aud": UUID,
            "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            "iat": IAT,
            "nbf": IAT,
            "exp": EXP,
            "azp": UUID,
            "oid": UUID,
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            "tid": TENANT,
            "ver": "2.0",
        },
        {
            "jwt_issuer": f"https://sts.windows.net/{TENANT}/, https://login.microsoftonline.com/{TENANT}/v2.0",
            "jwt_audience": "api://hub, " + UUID,
            "jwt_user_claim": "oid",
            "jwt_account_claim": "tid",
            "jwt_role_claim": "roles",
        },
        UUID,
        TENANT,
        "user",
    ),
    "AD FS, which names its key by thumbprint alone": Shape(
        {"typ": "JWT", "alg": "RS256", "x5t": "9nyZn3jRrQ8z2lO1c2pR4i5k6l0"},
        {
            "aud": "microsoft:identityserver:hub",
            "iss": "http://adfs.example/trust",
            "iat": IAT,
            "exp": EXP,
            "upn": "ana@x",
        },
        {"jwt_user_claim": "upn", "jwt_audience": "microsoft:identityserver:hub"},
        "ana@x",
        None,
        "user",
    ),
    "Cognito": Shape(
        {"kid": "1234example=", "alg": "RS256"},
        {
            "sub": UUID,
            "cognito:groups": ["admin"],
            "iss": "https://cognito-idp.sa-east-1.amazonaws.com/sa-east-1_example",
            "version": 2,
            "client_id": "xxxxxxxxxxxxexample",
            "origin_jti": UUID,
            "token_use": "access",
            "scope": "phone openid",
            "auth_time": IAT,
            "exp": EXP,
            "iat": IAT,
            "jti": UUID,
            "username": "ana",
            "custom:tenant": "acme",
        },
        {
            "jwt_audience": "xxxxxxxxxxxxexample",
            "jwt_audience_claim": "client_id",
            "jwt_user_claim": "username",
            "jwt_account_claim": "custom:tenant",
            "jwt_role_claim": "cognito:groups",
        },
        "ana",
        "acme",
        "admin",
    ),
    "Hydra": Shape(
        {"alg": "RS256", "kid": "hydra.jwt.access-token/public:7a1c", "typ": "JWT"},
        {
            "aud": [],
            "client_id": "web",
            "exp": EXP,
            "ext": {"account": {"id": 17}, "role": "admin"},
            "iat": IAT,
            "iss": "https://hydra.example/",
            "jti": UUID,
            "nbf": IAT,
            "scp": ["openid"],
            "sub": "ana",
        },
        {"jwt_user_claim": "sub", "jwt_account_claim": "ext.account.id", "jwt_role_claim": "ext.role"},
        "ana",
        "17",
        "admin",
    ),
    "Django, simplejwt": Shape(
        {"alg": "HS256", "typ": "JWT"},
        {"token_type": "access", "exp": EXP, "iat": IAT, "jti": "2b45ec59cb1e4da591f9f647cbb9f6a3", "user_id": 1},
        {},
        "1",
        None,
        "user",
    ),
    "Django, simplejwt of today": Shape(
        {"alg": "HS256", "typ": "JWT"},
        {"token_type": "access", "exp": EXP, "iat": IAT, "jti": "2b45ec59cb1e4da591f9f647cbb9f6a3", "user_id": "1"},
        {},
        "1",
        None,
        "user",
    ),
    "Laravel, jwt-auth": Shape(
        {"typ": "JWT", "alg": "HS256"},
        {
            "iss": "http://localhost/api/login",
            "iat": IAT,
            "exp": EXP,
            "nbf": IAT,
            "jti": "mJ5kPz0p0cF5oLrN",
            "sub": 7,
            "prv": "23bd5c8949f600adb39e701c400872db7a5976f7",
        },
        {"jwt_user_claim": "sub"},
        "7",
        None,
        "user",
    ),
    "Laravel, Passport of 2021": Shape(
        {"typ": "JWT", "alg": "RS256"},
        {
            "aud": "3",
            "jti": "07" * 40,
            "iat": f"{IAT}.152245",
            "nbf": f"{IAT}.152245",
            "exp": f"{EXP}.123882",
            "sub": "3",
            "scopes": ["*"],
        },
        {"jwt_user_claim": "sub"},
        "3",
        None,
        "user",
    ),
    "Laravel, Passport of today": Shape(
        {"typ": "JWT", "alg": "RS256"},
        {"aud": "3", "jti": "07" * 40, "iat": IAT + 0.152245, "nbf": IAT + 0.1, "exp": EXP + 0.5, "sub": "", "user": 3},
        {"jwt_user_claim": "user"},
        "3",
        None,
        "user",
    ),
    "ASP.NET with the long names of claims": Shape(
        {"alg": "HS256", "typ": "JWT"},
        {
            f"{XMLSOAP}/nameidentifier": "42",
            f"{XMLSOAP}/name": "Ana",
            f"{MICROSOFT}/role": ["admin", "user"],
            f"{MICROSOFT}/groupsid": "acme",
            "exp": EXP,
            "iss": "https://api.example",
            "aud": "https://api.example",
        },
        {
            "jwt_audience": "https://api.example",
            "jwt_user_claim": f"{XMLSOAP}/nameidentifier",
            "jwt_account_claim": f"{MICROSOFT}/groupsid",
            "jwt_role_claim": f"{MICROSOFT}/role",
        },
        "42",
        "acme",
        "admin",
    ),
    "ASP.NET with the short names of claims": Shape(
        {"alg": "HS256", "typ": "JWT", "cty": "JWT"},
        {"nameid": "42", "unique_name": "ana", "role": "admin", "nbf": IAT, "exp": EXP, "iat": IAT},
        {"jwt_user_claim": "nameid"},
        "42",
        None,
        "admin",
    ),
    "Firebase": Shape(
        {"alg": "RS256", "kid": "f5f4bf46e52b31d9b6249f7309ad0338400680cd", "typ": "JWT"},
        {
            "name": "Ana",
            "iss": "https://securetoken.google.com/acme",
            "aud": "acme",
            "auth_time": IAT,
            "user_id": "aX3",
            "sub": "aX3",
            "iat": IAT,
            "exp": EXP,
            "firebase": {"identities": {}, "sign_in_provider": "password", "tenant": "acme-1"},
        },
        {"jwt_audience": "acme", "jwt_account_claim": "firebase.tenant"},
        "aX3",
        "acme-1",
        "user",
    ),
    "Supabase": Shape(
        {"alg": "ES256", "kid": UUID, "typ": "JWT"},
        {
            "iss": "https://ref.supabase.co/auth/v1",
            "sub": UUID,
            "aud": "authenticated",
            "exp": EXP,
            "iat": IAT,
            "email": "ana@example.com",
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"], "account_id": "acme"},
            "user_metadata": {},
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": IAT}],
            "session_id": UUID,
            "is_anonymous": False,
        },
        {"jwt_user_claim": "sub", "jwt_audience": "authenticated", "jwt_account_claim": "app_metadata.account_id"},
        UUID,
        "acme",
        "authenticated",
    ),
}


@asynccontextmanager
async def publishing(algorithm: str, *keys: dict[str, Any], body: bytes | None = None) -> AsyncIterator[str]:
    """An issuer that publishes these keys; yields its URL."""
    async with run_issuer() as issuer:
        issuer.respond(json.dumps({"keys": keys}).encode() if body is None else body)
        yield issuer.url


async def accept(shape: Shape, token: str, jwks_url: str = "") -> Claims:
    """Return what `token` says, read by a hub with the settings for the issuer."""
    algorithm = shape.header["alg"]
    verifier = make_verifier(settings(jwt_algorithm=algorithm, jwks_url=jwks_url, **shape.settings))
    try:
        return await verifier.verify(token, now_s=NOW_S)
    finally:
        await verifier.close()


def write(shape: Shape) -> str:
    """Return the issuer's token."""
    if shape.header["alg"] == "HS256":
        return sign(shape.claims, header=shape.header)
    return sign_with(private_key(shape.header["alg"]), shape.claims, shape.header["alg"], headers=shape.header)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
async def test_issuers_token_is_taken(shape: Shape) -> None:
    """What an issuer writes is read as it means it, with its own names of claims and its own forms."""
    algorithm = shape.header["alg"]
    if algorithm == "HS256":
        grant = await accept(shape, write(shape))
    else:
        kid = shape.header.get("kid", ...)
        other = jwk(private_key(f"{algorithm}-other"), ...)
        async with publishing(algorithm, other, jwk(private_key(algorithm), kid)) as url:
            grant = await accept(shape, write(shape), url)
    assert (shape.user, shape.account, shape.role) == (grant.user_id, grant.account_id, grant.role)


HEADERS: dict[str, dict[str, Any]] = {
    "no typ": {"typ": ...},
    "typ in lower case": {"typ": "jwt"},
    "typ at+jwt": {"typ": "at+jwt"},
    "typ application/at+jwt": {"typ": "application/at+jwt"},
    "typ of a house's own": {"typ": "acme-login"},
    "cty": {"cty": "json"},
    "x5t": {"x5t": "abc", "x5t#S256": "def"},
    "x5c that is none": {"x5c": "abc"},
    "kid with slashes": {"kid": "projects/a/keys/1"},
    "kid that is empty": {"kid": ""},
    "kid in another script": {"kid": "ключ 1"},
    "members nobody knows": {"foo": {"bar": [1]}, "ver": 2, "iss": "x"},
}


@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS.keys())
async def test_header_that_decides_nothing_is_passed_over(change: dict[str, Any]) -> None:
    """A header may say what it likes besides its algorithm, and extensions that are critical."""
    header = {name: value for name, value in ({"alg": "HS256", "typ": "JWT"} | change).items() if value is not ...}
    grant = await make_verifier(settings()).verify(sign(claims(), header=header), now_s=NOW_S)
    assert "00000000001" == grant.user_id


#: What stands in claims that only describe a token: name -> claims, and what becomes of (role, token id, issued at).
OPTIONAL: dict[str, tuple[dict[str, Any], tuple[str, str | None, float | None]]] = {
    "all of them null": (
        {
            "role": None,
            "jti": None,
            "iat": None,
            "nbf": None,
            "enabled_modules": None,
            "aud": None,
            "iss": None,
            "sub": None,
        },
        ("user", None, None),
    ),
    "role is a number": ({"role": 0}, ("user", None, None)),
    "role is empty": ({"role": ""}, ("user", None, None)),
    "role is an object": ({"role": {"name": "admin"}}, ("user", None, None)),
    "role with a line break": ({"role": "user\nsuper_admin"}, ("user", None, None)),
    "role is a list": ({"role": ["viewer", "admin"]}, ("viewer", None, None)),
    "role is a list with the mightiest": ({"role": [1, "viewer", "super_admin"]}, ("super_admin", None, None)),
    "jti is a number": ({"jti": 17}, ("user", "17", None)),
    "jti is empty": ({"jti": ""}, ("user", None, None)),
    "jti with NUL": ({"jti": "\x00"}, ("user", None, None)),
    "jti is long": ({"jti": "a" * 200}, ("user", "a" * 200, None)),
    "iat is a string": ({"iat": str(IAT)}, ("user", None, float(IAT))),
    "iat is a word": ({"iat": "yesterday"}, ("user", None, None)),
    "iat is false": ({"iat": False}, ("user", None, None)),
    "iat is zero": ({"iat": 0}, ("user", None, None)),
    "iat is in milliseconds": ({"iat": IAT * 1000}, ("user", None, None)),
    "nbf is zero, as a string": ({"nbf": "0"}, ("user", None, None)),
    "sub is a list": ({"sub": []}, ("user", None, None)),
    "no sub": ({"sub": ...}, ("user", None, None)),
    "modules are a number": (
        {"enabled_modules": 7, "email": {}, "cpf": [], "whatsapp_verified": "no"},
        ("user", None, None),
    ),
}


@pytest.mark.parametrize(("change", "expected"), OPTIONAL.values(), ids=OPTIONAL.keys())
async def test_optional_claim_never_decides(
    change: dict[str, Any], expected: tuple[str, str | None, float | None]
) -> None:
    """A token whose deciding claims are good is taken, whatever stands in the others."""
    grant = await make_verifier(settings()).verify(sign(claims(**change)), now_s=NOW_S)
    assert ("00000000001", *expected) == (grant.user_id, grant.role, grant.token_id, grant.issued_at_s)


@pytest.mark.parametrize(
    ("value", "user_id"),
    [
        ("7", "7"),
        (7, "7"),
        (7.0, "7"),
        (52998224725, "52998224725"),
        (2**70, str(2**70)),
        (-1, "-1"),
        (0, "0"),
        ("a b", "a b"),
    ],
)
async def test_user_id_is_a_string_or_a_number(value: object, user_id: str) -> None:
    """An id is the same person written as a string or as a number, in `user_id` and `sub` alike."""
    verifier = make_verifier(settings())
    for sub in (value, user_id, ...):
        grant = await verifier.verify(sign(claims(user_id=value, sub=sub)), now_s=NOW_S)
        assert user_id == grant.user_id


@pytest.mark.parametrize(
    ("value", "account_id"), [(17, "17"), (["acme"], "acme"), ([17], "17"), (None, None), (..., None)]
)
async def test_account_is_an_id_or_the_only_one_of_a_list(value: object, account_id: str | None) -> None:
    """An account is a string, a number, or a list of one; a token without one leaves it to the directory."""
    grant = await make_verifier(settings()).verify(sign(claims(account_id=value)), now_s=NOW_S)
    assert account_id == grant.account_id


@pytest.mark.parametrize("aud", ["hub", ["hub"], ["other", "hub"], ["other", 1, None, "hub-2"], "hub-2"])
async def test_audience_is_a_string_or_a_list_on_both_sides(aud: object) -> None:
    """One of the token's audiences that is one of the hub's is enough."""
    verifier = make_verifier(settings(jwt_audience="hub, hub-2"))
    assert "00000000001" == (await verifier.verify(sign(claims(aud=aud)), now_s=NOW_S)).user_id


async def test_user_claim_that_is_chosen_needs_no_sub_beside_it() -> None:
    """Where `user_id` was written as a path, the `sub` of the login system may be another name of the same person."""
    token = sign(claims(sub="ana@example.com"))
    with pytest.raises(InvalidToken) as caught:
        await make_verifier(settings()).verify(token, now_s=NOW_S)
    assert "HUB_JWT_USER_CLAIM=/user_id" in (caught.value.reason or "")
    assert (
        "00000000001" == (await make_verifier(settings(jwt_user_claim="/user_id")).verify(token, now_s=NOW_S)).user_id
    )


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4), st.integers() | st.text())
def test_claim_is_found_where_it_was_put(path: list[str], value: object) -> None:
    """A JSON pointer reaches any nested name, and what is found there is the value itself."""
    name = ClaimName("/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path))
    claims: dict[str, Any] = {}
    name.place(claims, value)
    assert value == name.find(claims)
    assert ClaimName("/missing/way").find({"missing": value if isinstance(value, str) else {}}) is None


def test_name_comes_before_the_path_it_looks_like() -> None:
    """A claim whose own name has dots is found by it; a number of a path is a place in a list."""
    assert 1 == ClaimName("a.b").find({"a.b": 1, "a": {"b": 2}})
    assert 2 == ClaimName("a.b").find({"a": {"b": 2}})
    assert ["x", None, None] == [ClaimName(f"a.{place}").find({"a": ["x"]}) for place in ("0", "1", "-1")]


def certificate(key: RSAPrivateKey) -> str:
    """Return a certificate of `key`'s own in base64 of DER, as it stands in `x5c`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(17)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


RSA = private_key("RS256")
assert isinstance(RSA, RSAPrivateKey)
KID = "k1"
NOISE = [
    {"kty": "oct", "k": encode(b"k" * 32), "kid": KID},
    {"kty": "future", "kid": KID, "data": [1, 2]},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "pq"},
    {},
    "key",
    None,
    jwk(private_key("ES256"), KID),
    jwk(private_key("RS256-other"), "k2", use="enc", alg="RSA-OAEP"),
    jwk(private_key("RS256-other"), KID, alg="PS256"),
]
#: How the one good key stands among the others.
GOOD_KEYS: dict[str, dict[str, Any]] = {
    "plain": jwk(RSA, KID),
    "no use": jwk(RSA, KID, use=...),
    "use null": jwk(RSA, KID, use=None),
    "use in capitals": jwk(RSA, KID, use="SIG"),
    "use in a word": jwk(RSA, KID, use="signature"),
    "use is a list": jwk(RSA, KID, use=["sig"]),
    "key_ops": jwk(RSA, KID, use=..., key_ops=["verify"]),
    "key_ops null": jwk(RSA, KID, key_ops=None),
    "key_ops is empty": jwk(RSA, KID, key_ops=[]),
    "key_ops is a string": jwk(RSA, KID, key_ops="verify"),
    "key_ops of the private half": jwk(RSA, KID, key_ops=["sign"]),
    "alg": jwk(RSA, KID, alg="RS256"),
    "alg in lower case": jwk(RSA, KID, alg="rs256"),
    "alg null": jwk(RSA, KID, alg=None),
    "alg that is none": jwk(RSA, KID, alg="RSA"),
    "a certificate beside it": jwk(RSA, KID, x5c=[certificate(RSA)], x5t="abc"),
    "a certificate alone": {"kty": "RSA", "kid": KID, "x5c": [certificate(RSA)]},
    "a certificate with line breaks": {
        "kty": "RSA",
        "kid": KID,
        "x5c": ["\n".join(textwrap.wrap(certificate(RSA), 64))],
    },
    "members nobody knows": jwk(RSA, KID, exp=0, nbf="x", issuer={}, revoked=False),
    "no kid": jwk(RSA, ...),
    "kid null": jwk(RSA, None),
    "kid empty": jwk(RSA, ""),
    "thumbprint for a kid": jwk(RSA, ..., x5t=KID),
}


@pytest.mark.parametrize("key", GOOD_KEYS.values(), ids=GOOD_KEYS.keys())
async def test_key_is_found_among_others_in_any_form(key: dict[str, Any]) -> None:
    """A key is used whatever it leaves out, and keys that nobody can use do not spoil it."""
    token = sign_with(RSA, claims(), "RS256", headers={"kid": KID})
    async with publishing("RS256", body=json.dumps({"keys": [*NOISE, key]}).encode()) as url:
        verifier = make_verifier(settings(jwt_algorithm="RS256", jwks_url=url))
        try:
            assert "00000000001" == (await verifier.verify(token, now_s=NOW_S)).user_id
        finally:
            await verifier.close()


KIDS = [
    "1",
    "a b",
    "a/b/../c",
    "a=",
    "==",
    "k" * 2_000,
    "ключ",
    "\u00e9\U0001f511",
    "https://id.example/keys/1?x=y#z",
    "' OR 1=1",
    "\x00",
    "a\nb",
]


@pytest.mark.parametrize("kid", KIDS, ids=range(len(KIDS)))
async def test_kid_is_any_text(kid: str) -> None:
    """RFC 7517 section 4.5 leaves the form of a kid to the issuer; it is a name and nothing else."""
    token = sign_with(private_key("ES256"), claims(), "ES256", headers={"kid": kid})
    async with publishing("ES256", jwk(private_key("ES256-other"), "x"), jwk(private_key("ES256"), kid)) as url:
        verifier = make_verifier(settings(jwt_algorithm="ES256", jwks_url=url))
        try:
            assert "00000000001" == (await verifier.verify(token, now_s=NOW_S)).user_id
        finally:
            await verifier.close()


@pytest.mark.parametrize("kids", [(..., ...), ("a", "b"), ("a", ...), ("same", "same")])
@pytest.mark.parametrize("which", [0, 1])
async def test_token_without_kid_is_tried_with_each_key(kids: tuple[Any, Any], which: int) -> None:
    """A token that names no key is good if one of the published keys signed it; so is one whose name two keys have."""
    keys = [private_key("ES256"), private_key("ES256-new")]
    kid = {} if kids[0] != "same" else {"kid": "same"}
    token = sign_with(keys[which], claims(), "ES256", headers=kid)
    stranger = sign_with(private_key("ES256-attacker"), claims(), "ES256", headers=kid)
    async with publishing("ES256", *(jwk(key, kid) for key, kid in zip(keys, kids, strict=True))) as url:
        verifier = make_verifier(settings(jwt_algorithm="ES256", jwks_url=url))
        try:
            assert "00000000001" == (await verifier.verify(token, now_s=NOW_S)).user_id
            with pytest.raises(InvalidToken):
                await verifier.verify(stranger, now_s=NOW_S)
        finally:
            await verifier.close()
