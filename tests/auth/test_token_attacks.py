"""Attacks on hub.auth.tokens: forged and malformed tokens, each refused and none of them a crash."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.grant import token_digest
from hub.auth.tokens import make_verifier
from hub.errors import InvalidToken, TokenExpired
from tests.auth.tokens import EXP, NOW_S, SECRET, claims, encode, private_key, public_pem, settings, sign, sign_with

GOOD = sign(claims())
HEAD, BODY, SIGNATURE = GOOD.split(".")
#: Of base64url.
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def with_header(**header: Any) -> str:
    """Return a token with good claims whose header is changed as asked, and signed with the right secret."""
    return sign(claims(), header={"alg": "HS256", "typ": "JWT"} | header)


def raw(payload: str) -> str:
    """Return a token with the right signature over this payload text."""
    return sign(payload.encode("utf-8", "surrogatepass"))


#: name -> token. Every one is signed with the right secret unless its name says otherwise.
FORGED: dict[str, str] = {
    # Shape
    "empty": "",
    "one part": "abc",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD}.{SIGNATURE}",
    "five parts, as an encrypted one": f"{HEAD}.{BODY}.{SIGNATURE}.{BODY}.{SIGNATURE}",
    "dots alone": "..",
    "no header": f".{BODY}.{SIGNATURE}",
    "no claims": f"{HEAD}..{SIGNATURE}",
    "no signature": f"{HEAD}.{BODY}.",
    "leading space": f" {GOOD}",
    "trailing line feed": f"{GOOD}\n",
    "inner NUL": GOOD.replace(".", ".\x00", 1),
    "Bearer left in": f"Bearer {GOOD}",
    "padded, the same token in another form": f"{GOOD}=",
    "header padded": f"{HEAD}=.{BODY}.{SIGNATURE}",
    "standard base64 alphabet": f"{HEAD}.{BODY}.++++{SIGNATURE[4:]}",
    "bits beyond the last byte": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}{'B' if SIGNATURE[-1] != 'B' else 'C'}",
    "not ASCII": GOOD.replace("e", "é", 1),
    "full-width digits": "１２.３４.５６",
    "lone surrogate": f"\ud800{GOOD}",
    "9 KiB": sign(claims(cpf="0" * 7000)),
    "64 KiB": "a" * 65_536,
    "1 MiB of dots": "." * 1_048_576,
    # Signature
    "no signature, claims changed": f"{HEAD}.{encode(json.dumps(claims(user_id='x', sub='x')).encode())}.",
    "claims changed": f"{HEAD}.{encode(json.dumps(claims(account_id='2')).encode())}.{SIGNATURE}",
    "another secret": sign(claims(), secret="x" * 32),
    "empty secret": sign(claims(), secret=""),
    "the secret in hex": sign(claims(), secret=SECRET.encode().hex()),
    "signature truncated": GOOD[:-8],
    "signature extended": f"{GOOD}AAAA",
    "signature of zeros": f"{HEAD}.{BODY}.{encode(bytes(32))}",
    "HS512 under an HS256 header": sign(claims(), digest="sha512"),
    # Algorithm
    "none": encode(b'{"alg":"none"}') + f".{BODY}.",
    "none, still signed": sign(claims(), header={"alg": "none"}),
    "None": sign(claims(), header={"alg": "None"}),
    "nOnE": encode(b'{"alg":"nOnE"}') + f".{BODY}.",
    "no alg": sign(claims(), header={"typ": "JWT"}),
    "null alg": with_header(alg=None),
    "empty alg": with_header(alg=""),
    "alg in lower case": with_header(alg="hs256"),
    "alg with a space": with_header(alg="HS256 "),
    "alg is a list": with_header(alg=["HS256"]),
    "alg is an object": with_header(alg={"HS256": 1}),
    "alg is a number": with_header(alg=256),
    "alg is true": with_header(alg=True),
    "HS384, signed so": sign(claims(), header={"alg": "HS384"}, digest="sha384"),
    "HS512, signed so": sign(claims(), header={"alg": "HS512"}, digest="sha512"),
    "RS256": sign_with(private_key("RS256"), claims(), "RS256"),
    "ES256": sign_with(private_key("ES256"), claims(), "ES256"),
    "EdDSA": sign_with(private_key("EdDSA"), claims(), "EdDSA"),
    # Header
    "header is a list": sign(claims(), header=b"[]"),
    "header is a string": sign(claims(), header=b'"HS256"'),
    "header is null": sign(claims(), header=b"null"),
    "header is not JSON": sign(claims(), header=b"{alg:HS256}"),
    "header is not UTF-8": sign(claims(), header=b'{"alg":"HS256","x":"\xff"}'),
    "header is nested too deep": sign(claims(), header=b"[" * 4000),
    "header is UTF-16": sign(claims(), header=json.dumps({"alg": "HS256"}).encode("utf-16")),
    "header with a byte order mark": sign(claims(), header=b'\xef\xbb\xbf{"alg":"HS256"}'),
    "duplicate alg": sign(claims(), header=b'{"alg":"none","alg":"HS256"}'),
    "duplicate alg under an escape": sign(claims(), header=b'{"\\u0061lg":"none","alg":"HS256"}'),
    "NaN in the header": sign(claims(), header=b'{"alg":"HS256","x":NaN}'),
    "header ends early": sign(claims(), header=b'{"alg":"HS256"'),
    "b64 is 0": with_header(b64=0),
    "b64 is null": with_header(b64=None),
    "kid is a number": with_header(kid=1),
    "kid is null": with_header(kid=None),
    "kid is a list": with_header(kid=["../../dev/null"]),
    "unknown crit": with_header(crit=["exp"], exp=1),
    "crit of a known extension": with_header(crit=["b64"], b64=True),
    "empty crit": with_header(crit=[]),
    "crit is a string": with_header(crit="b64"),
    "unencoded payload": with_header(crit=["b64"], b64=False),
    "unencoded payload, not critical": with_header(b64=False),
    "unencoded empty payload": sign(b"", header={"alg": "HS256", "crit": ["b64"], "b64": False}),
    # Claims as JSON
    "claims are a list": raw("[]"),
    "claims are a string": raw('"claims"'),
    "claims are null": raw("null"),
    "claims are not JSON": raw("{user_id:1}"),
    "claims are empty": raw(""),
    "claims are nested too deep": raw("[" * 4000),
    "claims end early": raw(json.dumps(claims())[:-1]),
    "claims and more": raw(json.dumps(claims()) + "{}"),
    "claims are not UTF-8": sign(b'{"user_id":"\xff\xfe","exp":%d}' % EXP),
    "claims are UTF-16": sign(json.dumps(claims()).encode("utf-16")),
    "claims with a byte order mark": sign(b"\xef\xbb\xbf" + json.dumps(claims()).encode()),
    "duplicate user": raw(f'{{"user_id":"a","user_id":"b","exp":{EXP}}}'),
    "duplicate exp": raw(f'{{"user_id":"a","exp":1,"exp":{EXP}}}'),
    "duplicate inside another claim": raw(f'{{"user_id":"a","exp":{EXP},"x":{{"y":1,"y":2}}}}'),
    "duplicate under an escape": raw(f'{{"user_id":"a","us\\u0065r_id":"b","exp":{EXP}}}'),
    "NaN": raw('{"user_id":"a","exp":NaN}'),
    "Infinity": raw('{"user_id":"a","exp":Infinity}'),
    "5,000 digits": raw('{"user_id":"a","exp":' + "9" * 5000 + "}"),
    # exp, nbf, iat
    "no exp": sign(claims(exp=...)),
    "exp null": sign(claims(exp=None)),
    "exp is a date": sign(claims(exp="2027-01-15T09:00:00Z")),
    "exp is a string of milliseconds": sign(claims(exp=str(EXP * 1000))),
    "exp in full-width digits": sign(claims(exp="１８００００３６００")),
    "exp with a sign": sign(claims(exp=f"+{EXP}")),
    "exp with an exponent": sign(claims(exp="1.8e9")),
    "exp is an empty string": sign(claims(exp="")),
    "exp is Infinity as a string": sign(claims(exp="Infinity")),
    "exp is true": sign(claims(exp=True)),
    "exp is a list": sign(claims(exp=[EXP])),
    "exp is negative": sign(claims(exp=-1)),
    "exp beyond floats": sign(claims(exp=10**400)),
    "exp overflows": raw('{"user_id":"a","exp":1e400}'),
    "exp in milliseconds": sign(claims(exp=EXP * 1000)),
    "exp a year away": sign(claims(exp=EXP + 31_536_000)),
    "exp a year after iat": sign(claims(iat=NOW_S - 31_536_000)),
    "nbf in an hour": sign(claims(nbf=NOW_S + 3600)),
    "nbf is a string in an hour": sign(claims(nbf=str(NOW_S + 3600))),
    "nbf is a word": sign(claims(nbf="later")),
    "nbf is a list": sign(claims(nbf=[0])),
    "nbf is false": sign(claims(nbf=False)),
    "iat is a string in an hour": sign(claims(iat=str(NOW_S + 3600))),
    "iat in an hour": sign(claims(iat=NOW_S + 3600)),
    # Who
    "no user": sign(claims(user_id=...)),
    "user null": sign(claims(user_id=None, sub=None)),
    "user empty": sign(claims(user_id="", sub="")),
    "user is true": sign(claims(user_id=True, sub=True)),
    "user is a fraction": sign(claims(user_id=1.5, sub=1.5)),
    "user is a number beyond floats": raw(f'{{"user_id":1e400,"exp":{EXP}}}'),
    "user is a number of 129 digits": sign(claims(user_id=10**128, sub=10**128)),
    "user is a list": sign(claims(user_id=["a"], sub=["a"])),
    "user is an object": sign(claims(user_id={"$ne": 1}, sub={"$ne": 1})),
    "user with NUL": sign(claims(user_id="a\x00b", sub="a\x00b")),
    "user with line feed": sign(claims(user_id="a\nb", sub="a\nb")),
    "user with the separator of targets": sign(claims(user_id="a\x1fb", sub="a\x1fb")),
    "user with DEL": sign(claims(user_id="a\x7f", sub="a\x7f")),
    "user with a C1 control": sign(claims(user_id="a\x9b31m", sub="a\x9b31m")),
    "user with a line separator": sign(claims(user_id="a\u2028", sub="a\u2028")),
    "user is a lone surrogate": sign(claims(user_id="\ud800", sub="\ud800")),
    "user of 129 characters": sign(claims(user_id="a" * 129, sub="a" * 129)),
    "sub of somebody else": sign(claims(sub="00000000002")),
    "sub is a number": sign(claims(sub=1)),
    "account empty": sign(claims(account_id="")),
    "account is a fraction": sign(claims(account_id=101.5)),
    "account is an empty list": sign(claims(account_id=[])),
    "account is a list in a list": sign(claims(account_id=[["101"]])),
    "account is an object": sign(claims(account_id={"id": "101"})),
    "account is false": sign(claims(account_id=False)),
    "account is a list": sign(claims(account_id=["101", "102"])),
    "account with a control character": sign(claims(account_id="101\x1f102")),
    "account of 129 characters": sign(claims(account_id="1" * 129)),
}


def test_there_are_enough_attacks() -> None:
    """The collection does not shrink below what was promised, and no two entries are the same token."""
    assert len(FORGED) >= 80
    assert len(FORGED) == len(set(FORGED.values()))


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
async def test_forged_token_is_refused(token: str) -> None:
    """Every forged or malformed token is an InvalidToken whose text gives nothing away, the second time as well."""
    verifier = make_verifier(settings())
    for _ in range(2):
        with pytest.raises(InvalidToken) as caught:
            await verifier.verify(token, now_s=NOW_S)
        assert "The credential is not valid" == str(caught.value)


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("iss", [..., None, "", "https://id.example/", "HTTPS://ID.EXAMPLE", "id", ["https://id.example"], 1]),
        ("aud", [..., None, "", "hubs", "Hub", [], ["hubs"], [["hub"]], {"hub": 1}, "hub,other", "hub other"]),
    ],
)
async def test_wrong_issuer_or_audience_is_refused(name: str, refused: list[Any]) -> None:
    """A configured issuer or audience must be there and be exactly equal; the audience may stand in a list."""
    verifier = make_verifier(settings(jwt_issuer="https://id.example", jwt_audience="hub"))
    right = {"iss": "https://id.example", "aud": "hub"}
    assert "00000000001" == (await verifier.verify(sign(claims(**right)), now_s=NOW_S)).user_id
    for wrong in refused:
        with pytest.raises(InvalidToken):
            await verifier.verify(sign(claims(**right | {name: wrong})), now_s=NOW_S)


@pytest.mark.parametrize("exp", [0, 1, EXP - 7200, NOW_S])
async def test_expired_token_says_so(exp: float) -> None:
    """A token that was good once is told apart from one that never was."""
    with pytest.raises(TokenExpired):
        await make_verifier(settings()).verify(sign(claims(exp=exp)), now_s=NOW_S)


async def test_forged_token_is_never_told_it_has_expired() -> None:
    """Expiry is only said of tokens with the right signature."""
    with pytest.raises(InvalidToken):
        await make_verifier(settings()).verify(sign(claims(exp=1), secret="x" * 32), now_s=NOW_S)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize(
    "write", [lambda pem: pem, bytes.strip, lambda pem: base64.b64decode(b"".join(pem.split(b"\n")[1:-2]))]
)
async def test_public_key_is_not_taken_for_a_secret(
    algorithm: str, write: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """HMAC with the public key as its secret, in PEM or DER, does not pass where a key pair is configured."""
    pem = public_pem(private_key(algorithm))
    path = tmp_path / "jwt.pem"
    path.write_bytes(pem)
    verifier = make_verifier(settings(jwt_algorithm=algorithm, jwt_public_key_file=path))
    for claimed in ("HS256", algorithm):
        with pytest.raises(InvalidToken):
            await verifier.verify(sign(claims(), header={"alg": claimed}, secret=write(pem)), now_s=NOW_S)


async def test_keys_in_the_header_are_not_looked_at(tmp_path: Path) -> None:
    """A token that brings its own key (jwk, jku, x5u, x5c) is verified with the configured one alone."""
    path = tmp_path / "jwt.pem"
    path.write_bytes(public_pem(private_key("ES256")))
    verifier = make_verifier(settings(jwt_algorithm="ES256", jwt_public_key_file=path))
    for headers in (
        {"jwk": {"kty": "EC"}},
        {"jku": "http://127.0.0.1:1/jwks"},
        {"x5u": "file:///etc/passwd"},
        {"x5c": ["AAAA"]},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR 1=1 --"},
    ):
        good = sign_with(private_key("ES256"), claims(), "ES256", headers=headers)
        assert "00000000001" == (await verifier.verify(good, now_s=NOW_S)).user_id
        forged = sign_with(private_key("ES256-attacker"), claims(), "ES256", headers=headers)
        with pytest.raises(InvalidToken):
            await verifier.verify(forged, now_s=NOW_S)


async def test_second_signature_of_the_same_claims_is_the_same_token_to_a_revocation(tmp_path: Path) -> None:
    """The other valid ES256 signature, which anybody can compute, does not change the token's digest."""
    path = tmp_path / "jwt.pem"
    path.write_bytes(public_pem(private_key("ES256")))
    verifier = make_verifier(settings(jwt_algorithm="ES256", jwt_public_key_file=path))
    token = sign_with(private_key("ES256"), claims(), "ES256")
    signed, _, signature = token.rpartition(".")
    numbers = base64.urlsafe_b64decode(signature + "==")
    r, s = decode_dss_signature(encode_dss_signature(int.from_bytes(numbers[:32]), int.from_bytes(numbers[32:])))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = f"{signed}.{encode(r.to_bytes(32) + (order - s).to_bytes(32))}"
    assert twin != token
    assert token_digest(token) == (await verifier.verify(twin, now_s=NOW_S)).token_digest


VERIFIER = make_verifier(settings())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["user_id", "sub", "account_id", "role", "exp", "nbf", "iat", "jti", "iss", "aud"])


@given(st.dictionaries(NAMES, JSON))
async def test_any_claims_are_a_grant_or_refused(changes: dict[str, Any]) -> None:
    """Whatever a rightly signed token claims, it is a grant with sound fields or InvalidToken or TokenExpired."""
    try:
        grant = await VERIFIER.verify(sign(claims(**changes)), now_s=NOW_S)
    except (InvalidToken, TokenExpired):
        return
    assert grant.user_id
    assert NOW_S < grant.expires_at_s <= NOW_S + 604_800
    grant.user_id.encode()
    (grant.account_id or "").encode()


@given(st.text(alphabet=st.characters(codec=None), max_size=200) | st.text(alphabet="eyJhbGciOi.-_=", max_size=60))
async def test_any_text_is_refused(text: str) -> None:
    """No text that is not a signed token raises anything but InvalidToken."""
    with pytest.raises(InvalidToken):
        await VERIFIER.verify(text, now_s=NOW_S)


@given(st.integers(min_value=0, max_value=len(GOOD) - 1), st.characters(codec="ascii"))
async def test_any_changed_character_is_refused(place: int, character: str) -> None:
    """A good token with one character changed is refused, wherever that is."""
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    if changed != GOOD:
        with pytest.raises(InvalidToken):
            await VERIFIER.verify(changed, now_s=NOW_S)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_signature_has_one_spelling(algorithm: str) -> None:
    """Of all last letters that a lenient reader takes for the same bytes, one is read, whatever bits are left over."""
    verifier = make_verifier(settings(jwt_algorithm=algorithm, jwt_secret=SECRET * 2))
    digest = algorithm.replace("HS", "sha")
    token = sign(claims(), header={"alg": algorithm}, secret=SECRET * 2, digest=digest)
    await verifier.verify(token, now_s=NOW_S)
    for letter in set(ALPHABET) - {token[-1]}:
        with pytest.raises(InvalidToken):
            await verifier.verify(token[:-1] + letter, now_s=NOW_S)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "EdDSA"])
@pytest.mark.parametrize("size", [0, 1, 32, 63, 64, 65, 96, 97, 256, 257])
async def test_any_signature_of_a_key_pair_is_refused(algorithm: str, size: int, tmp_path: Path) -> None:
    """A signature of any length, of zeros or of ones, is InvalidToken for every kind of key, and never a crash."""
    path = tmp_path / "jwt.pem"
    path.write_bytes(public_pem(private_key(algorithm)))
    verifier = make_verifier(settings(jwt_algorithm=algorithm, jwt_public_key_file=path))
    signed, _, _ = sign_with(private_key(algorithm), claims(), algorithm).rpartition(".")
    for signature in (bytes(size), b"\xff" * size):
        with pytest.raises(InvalidToken):
            await verifier.verify(f"{signed}.{encode(signature)}", now_s=NOW_S)


@given(st.binary(max_size=60), st.binary(max_size=120))
async def test_any_signed_bytes_are_refused(header: bytes, payload: bytes) -> None:
    """Bytes that are no header or no claims are InvalidToken, even with the right signature."""
    with pytest.raises(InvalidToken):
        await VERIFIER.verify(sign(payload, header=header), now_s=NOW_S)
    with pytest.raises(InvalidToken):
        await VERIFIER.verify(sign(payload), now_s=NOW_S)
