"""Why a database cannot be asked, in words: what is wrong, and the way out.

The words go to the log and to `hub check`. They name hosts, tables and columns, and never repeat what a server or a
driver said: that may hold ids, or the URL with its password.
"""

from __future__ import annotations

import errno
import ssl

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own

__all__ = ["DirectoryFault", "UnusableId", "describe_fault", "is_unusable_id"]

_URL = "see HUB_DIRECTORY_URL"

_WITHOUT_TLS = (
    "the server does not let this user in from here without TLS: add sslmode=require, or a line to its pg_hba.conf"
    f" ({_URL})"
)

#: By SQLSTATE, or the first characters of it; longer ones are looked for first.
_BY_STATE = {
    "08P01": "the pooler or server refused what it was asked (08P01)",
    "08": "the server closed the connection: is it a PostgreSQL, does it let this machine in?",
    "25006": "the server refused the query as a write, which it is not",
    "28P01": f"the password is wrong, or the user is unknown ({_URL}; special characters percent-encoded)",
    "28": f"the server does not let this user in from here: pg_hba.conf has no line for it, or no such role ({_URL})",
    "3D000": f"there is no database of this name on the server ({_URL})",
    "3F000": "there is no such schema (see HUB_DIRECTORY_USERS and HUB_DIRECTORY_ACCOUNTS)",
    "42501": "the database user may not read the tables: GRANT USAGE ON SCHEMA and SELECT on both tables to it",
    "42P01": "a table is not there (see HUB_DIRECTORY_USERS and HUB_DIRECTORY_ACCOUNTS)",
    "42703": "a column is not there (see HUB_DIRECTORY_USERS and HUB_DIRECTORY_ACCOUNTS)",
    "42": "the tables are not as the settings say (see HUB_DIRECTORY_USERS and HUB_DIRECTORY_ACCOUNTS)",
    "53300": "the server has no connection left: raise its limit, or put a pooler before it",
    "53": "the server lacks memory, disk or connections",
    "57014": "the server cancelled the query after HUB_DIRECTORY_TIMEOUT: the tables are locked, or it is overloaded",
    "57P03": "the server is starting up, shutting down or recovering",
    "57": "the server was stopped, or its administrator ended the connection",
    "58": "the server has trouble with its own files",
    "XX": "the server has an internal error",
}

#: What poolers say, all with the same state; searched for in their message, which is not repeated.
_BY_MESSAGE = (
    ("no such database", _BY_STATE["3D000"]),
    ("unsupported startup parameter", f"the pooler takes no parameter `options` at the start ({_URL})"),
    ("no such user", _BY_STATE["28P01"]),
    ("password authentication failed", _BY_STATE["28P01"]),
    ("auth failed", _BY_STATE["28P01"]),
    ("sasl authentication failed", _BY_STATE["28P01"]),
    ("statement pooling", "the pooler is in statement mode: the hub needs transaction or session mode"),
    (
        "query_wait_timeout",
        "the pooler has no connection to the database left, or cannot reach it",
    ),
    ("server login", "the pooler cannot log in at the database behind it"),
    ("server_login_retry", "the pooler cannot log in at the database behind it"),
    ("cannot connect", "the pooler cannot reach the database behind it"),
    ("connect failed", "the pooler cannot reach the database behind it"),
    ("no more connections allowed", _BY_STATE["53300"]),
    ("too many connections", _BY_STATE["53300"]),
    ("ssl required", f"the server wants TLS: add sslmode=require ({_URL})"),
    ("tls required", f"the server wants TLS: add sslmode=require ({_URL})"),
    ("no encryption", _WITHOUT_TLS),
    ("ssl off", _WITHOUT_TLS),
    ("requires a valid client certificate", f"the server wants a client certificate: add sslcert and sslkey ({_URL})"),
    ("shutting down", _BY_STATE["57P03"]),
)


class DirectoryFault(Exception):
    """The database cannot be asked; the text says why and names the way out, and holds no id and no password."""


class UnusableId(Exception):
    """The database takes at least one of the ids for none: it has a character or form that its column cannot hold."""


def is_unusable_id(error: BaseException) -> bool:
    """Whether it is an id, not the database, that the error is about.

    Class 22 is a value that cannot be converted (text to a number, a character to the database's encoding), and
    23514 a domain's check; the driver finds some of them by itself.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith("22") or state == "23514"
    return isinstance(error, UnicodeError) or (
        isinstance(error, asyncpg.InterfaceError)
        and isinstance(error, ValueError)
        and not isinstance(error, asyncpg.exceptions.ClientConfigurationError)
    )


def describe_fault(error: BaseException, *, where: str, timeout_s: float) -> str:
    """Return in one line why the PostgreSQL at `where` could not be asked, with the setting to look at."""
    words = _describe(error, where, timeout_s)
    return words if "HUB_DIRECTORY" in words else f"{words} ({_URL})"


def _describe(error: BaseException, where: str, timeout_s: float) -> str:
    if isinstance(error, DirectoryFault):
        return str(error)
    if isinstance(error, asyncpg.PostgresError):
        return f"{_describe_state(error)} [{where}]"
    if isinstance(error, TimeoutError) and error.errno is None:
        return f"{where} did not answer within {timeout_s:g} s (HUB_DIRECTORY_TIMEOUT)"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _describe_certificate(error, where)
    if isinstance(error, ssl.SSLError):
        return f"TLS with {where} failed ({error.reason or 'no reason given'}): is it a PostgreSQL that speaks TLS?"
    if isinstance(error, OSError):
        return _describe_os_error(error, where)
    if isinstance(error, asyncpg.exceptions.ClientConfigurationError):
        return f"what the URL says about TLS cannot be used: is a root certificate missing? ({_URL}) [{where}]"
    if isinstance(error, asyncpg.exceptions.TargetServerAttributeNotMatched):
        return f"none of {where} is what target_session_attrs asks for ({_URL})"
    if isinstance(error, asyncpg.InterfaceError):
        return f"{where} asked for what the URL does not have, such as a password, or closed the connection ({_URL})"
    return f"{where} failed ({type(error).__name__})"


def _describe_state(error: asyncpg.PostgresError) -> str:
    said = str(error).lower()
    state = error.sqlstate or ""
    if not state.startswith(("42", "57014")):
        for part, words in _BY_MESSAGE:
            if part in said:
                return words
    for length in (5, 2):
        if state[:length] in _BY_STATE:
            return _BY_STATE[state[:length]]
    return f"the server answered with an error (SQLSTATE {state or 'unknown'})"


def _describe_certificate(error: ssl.SSLCertVerificationError, where: str) -> str:
    if "ostname mismatch" in error.verify_message or "IP address mismatch" in error.verify_message:
        return f"the certificate of {where} is for another name: use the name in it, or sslmode=verify-ca ({_URL})"
    return (
        f"the certificate of {where} is not trusted ({error.verify_message}): name its authority with sslrootcert"
        f" ({_URL})"
    )


def _describe_os_error(error: OSError, where: str) -> str:
    # socket.gaierror by its name: this room opens no sockets, and imports nothing that does.
    if type(error).__name__ == "gaierror":
        return f"the host name of {where} is not known: is it spelt right, does this machine's DNS know it? ({_URL})"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {where}: is PostgreSQL running, is the port right? ({_URL})"
    if isinstance(error, FileNotFoundError):
        return f"there is no socket {where}: is PostgreSQL running, is the folder right? ({_URL})"
    if isinstance(error, PermissionError):
        return f"this user may not open {where}, or the TLS files in ~/.postgresql: set HOME to another folder ({_URL})"
    if "rejected SSL upgrade" in str(error):
        return f"{where} has no TLS, or is not PostgreSQL: turn it on there, or use sslmode=prefer or disable ({_URL})"
    if error.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT}:
        return f"{where} cannot be reached: network, route or firewall ({_URL})"
    if isinstance(error, ConnectionError):
        return f"{where} closed the connection: is it a PostgreSQL, does it let this machine in?"
    if "Multiple exceptions" in str(error) or "Connect call failed" in str(error):
        return f"nothing listens at {where}: is PostgreSQL running, is the port right? ({_URL})"
    return f"{where} cannot be reached ({error.strerror or type(error).__name__})"
