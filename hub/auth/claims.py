"""What a token's claims say: who it speaks for, and from when until when.

Issuers write the same thing in different forms (RFC 7519 leaves them that freedom). The claims that decide (`exp`,
`nbf`, the user, the account, issuer and audience where they are configured) are read in every form that has one
meaning, and refused in any other. The rest (`iat`, `jti`, the role) is read where it can be and passed over where it
cannot: what only describes a token never refuses it.
"""

from __future__ import annotations

import math
import re
from typing import Any

from hub.auth.grant import Claims, Grant, home_account
from hub.errors import InvalidToken, TokenExpired, TokenNotYetValid
from hub.settings import Settings
from hub.target import WITHOUT_ACCOUNT

__all__ = ["ClaimName", "ClaimRules"]

_MAX_ID = 128
#: As long as a `jti` may be in a request to disconnect.
_MAX_TOKEN_ID = 256
#: Control characters, the separators that some log readers break lines at, and lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: RFC 7519 wants a number; some issuers write it as a string, with a fraction or without.
_NUMERIC = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
#: No token is valid in the year 5138, but many were dated in milliseconds.
_MILLISECONDS = 1e11
#: How far beyond the leeway a token may begin and still be told to come back, instead of that it is not valid.
_EARLY_S = 300.0
_DEFAULT_USER_CLAIM = "user_id"


class ClaimName:
    """Where a claim stands: its name, or where there is none of that name, a path into the claims.

    A path has dots between its names (`realm_access.roles`) or is a JSON pointer (RFC 6901), for names that hold
    dots themselves (`/resource_access/my.client/roles`). A number is a place in a list.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if text.startswith("/"):
            self._path = [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]
        else:
            self._path = text.split(".")

    def find(self, claims: dict[str, Any]) -> Any:
        """Return the claim's value; None where there is none."""
        if self.text in claims:
            return claims[self.text]
        found: Any = claims
        for part in self._path:
            if isinstance(found, dict):
                found = found.get(part)
            elif isinstance(found, list) and part.isascii() and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            else:
                return None
        return found

    def place(self, claims: dict[str, Any], value: Any) -> None:
        """Put `value` where `find` finds it."""
        if len(self._path) == 1 or "://" in self.text:
            claims[self.text] = value
            return
        for part in self._path[:-1]:
            claims = claims.setdefault(part, {})
        claims[self._path[-1]] = value


class ClaimRules:
    """The rules that the settings make for claims."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._user = ClaimName(settings.jwt_user_claim)
        self._account = ClaimName(settings.jwt_account_claim)
        self._role = ClaimName(settings.jwt_role_claim)
        self._audience = ClaimName(settings.jwt_audience_claim)
        # Without a directory the token alone says that there is no account.
        self._people_without_account = settings.people_without_account and settings.directory_url.lower() == "off"
        self._issuers = _split(settings.jwt_issuer)
        self._audiences = _split(settings.jwt_audience)

    def read(self, claims: dict[str, Any], *, token_digest: str, now_s: float) -> Claims:
        """Return what these claims say.

        Raises:
            TokenExpired: everything is right but the time.
            TokenNotYetValid: everything is right, and only seconds or a clock's error are missing.
            InvalidToken: something that decides is missing, unreadable or another's.
        """
        self._check_issuer(claims.get("iss"))
        self._check_audience(self._audience.find(claims))
        user_id = self._read_user(claims)
        expires_s = _read_expiry(claims.get("exp"))
        issued_at_s = _read_time(claims.get("iat"))
        if not issued_at_s or issued_at_s > expires_s:
            # No token is issued in 1970 or after its own end: a zero that nobody set, or milliseconds.
            issued_at_s = None
        account_id, role = self._read_account(claims), _read_role(self._role.find(claims))
        if self._people_without_account:
            account_id = home_account(role, account_id) or WITHOUT_ACCOUNT
        # With an account they may become a grant as they are, which connections with one token then share.
        kind: type[Claims] = Claims if account_id is None else Grant
        read = kind(
            user_id=user_id,
            account_id=account_id,
            role=role,
            expires_at_s=expires_s + self._settings.jwt_leeway_s,
            issued_at_s=issued_at_s,
            token_id=_read_id(claims.get("jti"), _MAX_TOKEN_ID),
            token_digest=token_digest,
        )
        # The time last, so that TokenExpired says: get a new one like this and come back.
        self._check_times(claims, read, now_s)
        return read

    def _check_issuer(self, issuer: object) -> None:
        if not self._issuers or (isinstance(issuer, str) and issuer in self._issuers):
            return
        if issuer is None:
            raise InvalidToken(reason="it has no iss, which HUB_JWT_ISSUER asks for")
        if isinstance(issuer, str) and issuer.rstrip("/") in {known.rstrip("/") for known in self._issuers}:
            raise InvalidToken(reason="its iss differs from HUB_JWT_ISSUER by a slash at the end")
        raise InvalidToken(reason="its iss is not one of HUB_JWT_ISSUER")

    def _check_audience(self, audience: object) -> None:
        if not self._audiences:
            return
        # RFC 7519 section 4.1.3: one string, or a list of them of which one must be ours.
        named = audience if isinstance(audience, list) else [audience]
        if any(isinstance(one, str) and one in self._audiences for one in named):
            return
        if audience is None:
            raise InvalidToken(reason=f"it has no {self._audience.text}, which HUB_JWT_AUDIENCE asks for")
        raise InvalidToken(reason=f"its {self._audience.text} is not one of HUB_JWT_AUDIENCE")

    def _read_user(self, claims: dict[str, Any]) -> str:
        name = self._user.text
        found = self._user.find(claims)
        user_id = _read_id(found)
        if user_id is None:
            if found is not None:
                raise InvalidToken(
                    reason=f"its {name} is not a valid id (1 to {_MAX_ID} characters, or a whole number)"
                )
            hint = " (it has a sub: see HUB_JWT_USER_CLAIM)" if _read_id(claims.get("sub")) else ""
            raise InvalidToken(reason=f"it has no {name}{hint}")
        if name == _DEFAULT_USER_CLAIM and _read_id(claims.get("sub")) not in (None, user_id):
            # Two readers of one token would see two people in it. Where that is meant, HUB_JWT_USER_CLAIM says which.
            raise InvalidToken(
                reason="its sub names another user than its user_id (HUB_JWT_USER_CLAIM=/user_id allows)"
            )
        return user_id

    def _read_account(self, claims: dict[str, Any]) -> str | None:
        found = self._account.find(claims)
        if found is None:
            return None
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        account_id = _read_id(found)
        if account_id is None:
            raise InvalidToken(
                reason=f"its {self._account.text} is not a valid id (1 to {_MAX_ID} characters, or a number)"
            )
        return account_id

    def _check_times(self, claims: dict[str, Any], read: Claims, now_s: float) -> None:
        leeway_s = self._settings.jwt_leeway_s
        starts_s = 0.0
        if claims.get("nbf") is not None:
            not_before_s = _read_time(claims["nbf"])
            if not_before_s is None:
                raise InvalidToken(reason="its nbf is not a time (seconds since 1970)")
            starts_s = not_before_s - leeway_s
        if now_s >= read.expires_at_s:
            raise TokenExpired(reason="its exp has passed")
        from_s = now_s if read.issued_at_s is None else read.issued_at_s
        # The leeway counts twice: `expires_at_s` includes it already, and the issuer's clock may be ahead of this one.
        if read.expires_at_s - from_s > self._settings.jwt_max_lifetime_s + 2 * leeway_s:
            doubt = ": its exp seems to be in milliseconds" if read.expires_at_s > _MILLISECONDS else ""
            raise InvalidToken(reason=f"it is valid for longer than HUB_JWT_MAX_LIFETIME allows{doubt}")
        _check_begin("nbf", starts_s - now_s)
        if read.issued_at_s is not None:
            _check_begin("iat", read.issued_at_s - leeway_s - now_s)


def _check_begin(name: str, early_s: float) -> None:
    if early_s <= 0:
        return
    if early_s > _EARLY_S:
        raise InvalidToken(reason=f"its {name} is in the future")
    # The client can only wait, and is told how long.
    reason = f"its {name} is in the future by less than {_EARLY_S:g} s: do the clocks of hub and issuer differ?"
    raise TokenNotYetValid(retry_after_s=math.ceil(early_s), reason=reason)


def _read_expiry(value: object) -> float:
    expires_s = _read_time(value)
    if expires_s is None:
        known = value is not None
        raise InvalidToken(reason="its exp is not a time (seconds since 1970)" if known else "it has no exp")
    return expires_s


def _split(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _read_text(value: object, most: int = _MAX_ID) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= most or _UNPRINTABLE.search(value):
        return None
    return value


def _read_id(value: object, most: int = _MAX_ID) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    # True is an int in Python, and nobody's id.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**most:
        value = str(value)
    return _read_text(value, most)


def _read_role(value: object) -> str:
    """Return the role, of a list the most powerful one; `user` where there is none that can be read."""
    roles = [role for one in (value if isinstance(value, list) else [value]) if (role := _read_text(one)) is not None]
    if "super_admin" in roles:
        return "super_admin"
    return roles[0] if roles else "user"


def _read_time(value: object) -> float | None:
    if isinstance(value, str) and _NUMERIC.fullmatch(value):
        value = float(value)
    # True is an int in Python; 1e400 has become infinite; both fail here, as does an int too large for a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None
    return float(value)
